/**
 * What a host has asked for that holds for as long as a connection does.
 *
 * @module
 */

import { member } from "../../runtime/json.ts";
import type { JSONRPCRequest } from "../sdk.ts";

/** The last request of each kind that a new connection has to be asked again. */
export class Standing {
  readonly #requests = new Map<string, JSONRPCRequest>();

  /** Takes note of what the server has done, as far as it goes with the connection. */
  note(request: JSONRPCRequest): void {
    const key = keyOf(request);
    if (key === undefined) return;
    // What was asked last is asked last again.
    this.#requests.delete(key);
    if (request.method === "resources/unsubscribe") return;
    // The session, the conversation and the progress token were of that one request.
    const { _meta, ...params } = request.params ?? {};
    this.#requests.set(key, { ...request, params });
  }

  /** What to ask again, but for what one of these asks anew. */
  except(coming: Iterable<JSONRPCRequest>): JSONRPCRequest[] {
    const anew = new Set(Array.from(coming, keyOf));
    return [...this.#requests].filter(([key]) => !anew.has(key)).map(([, request]) => request);
  }
}

/** The same for what takes the place of each other. */
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
