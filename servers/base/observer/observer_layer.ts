/**
 * Observer layer: a decorator right on the transport, which tells an observer of each request of a client
 * and of the response that goes out, whichever of the layers above gives it.
 *
 * @module
 */

import { cancelledId } from "../../../jsonrpc/message.ts";
import { CODE } from "../../../protocol/errors.ts";
import {
  type EraSendOptions,
  type EraTransport,
  isEraTransport,
  type ServedEras,
} from "../era/era_transport.ts";
import type {
  JSONRPCMessage,
  JSONRPCRequest,
  JSONRPCResponse,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from "../sdk.ts";
import { TransportDecorator } from "../transport_decorator.ts";
import { idInFlight } from "../wire_errors.ts";
import { combineObservers } from "./combine_observers.ts";
import { PendingObservation, ReceivedRequest, withObservation } from "./observed_request.ts";
import type { Observer } from "./observer.ts";
import { RequestNames } from "./request_names.ts";

/** A request without a response. */
interface Pending {
  readonly request: ReceivedRequest;
  /** `undefined` if the observer is not interested. */
  readonly observation: PendingObservation | undefined;
}

/** What all connections that have the same observer share. */
interface Shared {
  /** Each client's calls teach the names for all. */
  readonly names: RequestNames;
  /** The layers that are not closed. */
  readonly layers: Set<ObserverLayer>;
}

const sharedOf = new WeakMap<Observer, Shared>();

/** Tells an observer that no pending request will have a response, as the process ends. */
export function endObservations(observer: Observer): void {
  for (const layer of sharedOf.get(observer)?.layers ?? []) layer.endPending();
}

export class ObserverLayer extends TransportDecorator implements EraTransport {
  readonly #begin: Required<Observer>["request"] | undefined;
  readonly #shared: Shared;
  /** Requests without a response, by their ids: more than one, if a client takes an id twice. */
  readonly #pending = new Map<RequestId, Pending[]>();
  /** Requests whose response is being written. */
  readonly #answered = new Set<Pending>();

  constructor(inner: Transport, observer: Observer) {
    super(inner);
    this.#begin = combineObservers([observer], (error) => this.onerror?.(error))?.request;
    this.#shared = sharedOf.get(observer) ?? { names: new RequestNames(), layers: new Set() };
    this.#shared.layers.add(this);
    sharedOf.set(observer, this.#shared);
  }

  get servedEras(): ServedEras {
    return isEraTransport(this.inner) ? this.inner.servedEras : "both";
  }

  set servedEras(eras: ServedEras) {
    if (isEraTransport(this.inner)) this.inner.servedEras = eras;
  }

  get onstop(): (() => void) | undefined {
    return isEraTransport(this.inner) ? this.inner.onstop : undefined;
  }

  set onstop(onstop: (() => void) | undefined) {
    if (isEraTransport(this.inner)) this.inner.onstop = onstop;
  }

  override async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    const pending = "method" in message ? undefined : this.#take(message);
    if ("method" in message || pending === undefined) {
      return await this.inner.send(message, options);
    }
    const { request: { method, target }, observation } = pending;
    this.#answered.add(pending);
    let sent = message;
    const watched: EraSendOptions = { ...options, onreplaced: (error) => void (sent = error) };
    try {
      await this.inner.send(message, watched);
    } catch (error) {
      // The client has gone.
      observation?.end(undefined);
      throw error;
    } finally {
      this.#answered.delete(pending);
    }
    if ("result" in sent && sent.result.isError !== true) {
      this.#shared.names.learn(method, target, sent.result);
    }
    observation?.end(sent);
  }

  protected override receive(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void {
    if (!("method" in message)) return this.onmessage?.(message, extra);
    if ("id" in message) return this.#receiveRequest(message, extra);
    const cancelled = cancelledId(message);
    if (cancelled !== undefined) {
      const all = this.#pending.get(cancelled) ?? [];
      this.#pending.delete(cancelled);
      for (const { observation } of all) observation?.end(undefined);
    }
    this.onmessage?.(message, extra);
  }

  endPending(): void {
    for (const { observation } of [...this.#pending.values()].flat()) observation?.end(undefined);
    for (const { observation } of this.#answered) observation?.end(undefined);
    this.#pending.clear();
  }

  protected override release(): void {
    this.endPending();
    this.#shared.layers.delete(this);
  }

  #receiveRequest(message: JSONRPCRequest, extra: MessageExtraInfo | undefined): void {
    const { id } = message;
    const request = new ReceivedRequest(message, extra, this.#shared.names);
    const begun = this.#begin?.(request);
    const observation = begun && new PendingObservation(begun);
    const pending = { request, observation };
    const others = this.#pending.get(id);
    if (others === undefined) this.#pending.set(id, [pending]);
    else others.push(pending);
    if (observation === undefined) return this.onmessage?.(message, extra);
    observation.run(() => this.onmessage?.(message, withObservation(extra, observation)));
  }

  /** The request that a response is for. Of several with one id, all but the first are refused. */
  #take(response: JSONRPCResponse): Pending | undefined {
    const { id } = response;
    const all = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || all === undefined) return undefined;
    const pending = isRefusedId(response) ? all.pop() : all.shift();
    if (all.length === 0) this.#pending.delete(id);
    return pending;
  }
}

function isRefusedId(response: JSONRPCResponse): boolean {
  return "error" in response && response.error.code === CODE.invalidRequest &&
    response.error.message === idInFlight().message;
}
