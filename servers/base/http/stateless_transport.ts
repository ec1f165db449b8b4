/**
 * The stateless Streamable HTTP transport: one MCP server responds to every request, from any client
 * and in any process, because sessions do not live in the connection.
 *
 * @module
 */

import type { AuthInfo, Transport } from "../sdk.ts";
import { StatelessEndpoint, type StatelessHttpOptions } from "./stateless_endpoint.ts";

/**
 * Serves Streamable HTTP without transport sessions. Give `fetch` to an HTTP server, behind
 * {@linkcode httpHandler}.
 *
 * Each request runs under an id of the transport's own, so that ids of clients cannot collide. All
 * clients share one server: `getClientVersion()` and `getClientCapabilities()` are those of the last
 * `initialize`, of whichever client. Without a lasting connection, a tool that sends a request to the
 * client gets an error, and a notification that belongs to no request reaches no client but those of the
 * modern era that have asked for it by `subscriptions/listen`. One to a client that does not read is
 * dropped.
 *
 * A lost connection does not cancel a call of the legacy era. One of the modern era it cancels: the
 * response becomes an event stream after a second, by which the loss is noticed.
 */
export interface StatelessHttpTransport extends Transport {
  /**
   * Responds to one HTTP request, on behalf of the caller that `authInfo` describes. `address` is the
   * caller's IP address, if it is known.
   */
  fetch(request: Request, authInfo?: AuthInfo, address?: string): Promise<Response>;
  /**
   * Refuses further requests, and those whose body is still coming, and ends the subscriptions of modern
   * clients. Running requests get their response.
   */
  stop(): void;
  /** Ends every pending request without a response. */
  close(): Promise<void>;
}

/**
 * Makes a transport for one server.
 *
 * @throws {RangeError} if a limit is not above 0.
 */
export const StatelessHttpTransport: new (
  options?: StatelessHttpOptions,
) => StatelessHttpTransport = StatelessEndpoint;
