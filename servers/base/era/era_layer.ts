/**
 * Era layer: a decorator of a server's transport by which a legacy server, and the layers around it,
 * serve clients of both eras, request by request (section 10 of the contract).
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { cancelledId } from "../../../jsonrpc/message.ts";
import { EXTENSION } from "../../../protocol/capability.ts";
import { type CookieKey, META_KEY } from "../../../protocol/cookie.ts";
import {
  cookieKeys,
  withCookieUnder,
  withKeys,
  withLegacyCookie,
} from "../../../protocol/cookie_keys.ts";
import {
  type Envelope,
  isModern,
  LEGACY_VERSIONS,
  MODERN_VERSIONS,
  readEnvelope,
  unsupportedVersion,
} from "../../../protocol/era.ts";
import { CODE, invalid, WireError } from "../../../protocol/errors.ts";
import { asError } from "../../../runtime/errors.ts";
import { isObject, member } from "../../../runtime/json.ts";
import type {
  Answer,
  JSONRPCMessage,
  JSONRPCRequest,
  JSONRPCResponse,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from "../sdk.ts";
import { TransportDecorator } from "../transport_decorator.ts";
import { idInFlight, type WireErrorBody, wireErrorBody } from "../wire_errors.ts";
import { ClientInput } from "./client_input.ts";
import { type EraSendOptions, isEraTransport, type ServedEras } from "./era_transport.ts";
import type { ModernEra, ModernPending } from "./modern_era.ts";
import type { RoundTripOptions } from "./round_trips.ts";
import { ServerDiscovery } from "./server_discovery.ts";
import { ServerMessages } from "./server_messages.ts";

type Pending =
  | ModernPending
  /** A legacy request that presents its cookie under the key of the modern era. */
  | { readonly era: "legacy"; readonly keys: readonly CookieKey[] };

/** The loading of what serves modern clients. */
interface Loading {
  /** What came meanwhile, in its order. */
  readonly held: (() => void)[];
  readonly ended: PromiseWithResolvers<void>;
  /** Why it failed. */
  failure?: unknown;
}

/** Cancelled requests that are kept in mind. An answer on its way comes within moments. */
const MAX_CANCELLED = 64;

export class EraLayer extends TransportDecorator {
  readonly #eras: ServedEras;
  readonly #pending = new Map<RequestId, Pending>();
  /** The latest modern requests that were cancelled, whose answer would go out in legacy terms. */
  readonly #cancelled = new Set<RequestId>();
  readonly #discovery: ServerDiscovery;
  readonly #serverMessages: ServerMessages;
  readonly #roundTrips: RoundTripOptions;
  /** Absent until the first modern request. */
  #modern: ModernEra | undefined;
  #loading: Loading | undefined;
  /** The clients, as handlers can ask them. */
  readonly clientInput: ClientInput;

  constructor(inner: Transport, eras: ServedEras, roundTrips: RoundTripOptions) {
    super(inner);
    this.#roundTrips = roundTrips;
    this.#eras = eras;
    this.#discovery = new ServerDiscovery((message) => this.onmessage?.(message));
    this.clientInput = new ClientInput(inner);
    this.#serverMessages = new ServerMessages(
      inner,
      (notification) => this.#modern?.subscriptions.publish(notification),
      eras !== "modern",
    );
    if (isEraTransport(inner)) {
      inner.servedEras = eras;
      inner.onstop = () => {
        const stop = () => this.#modern?.subscriptions.stop();
        // One that was asked for before ends with its result too.
        if (this.#loading !== undefined) this.#loading.held.push(stop);
        else stop();
        // The calls that wait for the client would hold up the end.
        this.clientInput.requests.stop();
      };
    }
  }

  /** The answer of the server behind, or what takes its place as the request asks its client for input. */
  replaceAsked(answer: Answer): Answer {
    const pending = this.#pending.get(answer.id);
    const roundTrip = pending?.era === "modern" ? pending.begun?.roundTrip : undefined;
    return roundTrip === undefined ? answer : roundTrip.replace(answer);
  }

  override async close(): Promise<void> {
    if (this.#loading !== undefined) await this.#loading.ended.promise;
    this.#modern?.subscriptions.stop();
    await super.close();
  }

  override send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if ("method" in message) return this.#push(message, options);
    const { id } = message;
    if (id === undefined) return this.inner.send(message, options);
    if (this.#discovery.takeResponse(message) || this.#modern?.takeResponse(message)) {
      return Promise.resolve();
    }
    this.clientInput.requests.endCall(id);
    const pending = this.#pending.get(id);
    if (pending === undefined) {
      return this.#cancelled.delete(id) ? Promise.resolve() : this.inner.send(message, options);
    }
    this.#pending.delete(id);
    if (pending.era === "legacy") {
      return this.inner.send(answerUnder(message, pending.keys), options);
    }
    return this.#modern?.answer(message, id, pending, options) ?? Promise.resolve();
  }

  protected override receive(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void {
    if (!("method" in message)) {
      if (!this.clientInput.requests.takeResponse(message)) this.onmessage?.(message, extra);
      return;
    }
    if (!("id" in message)) {
      const cancelled = cancelledId(message);
      if (cancelled !== undefined) {
        this.#cancel(cancelled);
        if (this.#modern?.subscriptions.cancel(cancelled)) return;
      }
      return this.onmessage?.(message, extra);
    }
    if (isModern(message.method, message.params)) return this.#receiveModern(message, extra);
    this.#receiveLegacy(message, extra);
  }

  protected override release(): void {
    this.#pending.clear();
    this.#discovery.stop();
    this.clientInput.requests.stop();
    this.#modern?.release();
    this.#loading?.held.splice(0);
  }

  #cancel(id: RequestId): void {
    this.clientInput.requests.endCall(id);
    this.#discovery.cancel(id);
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (pending?.era !== "modern") return;
    this.#cancelled.add(id);
    const [oldest] = this.#cancelled;
    if (oldest !== undefined && this.#cancelled.size > MAX_CANCELLED) {
      this.#cancelled.delete(oldest);
    }
  }

  #receiveLegacy(message: JSONRPCRequest, extra: MessageExtraInfo | undefined): void {
    const { id, method, params } = message;
    if (this.#eras === "modern") return this.#refuse(id, legacyRefusal(method, params), 400);
    if (this.#pending.has(id)) return this.#refuse(id, idInFlight());
    this.#cancelled.delete(id);
    this.#serverMessages.observeLegacy();
    if (method === "initialize") {
      this.clientInput.observeInitialize(params);
      this.#discovery.observe(id);
    }
    if (method === "resources/unsubscribe" && this.#modern?.subscriptions.holds(params?.uri)) {
      // The server behind knows one client, for which the modern ones are subscribed still.
      const answer: JSONRPCResponse = { jsonrpc: "2.0", id, result: {} };
      return void this.inner.send(answer).catch((error) => this.onerror?.(asError(error)));
    }
    const meta = params?._meta;
    if (!isObject(meta) || !Object.hasOwn(meta, EXTENSION)) return this.onmessage?.(message, extra);
    try {
      const keys = cookieKeys(params);
      this.#pending.set(id, { era: "legacy", keys });
      this.onmessage?.({ ...message, params: withLegacyCookie(params ?? {}, keys) }, extra);
    } catch (error) {
      this.#refuse(id, error);
    }
  }

  #receiveModern(message: JSONRPCRequest, extra: MessageExtraInfo | undefined): void {
    const { id, params = {} } = message;
    if (this.#pending.has(id) || this.#discovery.observes(id)) {
      return this.#refuse(id, idInFlight());
    }
    this.#cancelled.delete(id);
    let envelope: Envelope;
    try {
      envelope = this.#checkEnvelope(params);
    } catch (error) {
      return this.#refuse(id, error, 400);
    }
    if (this.#modern !== undefined) {
      this.#serverMessages.observeModern();
      return void this.#modern.receive(message, extra, envelope);
    }
    if (this.#loading !== undefined) return this.#refuse(id, this.#loading.failure);
    void this.#load(() => this.#receiveModern(message, extra));
  }

  /** Loads what serves modern clients. What comes meanwhile is received after `first`, in its order. */
  async #load(first: () => void): Promise<void> {
    const { inner } = this;
    const { onmessage } = inner;
    const loading: Loading = { held: [first], ended: Promise.withResolvers() };
    this.#loading = loading;
    // Bound, as what observes a request may have given it a context.
    inner.onmessage = (...message) =>
      void loading.held.push(AsyncLocalStorage.bind(() => onmessage?.(...message)));
    const report = (error: unknown) => this.onerror?.(asError(error));
    try {
      const { ModernEra } = await import("./modern_era.ts");
      this.#modern = new ModernEra({
        transport: inner,
        discovery: this.#discovery,
        pending: this.#pending,
        deliver: (request, extra) => this.onmessage?.(request, extra),
        respond: (response) => this.send(response),
        refuse: (...refusal) => this.#refuse(...refusal),
        wireError: (error) => this.#wireError(error),
        report,
      }, this.#roundTrips);
    } catch (error) {
      loading.failure = error;
    }
    for (const receive of loading.held) {
      try {
        receive();
      } catch (error) {
        report(error);
      }
    }
    inner.onmessage = onmessage;
    this.#loading = undefined;
    loading.ended.resolve();
  }

  /** @throws {WireError} if this server does not take requests with this envelope. */
  #checkEnvelope(params: unknown): Envelope {
    if (this.#eras === "legacy") {
      // A client of both eras takes a server that does not know a method for a legacy one.
      throw new WireError(
        CODE.methodNotFound,
        "Method not found: this server speaks only versions of MCP that begin with initialize " +
          `(${LEGACY_VERSIONS.join(", ")})`,
      );
    }
    return readEnvelope(params);
  }

  async #push(
    message: Extract<JSONRPCMessage, { method: string }>,
    options: TransportSendOptions | undefined,
  ): Promise<void> {
    if (message.method === "notifications/tools/list_changed") this.#modern?.paramHeaders.forget();
    const related = options?.relatedRequestId;
    const pending = related === undefined ? undefined : this.#pending.get(related);
    const envelope = pending?.era === "modern" ? pending.envelope : undefined;
    await this.#serverMessages.send(message, options, envelope);
  }

  #refuse(id: RequestId, error: unknown, httpStatus?: number): void {
    const options: EraSendOptions = { httpStatus };
    this.inner.send({ jsonrpc: "2.0", id, error: this.#wireError(error) }, options)
      .catch((error) => this.onerror?.(asError(error)));
  }

  /** The JSON-RPC error for the caller. An error that is not the caller's goes to the log too. */
  #wireError(error: unknown): WireErrorBody {
    if (!(error instanceof WireError)) this.onerror?.(asError(error));
    return wireErrorBody(error);
  }
}

/** The error for a request without an envelope, from a server that speaks no legacy version. */
function legacyRefusal(method: string, params: unknown): unknown {
  if (method === "initialize") {
    const version = member(params, "protocolVersion");
    return typeof version === "string"
      ? unsupportedVersion(version, MODERN_VERSIONS)
      : invalid("params.protocolVersion", "a string", version);
  }
  try {
    return readEnvelope(params);
  } catch (error) {
    return error;
  }
}

function answerUnder(
  response: JSONRPCResponse,
  keys: readonly CookieKey[],
): JSONRPCResponse {
  if ("result" in response) {
    return { ...response, result: withCookieUnder(response.result, META_KEY, keys) };
  }
  const { error } = response;
  return { ...response, error: { ...error, message: withKeys(error.message, keys) } };
}
