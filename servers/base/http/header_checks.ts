/**
 * Checks of the headers of an HTTP request: `Host`, `Origin`, `Accept` and `Content-Type`. For
 * `MCP-Protocol-Version` see `protocol_version.ts`, for those that repeat the body `modern_headers.ts`,
 * for `Authorization` `guard/authentication.ts`.
 *
 * @module
 */

import { printable } from "../../../runtime/terminal/terminal_text.ts";
import { errorResponse } from "./error_responses.ts";

type OnForbidden = ((reason: string) => void) | undefined;

const FORBIDDEN = {
  Host: { reason: "the server does not answer to this Host", flag: "--allowed-host" },
  Origin: { reason: "the server takes no requests from this Origin", flag: "--allowed-origin" },
} as const;
/** The longest part of a `Host` or `Origin` that is logged; host names are no longer. */
const MAX_LOGGED_LENGTH = 255;

/** The media types that a POST must accept: the server chooses one of them. */
const RESPONSE_TYPES = ["application/json", "text/event-stream"] as const;

export function checkHost(
  request: Request,
  isAllowed: (host: string) => boolean,
  onforbidden?: OnForbidden,
): Response | undefined {
  const host = hostsOf(request).find((host) => !isAllowed(host));
  return host === undefined ? undefined : forbid("Host", host, onforbidden);
}

export function checkOrigin(
  origin: string,
  isAllowed: (origin: string) => boolean,
  onforbidden?: OnForbidden,
): Response | undefined {
  return isAllowed(origin) ? undefined : forbid("Origin", origin, onforbidden);
}

/** The headers that passed last: most requests repeat them, and parsing takes long. */
let lastAccept: string | undefined;
let lastType: string | undefined;

/** Refuses a POST that does not accept JSON and event streams, or whose body is not JSON. */
export function checkMediaTypes(headers: Headers): Response | undefined {
  const accept = headers.get("accept") ?? "";
  if (accept !== lastAccept) {
    if (!RESPONSE_TYPES.every(acceptedTypes(accept))) {
      const types = RESPONSE_TYPES.join(" and ");
      return errorResponse(406, `Not acceptable: accept must list ${types}`);
    }
    lastAccept = accept;
  }
  const type = headers.get("content-type") ?? "";
  if (type !== lastType) {
    if (type.split(";")[0]?.trim().toLowerCase() !== "application/json") {
      return errorResponse(415, "Unsupported media type: content-type must be application/json");
    }
    lastType = type;
  }
  return undefined;
}

/** A checked POST without its body, whose `Accept` contains both types literally. */
export function withLiteralAccept(request: Request): Request {
  const accept = request.headers.get("accept") ?? "";
  if (RESPONSE_TYPES.every((type) => accept.includes(type))) return request;
  const headers = new Headers(request.headers);
  headers.set("accept", RESPONSE_TYPES.join(", "));
  return new Request(request.url, { method: "POST", headers });
}

/**
 * The hosts that a request names: the `Host`, and the host of the URL where HTTP/2 or an absolute
 * target gives one. An HTTP/1 request with neither has a loopback name in its URL; browsers send none.
 */
function hostsOf({ headers, url }: Request): string[] {
  const host = headers.get("host");
  // The URL of a request over a Unix socket has the server's own address.
  const target = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1];
  return [host ?? target ?? "", ...(target === undefined || target === host ? [] : [target])];
}

function forbid(header: "Host" | "Origin", value: string, onforbidden: OnForbidden): Response {
  const { reason, flag } = FORBIDDEN[header];
  const logged = printable(value.slice(0, MAX_LOGGED_LENGTH));
  onforbidden?.(`403 as ${reason}: "${logged}" (see ${flag})`);
  return errorResponse(403, `Forbidden: ${reason} (see ${flag})`);
}

/** Parses an `Accept` into a test of media types; the most specific range decides. */
function acceptedTypes(accept: string): (type: string) => boolean {
  const ranges = new Map<string, boolean>();
  let last = "";
  // Some clients separate types by semicolons.
  for (const part of accept.toLowerCase().match(/[^\s,;"]+/g) ?? []) {
    if (part.includes("/")) ranges.set(last = part, true);
    else if (/^q=0(\.0*)?$/.test(part)) ranges.set(last, false);
  }
  return (type) =>
    ranges.get(type) ?? ranges.get(type.replace(/\/.*/, "/*")) ?? ranges.get("*/*") ?? false;
}
