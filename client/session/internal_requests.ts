/**
 * Requests of the session layer's own, beside those of the client.
 *
 * @module
 */

import { WireError } from "../../protocol/errors.ts";
import { type Deadline, DeadlineError } from "../../runtime/deadline.ts";
import { isOutcomeUnknown } from "../connection/send_errors.ts";
import type { ReconnectingTransport } from "../connection/reconnecting_transport.ts";
import type { JSONRPCRequest, JSONRPCResponse } from "../sdk.ts";
import type { ClientEra } from "./client_era.ts";

export type Ask = (
  method: string,
  params?: Record<string, unknown>,
) => Promise<Record<string, unknown>>;

/**
 * Sends internal requests, in the form of the era and under ids that no client uses, and matches their
 * responses.
 */
export class InternalRequests {
  readonly #transport: ReconnectingTransport;
  readonly #era: ClientEra;
  readonly #prefix = `session:${crypto.randomUUID()}:`;
  readonly #pendingRequests = new Map<JSONRPCResponse["id"], (answer: JSONRPCResponse) => void>();
  #count = 0;

  constructor(transport: ReconnectingTransport, era: ClientEra) {
    this.#transport = transport;
    this.#era = era;
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
    const request: JSONRPCRequest = {
      jsonrpc: "2.0",
      id,
      method,
      params: this.#era.internalParams(params),
    };
    const stream = new AbortController();
    const { promise, resolve } = Promise.withResolvers<JSONRPCResponse>();
    this.#pendingRequests.set(id, resolve);
    try {
      const sent = this.#transport.send(request, { requestSignal: stream.signal });
      const answer = await deadline.limit(sent.then(() => promise));
      if ("result" in answer) return this.#era.internalResult(answer.result);
      const { error } = answer;
      // An unknown outcome is this side's own answer.
      throw isOutcomeUnknown(error)
        ? new Error(error.message)
        : new WireError(error.code, error.message);
    } catch (error) {
      if (error instanceof DeadlineError) this.#cancel(id, stream);
      throw error;
    } finally {
      this.#pendingRequests.delete(id);
    }
  }

  resolve(answer: JSONRPCResponse): void {
    this.#pendingRequests.get(answer.id)?.(answer);
  }

  #cancel(requestId: string, stream: AbortController): void {
    stream.abort();
    // In the modern era, closing its stream is what cancels a request that has one.
    if (this.#era.isModern && this.#transport.hasPerRequestStream) return;
    const params = { requestId, reason: "It took too long" };
    this.#transport.send({ jsonrpc: "2.0", method: "notifications/cancelled", params })
      .catch(() => {/* the server is gone */});
  }

  /** {@linkcode ask} with `deadline`. */
  within(deadline: Deadline): Ask {
    return (method, params) => this.ask(deadline, method, params);
  }
}
