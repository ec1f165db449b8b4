/**
 * Internal requests to a modern server, of which the client knows nothing: for its tools, and the subscription.
 *
 * @module
 */

import { LISTEN } from "../../protocol/era.ts";
import { CODE, WireError } from "../../protocol/errors.ts";
import { type InFlightRequest, requestInFlight } from "../connection/in_flight.ts";
import type { JSONRPCRequest, JSONRPCResponse, RequestId, Transport } from "../sdk.ts";
import { type ModernExchange, modernExchange } from "./modern_exchange.ts";

export interface InternalRequestsParts {
  readonly transport: Transport;
  readonly newId: () => string;
  /** The params of a request, with their envelope. */
  readonly params: (params: Record<string, unknown>) => Record<string, unknown>;
  /** Ends every request. */
  readonly signal: AbortSignal;
}

export class InternalRequests {
  readonly #parts: InternalRequestsParts;
  /** Take the answers; `undefined` if there will be none. */
  readonly #pending = new Map<RequestId, (response: JSONRPCResponse | undefined) => void>();

  constructor(parts: InternalRequestsParts) {
    this.#parts = parts;
    parts.signal.addEventListener("abort", () => {
      for (const take of this.#pending.values()) take(undefined);
    });
  }

  take(response: JSONRPCResponse): void {
    if (response.id !== undefined) this.#pending.get(response.id)?.(response);
  }

  /** Ends the request whose stream has broken, in whose context the running code is. */
  fail(): void {
    const id = requestInFlight.getStore()?.id;
    if (id !== undefined) this.#pending.get(id)?.(undefined);
  }

  /** @throws {WireError} If the answer is an error, or there is none. */
  async ask(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>> {
    const { signal, newId } = this.#parts;
    const id = newId();
    const { promise, resolve } = Promise.withResolvers<JSONRPCResponse | undefined>();
    this.#pending.set(id, resolve);
    try {
      const sent = this.#exchange({ jsonrpc: "2.0", id, method, params }, signal);
      await this.#send(sent, () => resolve(undefined));
      const response = await promise;
      if (response !== undefined && "result" in response) return response.result;
      throw new WireError(CODE.internalError, response?.error.message ?? "There is no answer");
    } finally {
      this.#pending.delete(id);
    }
  }

  /** Listens until `signal`; `onend` is called if that ends before. Resolves when it has been sent. */
  async listen(
    params: Record<string, unknown>,
    signal: AbortSignal,
    onend: (isRefused: boolean) => void,
  ): Promise<void> {
    const { transport, newId } = this.#parts;
    const id = newId();
    const sent = this.#exchange(
      { jsonrpc: "2.0", id, method: LISTEN, params },
      signal,
    );
    const end = (response: JSONRPCResponse | undefined) => {
      if (!this.#pending.delete(id)) return;
      onend(response !== undefined && "error" in response);
    };
    this.#pending.set(id, end);
    signal.addEventListener("abort", () => {
      if (!this.#pending.delete(id) || sent.isHttp || this.#parts.signal.aborted) return;
      const params = { requestId: id };
      transport.send({ jsonrpc: "2.0", method: "notifications/cancelled", params })
        .catch(() => {/* the server is gone */});
    });
    try {
      await this.#send(sent, end);
    } catch {
      end(undefined);
    }
  }

  #exchange(request: JSONRPCRequest, signal: AbortSignal): ModernExchange {
    const params = this.#parts.params(request.params ?? {});
    return { request: { ...request, params }, signal, paramHeaders: {}, isHttp: false };
  }

  /** Sends a request. Over HTTP, `onend` is called when its stream has ended. */
  async #send(exchange: ModernExchange, onend: (response: undefined) => void): Promise<void> {
    const { request } = exchange;
    const inFlight: InFlightRequest = {
      id: request.id,
      method: request.method,
      isResumable: false,
      streamEnded: () => onend(undefined),
    };
    await modernExchange.run(
      exchange,
      () => requestInFlight.run(inFlight, () => this.#parts.transport.send(request)),
    );
  }
}
