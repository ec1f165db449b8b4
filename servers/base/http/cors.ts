/**
 * Web pages as callers (CORS): which may call, and what their browser is told.
 *
 * @module
 */

import { canonicalOrigin } from "./authority.ts";

/** Request headers that a page may send without its preflight naming them. */
const ALLOWED_HEADERS: readonly string[] = [
  "accept",
  "authorization",
  "content-type",
  "last-event-id",
  "mcp-protocol-version",
  "mcp-session-id",
];
const SHOWN_HEADERS = "mcp-protocol-version, mcp-session-id, retry-after, www-authenticate";
/** How much of a preflight's own list is answered, in characters and in names. */
const MAX_ASKED_LENGTH = 4096;
const MAX_ASKED_NAMES = 64;
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const VARY = "access-control-request-headers, access-control-request-private-network";

/** Tells whether an `Origin` is one of `origins`. */
export function originMatcher(origins: Iterable<string>): (origin: string) => boolean {
  // Whoever lists what is no origin, such as "null", means it to the letter.
  const canonical = (origin: string) => canonicalOrigin(origin) ?? origin;
  const allowed = new Set([...origins].map(canonical));
  return (origin) => allowed.has(canonical(origin));
}

/** Tells whether a browser asks what a page may send, before it sends it. */
export function isPreflight({ method, headers }: Request): boolean {
  return method === "OPTIONS" && headers.has("access-control-request-method");
}

/** The answer to the preflight of a page that may call: it may send every header that it asks for. */
export function preflightResponse({ headers }: Request): Response {
  const asked = askedHeaders(headers.get("access-control-request-headers") ?? "");
  const isPrivate = headers.get("access-control-request-private-network") === "true";
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "POST, GET, DELETE",
      "access-control-allow-headers": [...new Set([...ALLOWED_HEADERS, ...asked])].join(", "),
      "access-control-max-age": "600",
      ...(isPrivate && { "access-control-allow-private-network": "true" }),
      vary: VARY,
    },
  });
}

/** The same answer, of whatever status, as one that the page of this origin may read. */
export function readableBy(origin: string, answer: Response): Response {
  // The headers of some answers, such as a redirection, cannot be changed.
  const response = new Response(answer.body, answer);
  response.headers.set("access-control-allow-origin", origin);
  response.headers.set("access-control-expose-headers", SHOWN_HEADERS);
  response.headers.append("vary", "origin");
  return response;
}

/** The names in a preflight's list; none if it is no list of names, or too long. */
function askedHeaders(list: string): string[] {
  if (list.length > MAX_ASKED_LENGTH) return [];
  const names = list.toLowerCase().split(",").map((name) => name.trim()).filter(Boolean);
  return names.length <= MAX_ASKED_NAMES && names.every((name) => TOKEN.test(name)) ? names : [];
}
