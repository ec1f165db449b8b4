/**
 * Requests that the session layer makes for itself, beside those of the client it serves.
 *
 * @module
 */

import { WireError } from "../../protocol/errors.ts";
import { type Deadline, DeadlineError } from "../../runtime/deadline.ts";
import type { JSONRPCMessage, JSONRPCRequest, JSONRPCResponse } from "../sdk.ts";

/** Asks the server for something and gives the result. */
export type Ask = (
  method: string,
  params?: Record<string, unknown>,
) => Promise<Record<string, unknown>>;

/** Sends requests under ids that the client's can't meet, and finds their answers. */
export class OwnRequests {
  readonly #send: (message: JSONRPCMessage) => Promise<void>;
  readonly #prefix = `session:${crypto.randomUUID()}:`;
  readonly #pending = new Map<JSONRPCResponse["id"], PromiseWithResolvers<JSONRPCResponse>>();
  #count = 0;

  /** Sends by means of `send`. */
  constructor(send: (message: JSONRPCMessage) => Promise<void>) {
    this.#send = send;
  }

  /** An id that nobody else uses. */
  newId(): string {
    return `${this.#prefix}${++this.#count}`;
  }

  /** Is `id` one of {@linkcode OwnRequests.newId}? */
  owns(id: JSONRPCResponse["id"]): boolean {
    return typeof id === "string" && id.startsWith(this.#prefix);
  }

  /**
   * Asks within `deadline`.
   *
   * @throws {WireError} If the server answers with an error.
   * @throws {DeadlineError} If it does not answer in time; it is told so.
   */
  async ask(
    deadline: Deadline,
    method: string,
    params: Record<string, unknown> = {},
  ): Promise<Record<string, unknown>> {
    const id = this.newId();
    const request: JSONRPCRequest = { jsonrpc: "2.0", id, method, params };
    const answer = Promise.withResolvers<JSONRPCResponse>();
    this.#pending.set(id, answer);
    try {
      const sent = this.#send(request).then(() => answer.promise);
      return result(await deadline.limit(sent));
    } catch (error) {
      if (error instanceof DeadlineError) this.#cancel(id);
      throw error;
    } finally {
      this.#pending.delete(id);
    }
  }

  /** Takes the answer to a request of ours. */
  settle(answer: JSONRPCResponse): void {
    this.#pending.get(answer.id)?.resolve(answer);
  }

  #cancel(requestId: string): void {
    const params = { requestId, reason: "It took too long" };
    const method = "notifications/cancelled";
    this.#send({ jsonrpc: "2.0", method, params }).catch(() => {/* then it need not know */});
  }
}

function result(answer: JSONRPCResponse): Record<string, unknown> {
  if ("result" in answer) return answer.result;
  throw new WireError(answer.error.code, answer.error.message);
}
