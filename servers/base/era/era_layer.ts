/**
 * Era layer: a decorator of a server's transport by which a legacy server, and the layers around it,
 * serve clients of both eras, request by request (section 10 of the contract).
 *
 * @module
 */

import { cancelledId } from "../../../jsonrpc/message.ts";
import { EXTENSION } from "../../../protocol/capability.ts";
import { type CookieKey, META_KEY } from "../../../protocol/cookie.ts";
import { cookieKeys, withCookieUnder } from "../../../protocol/cookie_keys.ts";
import {
  DISCOVER,
  type Envelope,
  isModern,
  LISTEN,
  MODERN_VERSIONS,
  readEnvelope,
  unsupportedVersion,
} from "../../../protocol/era.ts";
import {
  checkMethod,
  type ModernRequest,
  toDiscovery,
  toLegacyParams,
  toModernError,
  toModernResult,
  withKeys,
  withLegacyCookie,
} from "../../../protocol/era_translation.ts";
import { CODE, invalid, WireError } from "../../../protocol/errors.ts";
import { asError } from "../../../runtime/errors.ts";
import { isObject, member } from "../../../runtime/json.ts";
import {
  type Answer,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type JSONRPCResponse,
  type MessageExtraInfo,
  type RequestId,
  SUPPORTED_PROTOCOL_VERSIONS,
  type Transport,
  type TransportSendOptions,
} from "../sdk.ts";
import { TransportDecorator } from "../transport_decorator.ts";
import { idInFlight, type WireErrorBody, wireErrorBody } from "../wire_errors.ts";
import { Caller, withCaller } from "./caller.ts";
import { ClientInput } from "./client_input.ts";
import { type EraSendOptions, isEraTransport, type ServedEras } from "./era_transport.ts";
import { ParamHeaderCheck } from "./param_header_check.ts";
import { StateError } from "./request_state.ts";
import { type BegunRequest, type RoundTrips, stateRefusal } from "./round_trips.ts";
import { ServerDiscovery } from "./server_discovery.ts";
import { ServerMessages } from "./server_messages.ts";
import { Subscriptions, TooManySubscriptions } from "./subscriptions.ts";

interface ModernPending {
  readonly era: "modern";
  readonly request: ModernRequest;
  readonly envelope: Envelope;
  /** As it went to the server behind; absent until then. */
  begun?: BegunRequest;
}

type Pending =
  | ModernPending
  /** A legacy request that presents its cookie under the key of the modern era. */
  | { readonly era: "legacy"; readonly keys: readonly CookieKey[] };

/** Cancelled requests that are kept in mind. An answer on its way comes within moments. */
const MAX_CANCELLED = 64;

export class EraLayer extends TransportDecorator {
  readonly #eras: ServedEras;
  readonly #pending = new Map<RequestId, Pending>();
  /** The latest modern requests that were cancelled, whose answer would go out in legacy terms. */
  readonly #cancelled = new Set<RequestId>();
  readonly #discovery: ServerDiscovery;
  readonly #subscriptions: Subscriptions;
  readonly #paramHeaders: ParamHeaderCheck;
  readonly #serverMessages: ServerMessages;
  readonly #roundTrips: RoundTrips;
  /** The clients, as handlers can ask them. */
  readonly clientInput: ClientInput;

  constructor(inner: Transport, eras: ServedEras, roundTrips: RoundTrips) {
    super(inner);
    this.#roundTrips = roundTrips;
    this.#eras = eras;
    this.#discovery = new ServerDiscovery((message) => this.onmessage?.(message));
    this.clientInput = new ClientInput(inner);
    this.#paramHeaders = new ParamHeaderCheck((request, extra) => this.onmessage?.(request, extra));
    const report = (error: unknown) => this.onerror?.(asError(error));
    this.#subscriptions = new Subscriptions({
      notify: (notification, relatedRequestId) =>
        void this.inner.send(notification, { relatedRequestId }).catch(report),
      // Translated, as the result of any modern request.
      complete: (id, result) => void this.send({ jsonrpc: "2.0", id, result }).catch(report),
      deliver: (request, caller) => this.onmessage?.(request, caller),
    });
    this.#serverMessages = new ServerMessages(inner, this.#subscriptions, eras !== "modern");
    if (isEraTransport(inner)) {
      inner.servedEras = eras;
      inner.onstop = () => {
        this.#subscriptions.stop();
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
    this.#subscriptions.stop();
    await super.close();
  }

  override send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if ("method" in message) return this.#push(message, options);
    const { id } = message;
    if (id === undefined) return this.inner.send(message, options);
    if (this.#takeResponse(message)) return Promise.resolve();
    this.clientInput.requests.endCall(id);
    const pending = this.#pending.get(id);
    if (pending === undefined) {
      return this.#cancelled.delete(id) ? Promise.resolve() : this.inner.send(message, options);
    }
    this.#pending.delete(id);
    return pending.era === "legacy"
      ? this.inner.send(answerUnder(message, pending.keys), options)
      : this.#answer(message, id, pending, options);
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
        if (this.#subscriptions.cancel(cancelled)) return;
      }
      return this.onmessage?.(message, extra);
    }
    if (isModern(message.method, message.params)) return void this.#receiveModern(message, extra);
    this.#receiveLegacy(message, extra);
  }

  protected override release(): void {
    this.#pending.clear();
    this.#discovery.stop();
    this.clientInput.requests.stop();
    this.#subscriptions.clear();
    this.#paramHeaders.stop();
  }

  /** Whether it is the response to a request of this layer's own, which then has it. */
  #takeResponse(response: JSONRPCResponse): boolean {
    return this.#discovery.takeResponse(response) || this.#subscriptions.takeResponse(response) ||
      this.#paramHeaders.takeResponse(response);
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
    if (method === "resources/unsubscribe" && this.#subscriptions.holds(params?.uri)) {
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

  async #receiveModern(
    message: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
  ): Promise<void> {
    const { id, method, params = {} } = message;
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
    this.#serverMessages.observeModern();
    try {
      checkMethod(method);
      const { params: legacyParams, request } = toLegacyParams(method, params, envelope);
      const pending: ModernPending = { era: "modern", request, envelope };
      this.#pending.set(id, pending);
      if (!this.#discovery.isDone) await this.#discovery.done;
      const hasHeaders = method === "tools/call" && extra?.requestInfo !== undefined;
      if (hasHeaders && !this.#paramHeaders.knows(params.name)) {
        await this.#paramHeaders.learn(params.name, extra);
      }
      // It may have been cancelled meanwhile.
      if (this.#pending.get(id) !== pending) return;
      if (method === DISCOVER) {
        const result = toDiscovery(this.#discovery.initialized);
        return await this.send({ jsonrpc: "2.0", id, result });
      }
      if (method === LISTEN) {
        const { capabilities } = this.#discovery.initialized;
        return this.#subscriptions.open(message, extra, capabilities);
      }
      if (hasHeaders) this.#paramHeaders.check(params, extra);
      const { clientCapabilities: capabilities } = envelope;
      const server = `${member(this.#discovery.initialized.serverInfo, "name")}`;
      const incoming = { server, method, params: legacyParams, extra, capabilities };
      const beginning = this.#roundTrips.begin(incoming);
      const begun = beginning instanceof Promise ? await beginning : beginning;
      if (this.#pending.get(id) !== pending) return;
      pending.begun = begun;
      const caller = new Caller(capabilities, begun.roundTrip);
      this.onmessage?.({ ...message, params: begun.params }, withCaller(begun.extra, caller));
    } catch (error) {
      this.#pending.delete(id);
      this.#refuse(id, error, statusOf(error));
    }
  }

  /** @throws {WireError} if this server does not take requests with this envelope. */
  #checkEnvelope(params: unknown): Envelope {
    if (this.#eras === "legacy") {
      // A client of both eras takes a server that does not know a method for a legacy one.
      throw new WireError(
        CODE.methodNotFound,
        "Method not found: this server speaks only versions of MCP that begin with initialize " +
          `(${SUPPORTED_PROTOCOL_VERSIONS.join(", ")})`,
      );
    }
    return readEnvelope(params);
  }

  async #answer(
    response: JSONRPCResponse,
    id: RequestId,
    { request, begun }: ModernPending,
    options: TransportSendOptions | undefined,
  ): Promise<void> {
    const { serverInfo } = this.#discovery.initialized;
    if (request.method === "tools/list" && "result" in response) {
      this.#paramHeaders.observe(response.result.tools);
    }
    let body = "result" in response
      ? toModernResult(response.result, request, serverInfo)
      : { error: toModernError(response.error, request) };
    const roundTrip = begun?.roundTrip;
    if (begun !== undefined && roundTrip?.isOver && "result" in response && "result" in body) {
      try {
        const result = await this.#roundTrips.result({ ...begun, roundTrip }, response.result);
        body = { result: { ...result, _meta: body.result._meta } };
      } catch (error) {
        body = { error: this.#wireError(error) };
      }
    }
    const httpStatus = "error" in body ? statusOf(body.error) : undefined;
    const sendOptions: EraSendOptions = { ...options, httpStatus };
    await this.inner.send({ jsonrpc: "2.0", id, ...body }, sendOptions);
  }

  async #push(
    message: Extract<JSONRPCMessage, { method: string }>,
    options: TransportSendOptions | undefined,
  ): Promise<void> {
    if (message.method === "notifications/tools/list_changed") this.#paramHeaders.forget();
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
    if (error instanceof StateError) {
      this.onerror?.(new Error(error.message, { cause: error.cause }));
      return wireErrorBody(stateRefusal());
    }
    if (!(error instanceof WireError)) this.onerror?.(asError(error));
    return wireErrorBody(error);
  }
}

/** The status of an error that has one of its own over HTTP. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof TooManySubscriptions) return 503;
  const code = member(error, "code");
  if (code === CODE.methodNotFound) return 404;
  return code === CODE.missingCapability || code === CODE.headerMismatch ? 400 : undefined;
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
