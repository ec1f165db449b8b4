/**
 * Requests of the session layer's own, beside those of the client.
 *
 * @module
 */

import { WireError } from "../../protocol/errors.ts";
import { type Deadline, DeadlineError } from "../../runtime/deadline.ts";
import type { JSONRPCMessage, JSONRPCRequest, JSONRPCResponse } from "../sdk.ts";

export type Ask = (
  method: string,
  params?: Record<string, unknown>,
) => Promise<Record<string, unknown>>;

/** Sends internal requests, under ids that no client uses, and matches their responses. */
export class InternalRequests {
  readonly #send: (message: JSONRPCMessage) => Promise<void>;
  readonly #prefix = `session:${crypto.randomUUID()}:`;
  readonly #pendingRequests = new Map<JSONRPCResponse["id"], (answer: JSONRPCResponse) => void>();
  #count = 0;

  constructor(send: (message: JSONRPCMessage) => Promise<void>) {
    this.#send = send;
  }

  newId(): string {
    return `${this.#prefix}${++this.#count}`;
  }

  owns(id: JSONRPCResponse["id"]): boolean {
    return typeof id === "string" && id.startsWith(this.#prefix);
  }

  /** Sends a request and gives its result; cancels it when `deadline` is over. */
  async ask(
    deadline: Deadline,
    method: string,
    params: Record<string, unknown> = {},
  ): Promise<Record<string, unknown>> {
    const id = this.newId();
    const request: JSONRPCRequest = { jsonrpc: "2.0", id, method, params };
    const { promise, resolve } = Promise.withResolvers<JSONRPCResponse>();
    this.#pendingRequests.set(id, resolve);
    try {
      const answer = await deadline.limit(this.#send(request).then(() => promise));
      if ("result" in answer) return answer.result;
      throw new WireError(answer.error.code, answer.error.message);
    } catch (error) {
      if (error instanceof DeadlineError) {
        const params = { requestId: id, reason: "It took too long" };
        const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params } as const;
        this.#send(cancelled).catch(() => {/* the server is gone */});
      }
      throw error;
    } finally {
      this.#pendingRequests.delete(id);
    }
  }

  resolve(answer: JSONRPCResponse): void {
    this.#pendingRequests.get(answer.id)?.(answer);
  }

  /** {@linkcode ask} with `deadline`. */
  within(deadline: Deadline): Ask {
    return (method, params) => this.ask(deadline, method, params);
  }
}
