/**
 * CORS: the origins of web pages that may call, preflights, and the headers that let a page read a
 * response.
 *
 * @module
 */

import { canonicalOrigin } from "./authority.ts";

const ALLOWED_HEADERS: readonly string[] = [
  "accept",
  "authorization",
  "content-type",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  "mcp-session-id",
];
const EXPOSED_HEADERS = "mcp-protocol-version, mcp-session-id, retry-after, www-authenticate";
/** Limits of a preflight's own list of headers, in characters and in names. */
const MAX_REQUESTED_LENGTH = 4096;
const MAX_REQUESTED_NAMES = 64;
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const VARY = "access-control-request-headers, access-control-request-private-network";

export function originMatcher(origins: Iterable<string>): (origin: string) => boolean {
  // Listed text that is not an origin, such as "null", is compared literally.
  const canonical = (origin: string) => canonicalOrigin(origin) ?? origin;
  const allowed = new Set([...origins].map(canonical));
  return (origin) => allowed.has(canonical(origin));
}

export function isPreflight({ method, headers }: Request): boolean {
  return method === "OPTIONS" && headers.has("access-control-request-method");
}

/** Responds to the preflight of an allowed page, which may send every header that it asks for. */
export function preflightResponse({ headers }: Request): Response {
  const requested = requestedHeaders(headers.get("access-control-request-headers") ?? "");
  const isPrivate = headers.get("access-control-request-private-network") === "true";
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "POST, GET, DELETE",
      "access-control-allow-headers": [...new Set([...ALLOWED_HEADERS, ...requested])].join(", "),
      "access-control-max-age": "600",
      ...(isPrivate && { "access-control-allow-private-network": "true" }),
      "cache-control": "no-store",
      vary: VARY,
    },
  });
}

export function readableBy(origin: string, original: Response): Response {
  // The headers of some responses, such as redirects, are immutable.
  const response = new Response(original.body, original);
  response.headers.set("access-control-allow-origin", origin);
  response.headers.set("access-control-expose-headers", EXPOSED_HEADERS);
  response.headers.append("vary", "origin");
  return response;
}

/** The names in a preflight's list of headers; empty if the list is malformed or too long. */
function requestedHeaders(list: string): string[] {
  if (list.length > MAX_REQUESTED_LENGTH) return [];
  const names = list.toLowerCase().split(",").map((name) => name.trim()).filter(Boolean);
  return names.length <= MAX_REQUESTED_NAMES && names.every((name) => TOKEN.test(name))
    ? names
    : [];
}
