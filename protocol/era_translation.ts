/**
 * Translation of messages between the eras: a modern request in legacy terms, and a legacy result or
 * error in modern ones. Pure; what is in flight is for the caller to keep.
 *
 * @module
 */

import { isObject, type Json, member } from "../runtime/json.ts";
import { CAPABILITY, declaresExtension, EXTENSION, withExtension } from "./capability.ts";
import { type CookieKey, META_KEY, withCookie } from "./cookie.ts";
import { cookieKeys, withCookieUnder, withKeys, withLegacyCookie } from "./cookie_keys.ts";
import { DISCOVER, type Envelope, META, MODERN_VERSIONS } from "./era.ts";
import { CODE, WireError } from "./errors.ts";

/** The facts about a modern request by which its answer is translated. */
export interface ModernRequest {
  readonly method: string;
  /** The name of the tool that it calls. */
  readonly tool: unknown;
  /** The URI of the resource that it reads. */
  readonly uri: unknown;
  /** Whether its client knows sessions: it declares the extension, or sends a cookie. */
  readonly knowsSessions: boolean;
  /** The keys that the cookie of its answer has. */
  readonly keys: readonly CookieKey[];
}

interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** Methods whose result can be cached. What depends on a session must not be. */
const CACHEABLE: ReadonlySet<string> = new Set([
  DISCOVER,
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
]);

/** Methods that the modern era has no more. */
const REMOVED_METHODS: ReadonlySet<string> = new Set([
  "initialize",
  "ping",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
]);

/** @throws {WireError} -32601 if the modern era has a method no more. */
export function checkMethod(method: string): void {
  if (!REMOVED_METHODS.has(method)) return;
  throw new WireError(
    CODE.methodNotFound,
    `Method not found: ${method} is no method of ${MODERN_VERSIONS.join(", ")}`,
  );
}

/** The specification's own range of codes, where a server's have no place. */
const RESERVED = { first: -32099, last: -32000 } as const;

/**
 * The params of a modern request in legacy terms, with the cookie under its legacy key.
 *
 * @throws {WireError} -32602 if two cookies name different sessions.
 */
export function toLegacyParams(
  method: string,
  params: Record<string, unknown>,
  { clientCapabilities }: Envelope,
): { readonly params: Record<string, unknown>; readonly request: ModernRequest } {
  const keys = cookieKeys(params);
  const knowsSessions = keys.length > 0 || declaresExtension(clientCapabilities);
  const request: ModernRequest = {
    method,
    tool: method === "tools/call" ? params.name : undefined,
    uri: method === "resources/read" ? params.uri : undefined,
    knowsSessions,
    keys: keys.length > 0 ? keys : [EXTENSION],
  };
  if (keys.length === 0) {
    return { params: knowsSessions ? withCookie(params, null) : params, request };
  }
  return { params: withLegacyCookie(params, keys), request };
}

/** A result of a legacy server in modern terms; the error that takes its place, if one does. */
export function toModernResult(
  result: Record<string, unknown>,
  { method, tool, keys }: ModernRequest,
  serverInfo: unknown,
): { readonly result: Record<string, unknown> } | { readonly error: RpcError } {
  if (result.isError === true && typeof tool === "string" && isUnknownTool(result, tool)) {
    return { error: { code: CODE.invalidParams, message: `Unknown tool: ${tool}` } };
  }
  const { _meta, ...rest } = withCookieUnder(result, META_KEY, keys);
  const meta = {
    ...(isObject(_meta) && _meta),
    ...(isObject(serverInfo) && { [META.serverInfo]: serverInfo }),
  };
  return {
    result: {
      ...rest,
      ...(method === "tools/list" && { tools: withoutExecution(rest.tools) }),
      ...(CACHEABLE.has(method) && cacheHints(rest)),
      resultType: "complete",
      _meta: meta,
    },
  };
}

/** An error of a legacy server in modern terms. */
export function toModernError(error: RpcError, request: ModernRequest): RpcError {
  const { method, uri, knowsSessions, keys } = request;
  const { code, data } = error;
  if (typeof uri === "string" && data === undefined && isUnknownResource(error)) {
    return { ...error, code: CODE.invalidParams, data: { uri } };
  }
  const message = withKeys(error.message, keys);
  if (code === CODE.sessionRequired) {
    // Elsewhere this code means a resource that is not there.
    if (method !== "tools/call") return { ...error, code: CODE.invalidParams };
    // After "ended" the tool has run, whatever its client knows.
    return knowsSessions || member(data, "reason") === "ended"
      ? { ...error, code: CODE.modernSessionRequired, message }
      : {
        code: CODE.missingCapability,
        message,
        data: { requiredCapabilities: withExtension({}, CAPABILITY) },
      };
  }
  // A modern server behind may miss what only its client can declare.
  const isMissing = code === CODE.missingCapability &&
    isObject(member(data, "requiredCapabilities"));
  const isReserved = code >= RESERVED.first && code <= RESERVED.last && !isMissing;
  return { ...error, code: isReserved ? CODE.internalError : code, message };
}

/** The result of `server/discover` from a legacy server's `initialize`. */
export function toDiscovery(initialized: Record<string, unknown>): Record<string, unknown> {
  const { serverInfo: _, protocolVersion: __, capabilities, ...rest } = initialized;
  const { tasks: ___, experimental, ...others } = isObject(capabilities) ? capabilities : {};
  const { session: ____, ...remaining } = isObject(experimental) ? experimental : {};
  const isEmpty = Object.keys(remaining).length === 0;
  return {
    ...rest,
    supportedVersions: MODERN_VERSIONS,
    capabilities: { ...others, ...(!isEmpty && { experimental: remaining }) },
  };
}

/** The SDK makes a result of a call of an unknown tool, and tells in its text alone. */
function isUnknownTool(result: Record<string, unknown>, tool: string): boolean {
  const [block] = Array.isArray(result.content) ? result.content : [];
  const text = member(block, "text");
  return ["not found", "disabled"].some((why) => text === `MCP error -32602: Tool ${tool} ${why}`);
}

/** The SDK tells in the text alone, where the URI is spelt in its own way. */
function isUnknownResource({ code, message }: RpcError): boolean {
  return code === CODE.sessionRequired ||
    /^MCP error -32602: Resource .* (?:not found|disabled)$/s.test(message);
}

function withoutExecution(tools: unknown): unknown {
  if (!Array.isArray(tools)) return tools;
  return tools.map((tool) => {
    if (!isObject(tool) || !Object.hasOwn(tool, "execution")) return tool;
    const { execution: _, ...rest } = tool;
    return rest;
  });
}

function cacheHints({ ttlMs, cacheScope }: Record<string, unknown>): Record<string, Json> {
  const isLifetime = typeof ttlMs === "number" && ttlMs >= 0;
  const isScope = cacheScope === "public" || cacheScope === "private";
  return isLifetime && isScope ? { ttlMs, cacheScope } : { ttlMs: 0, cacheScope: "private" };
}
