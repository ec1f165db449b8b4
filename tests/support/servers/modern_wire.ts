/** Requests of the modern era (2026-07-28) as tests send them: an envelope in the body, its copies in the headers. */

import { post, request } from "./wire.ts";

export const MODERN_VERSION = "2026-07-28";
export const EXTENSION = "io.github.mcp-sessions/session";

/** The `_meta` of a modern request; its client declares nothing unless `capabilities` says so. */
export function envelope(
  meta: Record<string, unknown> = {},
  capabilities: object = {},
): Record<string, unknown> {
  return {
    "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
    "io.modelcontextprotocol/clientCapabilities": capabilities,
    ...meta,
  };
}

export function modernRequest(method: string, params: object = {}, id: unknown = 1): string {
  return request(method, { _meta: envelope(), ...params }, id);
}

/** The headers that the specification requires of a modern request. */
export function modernHeaders(method: string, name?: string): Record<string, string> {
  return {
    "mcp-protocol-version": MODERN_VERSION,
    "mcp-method": method,
    ...(name !== undefined && { "mcp-name": name }),
  };
}

/** Sends a modern request by POST, with headers that say the same. */
export function postModern(
  url: string,
  method: string,
  params: { readonly [key: string]: unknown } = {},
  headers: Record<string, string> = {},
): Promise<Response> {
  const name = params.name ?? params.uri;
  const own = modernHeaders(method, typeof name === "string" ? name : undefined);
  return post(url, modernRequest(method, params), { ...own, ...headers });
}
