/**
 * Requests of the session layer's own, beside those of the client.
 *
 * @module
 */

import { WireError } from "../../protocol/errors.ts";
import { type Deadline, DeadlineError } from "../../runtime/deadline.ts";
import type { JSONRPCMessage, JSONRPCRequest, JSONRPCResponse } from "../sdk.ts";

/** Sends a request to the server and gives the result. */
export type Ask = (
  method: string,
  params?: Record<string, unknown>,
) => Promise<Record<string, unknown>>;

/** Sends internal requests, under ids that no client uses, and matches their responses. */
export class InternalRequests {
  readonly #send: (message: JSONRPCMessage) => Promise<void>;
  readonly #prefix = `session:${crypto.randomUUID()}:`;
  readonly #pendingRequests = new Map<
    JSONRPCResponse["id"],
    PromiseWithResolvers<JSONRPCResponse>
  >();
  #count = 0;

  /** Sends by `send`. */
  constructor(send: (message: JSONRPCMessage) => Promise<void>) {
    this.#send = send;
  }

  /** A unique id. */
  newId(): string {
    return `${this.#prefix}${++this.#count}`;
  }

  /** Whether `id` is one of {@linkcode InternalRequests.newId}. */
  owns(id: JSONRPCResponse["id"]): boolean {
    return typeof id === "string" && id.startsWith(this.#prefix);
  }

  /**
   * Sends a request and gives its result within `deadline`.
   *
   * @throws {WireError} If the server answers with an error.
   * @throws {DeadlineError} If there is no answer in time; the request is cancelled.
   */
  async ask(
    deadline: Deadline,
    method: string,
    params: Record<string, unknown> = {},
  ): Promise<Record<string, unknown>> {
    const id = this.newId();
    const request: JSONRPCRequest = { jsonrpc: "2.0", id, method, params };
    const answer = Promise.withResolvers<JSONRPCResponse>();
    this.#pendingRequests.set(id, answer);
    try {
      const sent = this.#send(request).then(() => answer.promise);
      return result(await deadline.limit(sent));
    } catch (error) {
      if (error instanceof DeadlineError) this.#cancel(id);
      throw error;
    } finally {
      this.#pendingRequests.delete(id);
    }
  }

  /** Takes the response to an internal request. */
  resolve(answer: JSONRPCResponse): void {
    this.#pendingRequests.get(answer.id)?.resolve(answer);
  }

  #cancel(requestId: string): void {
    const params = { requestId, reason: "It took too long" };
    const method = "notifications/cancelled";
    this.#send({ jsonrpc: "2.0", method, params }).catch(() => {/* the server is gone */});
  }
}

function result(answer: JSONRPCResponse): Record<string, unknown> {
  if ("result" in answer) return answer.result;
  throw new WireError(answer.error.code, answer.error.message);
}
