/**
 * What stands in front of an HTTP endpoint: who may ask at all, and on whose behalf.
 *
 * @module
 */

import { type AuthenticationOptions, identify } from "./authenticate.ts";
import { discardBody, refuse, refuseForNow } from "./refuse.ts";
import type { AuthInfo } from "./sdk.ts";

/** What answers HTTP requests, such as a {@linkcode StatelessHttpTransport}. */
export interface HttpEndpoint {
  /** Answers one HTTP request, on behalf of the caller that `authInfo` describes. */
  fetch(request: Request, authInfo?: AuthInfo): Promise<Response>;
}

/** Whom an {@linkcode httpHandler} lets through. */
export interface HttpHandlerOptions extends AuthenticationOptions {
  /**
   * The values of the `Host` header to answer to, each exactly as a client sends it: with a port
   * that is not the scheme's own. Any other is answered with 403, so that no web page can reach the
   * server under a name of its own (DNS rebinding).
   */
  readonly hosts: Iterable<string>;
  /**
   * The values of the `Origin` header to answer to: web pages from there may call the server, and
   * their browser is told so (CORS). Those of any other origin are answered with 403. @default none
   */
  readonly origins?: Iterable<string> | undefined;
}

/** How many callers may be in the course of being checked, which can take long. */
const MAX_CHECKED_AT_ONCE = 1024;

const ALLOWED_TO_PAGES = {
  "access-control-allow-methods": "POST, GET, DELETE",
  "access-control-allow-headers":
    "accept, authorization, content-type, last-event-id, mcp-protocol-version, mcp-session-id",
  "access-control-max-age": "600",
};
const SHOWN_TO_PAGES = "mcp-protocol-version, mcp-session-id, retry-after, www-authenticate";

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
  const hosts = new Set(options.hosts);
  const origins = new Set(options.origins);

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

  const answerPage = async (request: Request, origin: string): Promise<Response> => {
    const { headers, method } = request;
    const answered = method === "OPTIONS" && headers.has("access-control-request-method")
      ? new Response(null, { status: 204, headers: ALLOWED_TO_PAGES })
      : await answer(request);
    // The headers of some answers, such as a redirection, cannot be changed.
    const response = new Response(answered.body, answered);
    response.headers.set("access-control-allow-origin", origin);
    response.headers.set("access-control-expose-headers", SHOWN_TO_PAGES);
    response.headers.append("vary", "origin");
    return response;
  };

  const turnAway = async (request: Request, why: string): Promise<Response> => {
    await discardBody(request);
    return refuse(403, `Forbidden: ${why}`);
  };

  return (request) => {
    const { headers } = request;
    // HTTP/2 has no Host: what it calls the authority is in the URL. Of a request by HTTP/1 that has
    // none the URL has the server's own address; no browser sends such a one.
    if (!hosts.has(headers.get("host") ?? URL.parse(request.url)?.host ?? "")) {
      return turnAway(request, "the server does not answer to this Host (see --allowed-host)");
    }
    const origin = headers.get("origin");
    if (origin === null) {
      return options.authenticate ? answer(request) : endpoint.fetch(request);
    }
    if (origins.has(origin)) return answerPage(request, origin);
    return turnAway(
      request,
      "the server takes no requests from this Origin (see --allowed-origin)",
    );
  };
}
