/**
 * Requests that are replayed on each new connection, as their effect ends with the connection: the
 * log level, and subscriptions to resources.
 *
 * @module
 */

import { member } from "../../runtime/json.ts";
import type { JSONRPCRequest } from "../sdk.ts";

/** The last successful request of each kind that has to be replayed. */
export class ReplayedRequests {
  readonly #requests = new Map<string, JSONRPCRequest>();

  /** Records a request that the server has carried out, if it is of such a kind. */
  record(request: JSONRPCRequest): void {
    const key = keyOf(request);
    if (key === undefined) return;
    // Keeps the order of the last requests.
    this.#requests.delete(key);
    if (request.method === "resources/unsubscribe") return;
    // The session, the conversation and the progress token belong to that one request.
    const { _meta, ...params } = request.params ?? {};
    this.#requests.set(key, { ...request, params });
  }

  /** The requests to replay, but for those that a pending request supersedes. */
  excluding(pending: Iterable<JSONRPCRequest>): JSONRPCRequest[] {
    const superseded = new Set(Array.from(pending, keyOf));
    return [...this.#requests].filter(([key]) => !superseded.has(key)).map(([, request]) =>
      request
    );
  }
}

/** The same key for requests that supersede each other. */
function keyOf({ method, params }: JSONRPCRequest): string | undefined {
  switch (method) {
    case "logging/setLevel":
      return "level";
    case "resources/subscribe":
    case "resources/unsubscribe":
      return JSON.stringify(["resource", member(params, "uri")]);
    default:
      return undefined;
  }
}
