/**
 * A modern server in legacy terms: what a legacy client sends, and expects, on one connection.
 *
 * @module
 */

import { cancelledId } from "../../jsonrpc/message.ts";
import { META } from "../../protocol/era.ts";
import { CODE } from "../../protocol/errors.ts";
import { ACKNOWLEDGED } from "../../protocol/subscription.ts";
import { messageOf } from "../../runtime/errors.ts";
import { isObject } from "../../runtime/json.ts";
import { backoffMs } from "../connection/retry.ts";
import { endsStream, outcomeUnknown, sendErrorKind } from "../connection/send_errors.ts";
import { type InFlightRequest, requestInFlight } from "../connection/in_flight.ts";
import { Deadline } from "../../runtime/deadline.ts";
import { isRequest, isResponse } from "../../jsonrpc/transport.ts";
import type {
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  RequestId,
  Transport,
} from "../sdk.ts";
import { InputRound } from "./input_round.ts";
import { type ClientFacts, toLegacyError, toLegacyResult, toModernParams } from "./legacy_terms.ts";
import { type ModernExchange, modernExchange } from "./modern_exchange.ts";
import { InternalRequests } from "./internal_requests.ts";
import { ParamHeaders } from "./param_headers.ts";
import { Subscription } from "./subscription.ts";

/** The most rounds of questions that one request may take. */
const MAX_ROUNDS = 10;
/** The pause before a request is repeated of which the server has asked nothing, in milliseconds. */
const PAUSE_MS = 250;
/** The deadline for sending answers to a server that cannot be reached. */
const RECONNECT_MS = 10_000;

/** A request of the client until its answer, over all rounds of questions. */
interface Exchange {
  readonly request: JSONRPCRequest;
  /** The client's request as the layers above know it. */
  readonly outer: InFlightRequest | undefined;
  readonly closing: AbortController;
  /** The id of the round in flight; `undefined` between rounds. */
  wireId: RequestId | undefined;
  /** The round that was sent last. */
  sent: ModernExchange | undefined;
  rounds: number;
  round: InputRound | undefined;
  /** Whether the server has refused it for its headers. */
  wasMismatched: boolean;
}

export interface ModernServerParts {
  /** A started transport to the server. */
  readonly transport: Transport;
  readonly facts: ClientFacts;
  /** The result of `initialize` that the client has got. */
  readonly initialized: Record<string, unknown>;
  /** Whether the client is told of changes. */
  readonly listens: boolean;
  readonly deliver: (message: JSONRPCMessage) => void;
  readonly onerror: (error: Error) => void;
}

export class ModernServer {
  readonly #parts: ModernServerParts;
  #facts: ClientFacts;
  readonly #prefix = `era:${crypto.randomUUID()}:`;
  #count = 0;
  /** Exchanges by the ids of the client. */
  readonly #exchanges = new Map<RequestId, Exchange>();
  /** Exchanges by the ids of their rounds in flight. */
  readonly #inFlight = new Map<RequestId, Exchange>();
  /** Exchanges by the ids of the questions that the client has yet to answer. */
  readonly #asked = new Map<RequestId, Exchange>();
  readonly #internal: InternalRequests;
  readonly #paramHeaders = new ParamHeaders();
  readonly #subscription: Subscription | undefined;
  readonly #closing = new AbortController();

  constructor(parts: ModernServerParts) {
    this.#parts = parts;
    this.#facts = parts.facts;
    const { signal } = this.#closing;
    this.#internal = new InternalRequests({
      transport: parts.transport,
      newId: () => this.#newId(),
      params: (params) => toModernParams(params, this.#facts),
      signal,
    });
    if (!parts.listens) return;
    this.#subscription = new Subscription({
      capabilities: parts.initialized.capabilities,
      listen: (...args) => this.#internal.listen(...args),
      signal,
    });
  }

  /** Sends a message of the client. */
  async send(message: JSONRPCMessage): Promise<void> {
    if (isResponse(message)) return this.#takeAnswer(message);
    if (!isRequest(message)) return await this.#notify(message);
    const { id, method, params } = message;
    switch (method) {
      case "ping":
        return this.#respond(id, {});
      case "logging/setLevel":
        this.#facts = { ...this.#facts, logLevel: params?.level };
        return this.#respond(id, {});
      case "resources/subscribe":
      case "resources/unsubscribe":
        return await this.#subscribe(id, method, params?.uri);
      default:
        return await this.#begin(message);
    }
  }

  /** Takes a message of the server. */
  receive(message: JSONRPCMessage): void {
    if (isResponse(message)) return this.#receiveResponse(message);
    if (isRequest(message)) {
      const text = "Method not found: this version of MCP has no requests to clients";
      const error = { code: CODE.methodNotFound, message: text };
      const refusal = { jsonrpc: "2.0", id: message.id, error } as const;
      return void this.#parts.transport.send(refusal).catch(() => {/* the server is gone */});
    }
    if (message.method === ACKNOWLEDGED) {
      return this.#subscription?.acknowledge();
    }
    // Within the context of the request that it belongs to.
    const exchange = this.#exchangeOfContext();
    this.#deliver(exchange, withoutSubscription(message));
  }

  /** Takes an error of the transport that belongs to no `send`. */
  fail(error: Error): void {
    const exchange = this.#exchangeOfContext();
    if (exchange !== undefined) {
      if (endsStream(error, false)) this.#end(exchange);
      return requestInFlight.run(exchange.outer, () => this.#parts.onerror(error));
    }
    if (endsStream(error, false)) this.#internal.fail();
    // The streams of a request that has ended, and of a subscription, which begins again, may break.
    if (modernExchange.getStore() === undefined) this.#parts.onerror(error);
  }

  /** Ends everything: the connection is closed. */
  close(): void {
    this.#closing.abort();
    for (const { closing } of this.#exchanges.values()) closing.abort();
  }

  async #begin(request: JSONRPCRequest): Promise<void> {
    const exchange: Exchange = {
      request,
      outer: requestInFlight.getStore(),
      closing: new AbortController(),
      wireId: undefined,
      sent: undefined,
      rounds: 0,
      round: undefined,
      wasMismatched: false,
    };
    this.#exchanges.set(request.id, exchange);
    try {
      await this.#send(exchange, request.id, {});
    } catch (error) {
      if (this.#end(exchange)) throw error;
    }
  }

  /** Sends a round of an exchange. A round that goes on has what the client has answered. */
  async #send(exchange: Exchange, id: RequestId, answers: Record<string, unknown>): Promise<void> {
    const { request, outer, closing } = exchange;
    const params = toModernParams({ ...request.params, ...answers }, this.#facts);
    exchange.wireId = id;
    this.#inFlight.set(id, exchange);
    const attempt = outer && {
      id,
      method: request.method,
      isResumable: false,
      streamEnded: () => {
        if (exchange.wireId === id && this.#end(exchange)) outer.streamEnded();
      },
    };
    const sent: ModernExchange = {
      request: { ...request, id, params },
      signal: closing.signal,
      paramHeaders: this.#paramHeaders.of(request),
      isHttp: false,
    };
    exchange.sent = sent;
    await modernExchange.run(
      sent,
      () => requestInFlight.run(attempt, () => this.#parts.transport.send(sent.request)),
    );
  }

  #receiveResponse(response: JSONRPCResponse): void {
    const { id } = response;
    if (id === undefined) return;
    this.#internal.take(response);
    const exchange = this.#inFlight.get(id);
    if (exchange === undefined) return;
    this.#inFlight.delete(id);
    exchange.wireId = undefined;
    if ("error" in response) return this.#receiveError(exchange, response.error);
    const { result } = response;
    switch (result.resultType ?? "complete") {
      case "complete":
        this.#paramHeaders.learn(exchange.request.method, result);
        return this.#answer(exchange, { result: toLegacyResult(result) });
      case "input_required":
        return this.#ask(exchange, result);
      default:
        return this.#refuse(exchange, `its result is of the unknown type ${result.resultType}`);
    }
  }

  #receiveError(exchange: Exchange, error: JSONRPCErrorResponse["error"]): void {
    const isMismatch = error.code === CODE.headerMismatch && !exchange.wasMismatched &&
      exchange.request.method === "tools/call";
    if (!isMismatch) return this.#answer(exchange, { error: toLegacyError(error) });
    // The server wants headers of which its list of tools tells. The call has not run.
    exchange.wasMismatched = true;
    void this.#paramHeaders.load((params) => this.#internal.ask("tools/list", params))
      .then(() => this.#continue(exchange, {}));
  }

  /** Asks the client what the server has to know before it goes on. */
  #ask(exchange: Exchange, result: Record<string, unknown>): void {
    if (++exchange.rounds > MAX_ROUNDS) {
      return this.#refuse(exchange, `it has asked for input ${MAX_ROUNDS} times already`);
    }
    const { _meta } = toModernParams(exchange.request.params ?? {}, this.#facts);
    let round: InputRound;
    try {
      round = new InputRound(result, _meta[META.clientCapabilities], () => this.#newId());
    } catch (error) {
      return this.#refuse(exchange, messageOf(error));
    }
    exchange.round = round;
    if (round.questions.length === 0) {
      const timer = setTimeout(() => void this.#continue(exchange, round.answers()), PAUSE_MS);
      exchange.closing.signal.addEventListener("abort", () => clearTimeout(timer));
      return;
    }
    for (const { id, method, params } of round.questions) {
      this.#asked.set(id, exchange);
      this.#deliver(exchange, { jsonrpc: "2.0", id, method, ...(params && { params }) });
    }
  }

  #takeAnswer(response: JSONRPCResponse): void {
    const { id } = response;
    const exchange = id === undefined ? undefined : this.#asked.get(id);
    if (id === undefined || exchange?.round === undefined) return;
    this.#asked.delete(id);
    if ("error" in response) {
      const { code, message } = response.error;
      this.#cancelQuestions(exchange);
      return this.#answer(exchange, {
        error: {
          code,
          message: `The client has not answered a question of the server: ${message}`,
        },
      });
    }
    exchange.round.take(id, response.result);
    if (exchange.round.isComplete) void this.#continue(exchange, exchange.round.answers());
  }

  /** Sends the next round of an exchange. Never rejects. */
  async #continue(exchange: Exchange, answers: Record<string, unknown>): Promise<void> {
    exchange.round = undefined;
    const { request, closing } = exchange;
    const deadline = new Deadline(RECONNECT_MS, closing.signal);
    for (let attempt = 0;; attempt++) {
      if (closing.signal.aborted) return;
      try {
        return await this.#send(exchange, this.#newId(), answers);
      } catch (error) {
        if (exchange.wireId !== undefined) this.#inFlight.delete(exchange.wireId);
        const kind = sendErrorKind(error);
        if (kind === "unsent" && await deadline.wait(backoffMs(attempt))) continue;
        if (kind === "other") return this.#refuse(exchange, messageOf(error));
        return this.#answer(exchange, { error: outcomeUnknown(request.id, request.method).error });
      }
    }
  }

  async #notify(notification: JSONRPCNotification): Promise<void> {
    const cancelled = cancelledId(notification);
    if (cancelled !== undefined) return await this.#cancel(cancelled, notification);
    // The modern era has no other notifications of clients.
    if (notification.method === "notifications/initialized") void this.#subscription?.renew();
  }

  async #cancel(id: RequestId, notification: JSONRPCNotification): Promise<void> {
    const exchange = this.#exchanges.get(id);
    if (exchange === undefined) return;
    const { wireId, sent } = exchange;
    this.#cancelQuestions(exchange);
    this.#end(exchange);
    exchange.closing.abort();
    if (wireId === undefined || sent?.isHttp) return;
    await this.#parts.transport.send({
      jsonrpc: "2.0",
      method: notification.method,
      params: { ...notification.params, requestId: wireId },
    });
  }

  #cancelQuestions(exchange: Exchange): void {
    for (const [id, each] of this.#asked) {
      if (each !== exchange) continue;
      this.#asked.delete(id);
      const params = { requestId: id, reason: "The request that it belongs to has ended" };
      this.#deliver(exchange, { jsonrpc: "2.0", method: "notifications/cancelled", params });
    }
  }

  async #subscribe(id: RequestId, method: string, uri: unknown): Promise<void> {
    if (typeof uri !== "string") {
      const error = { code: CODE.invalidParams, message: "params.uri must be a string" };
      return this.#parts.deliver({ jsonrpc: "2.0", id, error });
    }
    await this.#subscription?.change(uri, method === "resources/subscribe");
    this.#respond(id, {});
  }

  #respond(id: RequestId, result: Record<string, unknown>): void {
    this.#parts.deliver({ jsonrpc: "2.0", id, result });
  }

  #refuse(exchange: Exchange, why: string): void {
    const { method } = exchange.request;
    const message = `The server's answer to ${method} cannot be used: ${why}`;
    this.#answer(exchange, { error: { code: CODE.internalError, message } });
  }

  #answer(
    exchange: Exchange,
    body: { result: Record<string, unknown> } | Pick<JSONRPCErrorResponse, "error">,
  ): void {
    if (!this.#end(exchange)) return;
    this.#deliver(exchange, { jsonrpc: "2.0", id: exchange.request.id, ...body });
  }

  #deliver(exchange: Exchange | undefined, message: JSONRPCMessage): void {
    if (exchange === undefined) return this.#parts.deliver(message);
    requestInFlight.run(exchange.outer, () => this.#parts.deliver(message));
  }

  /** Whether the exchange was still pending. */
  #end(exchange: Exchange): boolean {
    if (exchange.wireId !== undefined) this.#inFlight.delete(exchange.wireId);
    const isPending = this.#exchanges.get(exchange.request.id) === exchange;
    if (isPending) this.#exchanges.delete(exchange.request.id);
    return isPending;
  }

  #exchangeOfContext(): Exchange | undefined {
    const id = requestInFlight.getStore()?.id;
    return id === undefined ? undefined : this.#inFlight.get(id);
  }

  #newId(): string {
    return `${this.#prefix}${++this.#count}`;
  }
}

/** A notification without the tag of the subscription that it came by. */
function withoutSubscription(notification: JSONRPCNotification): JSONRPCNotification {
  const meta = notification.params?._meta;
  if (!isObject(meta) || !Object.hasOwn(meta, META.subscriptionId)) return notification;
  const { [META.subscriptionId]: _, ..._meta } = meta;
  return { ...notification, params: { ...notification.params, _meta } };
}
