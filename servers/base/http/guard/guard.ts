/**
 * The guard in front of an HTTP endpoint: which hosts and origins may call, and on whose behalf.
 *
 * @module
 */

import { type AuthenticationOptions, identify } from "./authentication.ts";
import { hostMatcher } from "./authority.ts";
import { clientAddress, type ConnectionInfo } from "./client_address.ts";
import { isPreflight, originMatcher, preflightResponse, readableBy } from "./cors.ts";
import { asError } from "../../../../runtime/errors.ts";
import { errorResponse, respondUnread, unavailable } from "../error_responses.ts";
import { checkHost, checkOrigin } from "../header_checks.ts";
import { refusalTeller } from "./refusals.ts";
import type { Observer } from "../../observer/observer.ts";
import type { AuthInfo } from "../../sdk.ts";

/** An endpoint that responds to HTTP requests, such as a {@linkcode StatelessHttpTransport}. */
export interface HttpEndpoint {
  /**
   * Responds to one HTTP request, on behalf of the caller that `authInfo` describes. `address` is the
   * caller's IP address, if it is known.
   */
  fetch(request: Request, authInfo?: AuthInfo, address?: string): Promise<Response>;
}

/** The callers that an {@linkcode httpHandler} lets through. */
export interface HttpHandlerOptions extends AuthenticationOptions {
  /**
   * The hosts to answer to, such as `mcp.example.com` or `10.0.0.5:8765`, compared as RFC 9110 does:
   * letter case, a trailing dot and the form of an IPv6 address make no difference. A host without a
   * port matches on 80 and 443, written out or not. Any other `Host` gets 403, so that no web page can
   * reach the server under a name of its own (DNS rebinding).
   */
  readonly hosts: Iterable<string>;
  /**
   * The origins to answer to, of any scheme (`https://app.example.com`, `vscode-webview://0a1b`). Web
   * pages from there may call the server and read its responses, whatever the status (CORS). Pages of
   * any other origin get 403. @default none
   */
  readonly origins?: Iterable<string> | undefined;
  /**
   * The proxies in front, as addresses or blocks such as `10.0.0.0/8`. Each must write the address that
   * it has a request from at the end of `X-Forwarded-For`: that is believed, and of no one else. An
   * entry that is no address or block is a `TypeError`. @default none
   */
  readonly trustedProxies?: Iterable<string> | undefined;
  /** Called with the reason for each 403 for a `Host` or `Origin`. */
  readonly onforbidden?: ((reason: string) => void) | undefined;
  /**
   * Told of each request that is refused (`refused`). One that throws breaks nothing: `onerror` gets its
   * first error. @default nothing is observed
   */
  readonly observer?: Observer | undefined;
}

/** Concurrent calls of `authenticate`, which can take long. */
const MAX_AUTHENTICATING = 1024;

/**
 * Puts the guard in front of an endpoint: checks `Host` and `Origin`, and authenticates the caller.
 * Give the handler to `Deno.serve`, for the path of the endpoint. Its second argument tells the caller's
 * address if it is a {@linkcode ConnectionInfo}; without one, and with what other servers give their
 * handlers, that is not known.
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
): (request: Request, info?: ConnectionInfo | object) => Promise<Response> {
  const guarded = guardOrigins(guardHosts(endpoint, options), options);
  const addressOf = clientAddress(options.trustedProxies ?? []);
  return (request, info) => guarded(request, addressOf(request, info));
}

type Handler = (request: Request, address: string | undefined) => Promise<Response>;

/** Lets pages of allowed origins through, and lets them read every response. */
export function guardOrigins(
  handler: Handler,
  { origins = [], onforbidden, onerror, observer }: Omit<HttpHandlerOptions, "hosts">,
): Handler {
  const isAllowed = originMatcher(origins);
  const tell = refusalTeller({ observer, onerror });

  const respondToPage = async (
    request: Request,
    origin: string,
    address: string | undefined,
  ): Promise<Response> => {
    if (isPreflight(request)) return readableBy(origin, preflightResponse(request));
    try {
      return readableBy(origin, await handler(request, address));
    } catch (error) {
      // Without `onerror`, the server around the handler reports it.
      if (onerror === undefined) throw error;
      onerror(asError(error));
      return readableBy(origin, errorResponse(500, "Internal server error"));
    }
  };

  return (request, address) => {
    const origin = request.headers.get("origin");
    if (origin === null) return handler(request, address);
    const refusal = checkOrigin(origin, isAllowed, onforbidden);
    if (refusal) return respondUnread(request, tell(refusal, address));
    return respondToPage(request, origin, address);
  };
}

/** Lets requests to allowed hosts through, on behalf of their authenticated callers. */
export function guardHosts(endpoint: HttpEndpoint, options: HttpHandlerOptions): Handler {
  const isAllowed = hostMatcher(options.hosts);
  const tell = refusalTeller(options);
  let authenticating = 0;

  const caller = async (request: Request): Promise<AuthInfo | undefined | Response> => {
    if (authenticating >= MAX_AUTHENTICATING) {
      return unavailable("it has too many callers to check");
    }
    authenticating++;
    try {
      return await identify(request, options);
    } finally {
      authenticating--;
    }
  };

  // Unless it is observed, a response is not waited for here.
  const respond: HttpEndpoint["fetch"] = options.observer?.refused === undefined
    ? (...request) => endpoint.fetch(...request)
    : async (request, authInfo, address) =>
      tell(await endpoint.fetch(request, authInfo, address), address, authInfo);

  const authenticated: Handler = async (request, address) => {
    const identified = await caller(request);
    return identified instanceof Response
      ? await respondUnread(request, tell(identified, address))
      : await respond(request, identified, address);
  };

  return (request, address) => {
    const refusal = checkHost(request, isAllowed, options.onforbidden);
    if (refusal) return respondUnread(request, tell(refusal, address));
    return options.authenticate
      ? authenticated(request, address)
      : respond(request, undefined, address);
  };
}
