/**
 * What stands in front of an HTTP endpoint: who may ask at all, and on whose behalf.
 *
 * @module
 */

import { printable } from "../../../runtime/terminal_text.ts";
import { type AuthenticationOptions, identify } from "./authentication.ts";
import { hostMatcher } from "./authority.ts";
import { isPreflight, originMatcher, preflightResponse, readableBy } from "./cors.ts";
import { asError } from "../../../runtime/errors.ts";
import { discardBody, refuse, refuseForNow } from "./error_responses.ts";
import type { AuthInfo } from "../sdk.ts";

/** What answers HTTP requests, such as a {@linkcode StatelessHttpTransport}. */
export interface HttpEndpoint {
  /** Answers one HTTP request, on behalf of the caller that `authInfo` describes. */
  fetch(request: Request, authInfo?: AuthInfo): Promise<Response>;
}

/** Whom an {@linkcode httpHandler} lets through. */
export interface HttpHandlerOptions extends AuthenticationOptions {
  /**
   * The hosts to answer to, such as `mcp.example.com` or `10.0.0.5:8765`, compared as RFC 9110 does:
   * letter case, a trailing dot and the form of an IPv6 address make no difference. One without a
   * port is answered to on 80 and 443, written out or not. Any other `Host` is answered with 403, so
   * that no web page can reach the server under a name of its own (DNS rebinding).
   */
  readonly hosts: Iterable<string>;
  /**
   * The origins to answer to, of any scheme (`https://app.example.com`, `vscode-webview://0a1b`):
   * web pages from there may call the server and read what it answers, whatever the status, and their
   * browser is told so (CORS). Those of any other origin are answered with 403. @default none
   */
  readonly origins?: Iterable<string> | undefined;
  /** Told of each request that is answered with 403 for its `Host` or `Origin`, and which it was. */
  readonly onforbidden?: ((reason: string) => void) | undefined;
}

/** How many callers may be in the course of being checked, which can take long. */
const MAX_CHECKED_AT_ONCE = 1024;

const FORBIDDEN = {
  Host: { reason: "the server does not answer to this Host", flag: "--allowed-host" },
  Origin: { reason: "the server takes no requests from this Origin", flag: "--allowed-origin" },
} as const;
/** How much of a `Host` or `Origin` is told of: no name of a host is longer. */
const MAX_TOLD_LENGTH = 255;

/**
 * Puts the guards in front of an endpoint: checks `Host` and `Origin`, and authenticates the caller.
 * Give what it returns to `Deno.serve`, for the path of the endpoint.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { httpHandler, StatelessHttpTransport } from "@mcp-sessions/deno/server";
 *
 * const handler = httpHandler(new StatelessHttpTransport(), { hosts: ["mcp.example.com"] });
 * // Deno.serve({ port: 8765 }, handler);
 *
 * const headers = { host: "rebound.example.org" };
 * const response = await handler(new Request("http://mcp.example.com/mcp", { headers }));
 * assertEquals(response.status, 403);
 * ```
 */
export function httpHandler(
  endpoint: HttpEndpoint,
  options: HttpHandlerOptions,
): (request: Request) => Promise<Response> {
  return forPages(forHosts(endpoint, options), options);
}

type Handler = (request: Request) => Promise<Response>;

/** Lets web pages through that may call, and lets them read every answer. */
export function forPages(
  handler: Handler,
  { origins = [], onforbidden, onerror }: Omit<HttpHandlerOptions, "hosts">,
): Handler {
  const isAllowed = originMatcher(origins);

  const answerPage = async (request: Request, origin: string): Promise<Response> => {
    if (isPreflight(request)) return readableBy(origin, preflightResponse(request));
    try {
      return readableBy(origin, await handler(request));
    } catch (error) {
      // Whoever is not told of it here makes an answer of it elsewhere.
      if (onerror === undefined) throw error;
      onerror(asError(error));
      return readableBy(origin, refuse(500, "Internal server error"));
    }
  };

  return (request) => {
    const origin = request.headers.get("origin");
    if (origin === null) return handler(request);
    if (isAllowed(origin)) return answerPage(request, origin);
    return forbid(request, "Origin", origin, onforbidden);
  };
}

/** Lets requests through to the hosts that are answered to, on behalf of whoever sends them. */
export function forHosts(endpoint: HttpEndpoint, options: HttpHandlerOptions): Handler {
  const isAllowed = hostMatcher(options.hosts);
  let checked = 0;

  const check = async (request: Request): Promise<AuthInfo | undefined | Response> => {
    if (checked >= MAX_CHECKED_AT_ONCE) return refuseForNow("it has too many callers to check");
    checked++;
    try {
      return await identify(request, options);
    } finally {
      checked--;
    }
  };

  const answer = async (request: Request): Promise<Response> => {
    const caller = await check(request);
    if (!(caller instanceof Response)) return await endpoint.fetch(request, caller);
    await discardBody(request);
    return caller;
  };

  return (request) => {
    const stranger = hostsOf(request).find((host) => !isAllowed(host));
    if (stranger !== undefined) return forbid(request, "Host", stranger, options.onforbidden);
    return options.authenticate ? answer(request) : endpoint.fetch(request);
  };
}

/**
 * The hosts that a request names: the one in its URL, which HTTP/2 has in place of a `Host`, and the
 * `Host`, which HTTP/1 would have a server ignore beside a whole URL. Of a request by HTTP/1 that has
 * neither the URL has a loopback name; no browser sends such a one.
 */
function hostsOf({ headers, url }: Request): string[] {
  const host = headers.get("host");
  // Elsewhere, as of a Unix socket, the URL has the server's own address.
  const target = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1];
  return [host ?? target ?? "", ...(target === undefined || target === host ? [] : [target])];
}

async function forbid(
  request: Request,
  header: "Host" | "Origin",
  value: string,
  onforbidden: HttpHandlerOptions["onforbidden"],
): Promise<Response> {
  await discardBody(request);
  const { reason, flag } = FORBIDDEN[header];
  const told = printable(value.slice(0, MAX_TOLD_LENGTH));
  onforbidden?.(`403 as ${reason}: "${told}" (see ${flag})`);
  return refuse(403, `Forbidden: ${reason} (see ${flag})`);
}
