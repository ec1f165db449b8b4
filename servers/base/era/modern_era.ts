/**
 * Modern era: the part of the era layer that serves the requests of modern clients. It is loaded at the
 * first of them, as most servers on stdio never see one, and start sooner without it.
 *
 * @module
 */

import { DISCOVER, type Envelope, LISTEN } from "../../../protocol/era.ts";
import {
  checkMethod,
  type ModernRequest,
  toDiscovery,
  toLegacyParams,
  toModernError,
  toModernResult,
} from "../../../protocol/era_translation.ts";
import { CODE } from "../../../protocol/errors.ts";
import { member } from "../../../runtime/json.ts";
import type {
  JSONRPCRequest,
  JSONRPCResponse,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from "../sdk.ts";
import type { WireErrorBody } from "../wire_errors.ts";
import { Caller, withCaller } from "./caller.ts";
import type { EraSendOptions } from "./era_transport.ts";
import { ParamHeaderCheck } from "./param_header_check.ts";
import { StateError } from "./request_state.ts";
import {
  type BegunRequest,
  type RoundTripOptions,
  RoundTrips,
  stateRefusal,
} from "./round_trips.ts";
import type { ServerDiscovery } from "./server_discovery.ts";
import { Subscriptions, TooManySubscriptions } from "./subscriptions.ts";

/** A modern request without an answer. */
export interface ModernPending {
  readonly era: "modern";
  readonly request: ModernRequest;
  readonly envelope: Envelope;
  /** As it went to the server behind; absent until then. */
  begun?: BegunRequest;
}

/** The era layer, as the modern era uses it. */
export interface ModernEraPeers {
  /** The transport to the clients. */
  readonly transport: Transport;
  readonly discovery: ServerDiscovery;
  /** The requests without an answer, of both eras. */
  readonly pending: Map<RequestId, ModernPending | { readonly era: "legacy" }>;
  /** Delivers a request to the server behind. */
  readonly deliver: (request: JSONRPCRequest, extra: MessageExtraInfo | undefined) => void;
  /** Takes a response in the place of the server behind. */
  readonly respond: (response: JSONRPCResponse) => Promise<void>;
  /** Answers a request with an error. */
  readonly refuse: (id: RequestId, error: unknown, httpStatus: number | undefined) => void;
  /** The JSON-RPC error for the caller. An error that is not the caller's goes to the log too. */
  readonly wireError: (error: unknown) => WireErrorBody;
  /** Takes an error for the log. */
  readonly report: (error: unknown) => void;
}

export class ModernEra {
  readonly subscriptions: Subscriptions;
  readonly paramHeaders: ParamHeaderCheck;
  readonly #peers: ModernEraPeers;
  readonly #roundTrips: RoundTrips;

  constructor(peers: ModernEraPeers, roundTrips: RoundTripOptions) {
    const { transport, deliver, respond, report } = peers;
    this.#peers = peers;
    this.#roundTrips = new RoundTrips(roundTrips);
    this.paramHeaders = new ParamHeaderCheck(deliver);
    this.subscriptions = new Subscriptions({
      notify: (notification, relatedRequestId) =>
        void transport.send(notification, { relatedRequestId }).catch(report),
      // Translated, as the result of any modern request.
      complete: (id, result) => void respond({ jsonrpc: "2.0", id, result }).catch(report),
      deliver,
    });
  }

  /** Takes a request whose id is free. */
  async receive(
    message: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    envelope: Envelope,
  ): Promise<void> {
    const { id, method, params = {} } = message;
    const { pending: all, discovery, deliver } = this.#peers;
    try {
      checkMethod(method);
      const { params: legacyParams, request } = toLegacyParams(method, params, envelope);
      const pending: ModernPending = { era: "modern", request, envelope };
      all.set(id, pending);
      if (!discovery.isDone) await discovery.done;
      const hasHeaders = method === "tools/call" && extra?.requestInfo !== undefined;
      if (hasHeaders && !this.paramHeaders.knows(params.name)) {
        await this.paramHeaders.learn(params.name, extra);
      }
      // It may have been cancelled meanwhile.
      if (all.get(id) !== pending) return;
      if (method === DISCOVER) {
        const result = toDiscovery(discovery.initialized);
        return await this.#peers.respond({ jsonrpc: "2.0", id, result });
      }
      if (method === LISTEN) {
        const { capabilities } = discovery.initialized;
        return this.subscriptions.open(message, extra, capabilities);
      }
      if (hasHeaders) this.paramHeaders.check(params, extra);
      const { clientCapabilities: capabilities } = envelope;
      const server = `${member(discovery.initialized.serverInfo, "name")}`;
      const incoming = { server, method, params: legacyParams, extra, capabilities };
      const beginning = this.#roundTrips.begin(incoming);
      const begun = beginning instanceof Promise ? await beginning : beginning;
      if (all.get(id) !== pending) return;
      pending.begun = begun;
      const caller = new Caller(capabilities, begun.roundTrip);
      deliver({ ...message, params: begun.params }, withCaller(begun.extra, caller));
    } catch (error) {
      all.delete(id);
      this.#peers.refuse(id, this.#refusal(error), statusOf(error));
    }
  }

  /** Sends the response of the server behind to a request, in modern terms. */
  async answer(
    response: JSONRPCResponse,
    id: RequestId,
    { request, begun }: ModernPending,
    options: TransportSendOptions | undefined,
  ): Promise<void> {
    const { serverInfo } = this.#peers.discovery.initialized;
    if (request.method === "tools/list" && "result" in response) {
      this.paramHeaders.observe(response.result.tools);
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
        body = { error: this.#peers.wireError(error) };
      }
    }
    const httpStatus = "error" in body ? statusOf(body.error) : undefined;
    const sendOptions: EraSendOptions = { ...options, httpStatus };
    await this.#peers.transport.send({ jsonrpc: "2.0", id, ...body }, sendOptions);
  }

  /** Takes the response to a request of its own; `false` for any other. */
  takeResponse(response: JSONRPCResponse): boolean {
    return this.subscriptions.takeResponse(response) || this.paramHeaders.takeResponse(response);
  }

  /** Releases what is held for clients that are gone. */
  release(): void {
    this.subscriptions.clear();
    this.paramHeaders.stop();
  }

  /** The error for a client. What is wrong with its state is for the log. */
  #refusal(error: unknown): unknown {
    if (!(error instanceof StateError)) return error;
    this.#peers.report(new Error(error.message, { cause: error.cause }));
    return stateRefusal();
  }
}

/** The status of an error that has one of its own over HTTP. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof TooManySubscriptions) return 503;
  const code = member(error, "code");
  if (code === CODE.methodNotFound) return 404;
  return code === CODE.missingCapability || code === CODE.headerMismatch ? 400 : undefined;
}
