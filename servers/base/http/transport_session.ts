/**
 * A transport session (`Mcp-Session-Id`) over the SDK's transport: its owner, its pending requests and
 * its last use.
 *
 * @module
 */

import { cancelledId } from "../../../jsonrpc/message.ts";
import { CODE } from "../../../protocol/errors.ts";
import { METHOD } from "../../../protocol/methods.ts";
import { member } from "../../../runtime/json.ts";
import { Strays } from "../../../jsonrpc/strays.ts";
import { utf8Length } from "../../../runtime/utf8.ts";
import {
  ResponseBody,
  SMALL_RESPONSE_BYTES,
  unreadQuotaError,
  type UnreadResponses,
} from "./response_body.ts";
import { asError } from "../../../runtime/errors.ts";
import { idInFlight, isStoreFull } from "../wire_errors.ts";
import type { Lease } from "./request_quota.ts";
import { encodeResponse } from "../message_reader.ts";
import type { CoalescedTimer } from "../../../runtime/coalesced_timer.ts";
import { withLiteralAccept } from "./header_checks.ts";
import { jsonResponse, messageRefused, refused, RETRY_LATER, unstored } from "./error_responses.ts";
import type { AddressedInfo } from "../era/caller.ts";
import type { EraSendOptions } from "../era/era_transport.ts";
import type { AuthInfo, JSONRPCMessage, MessageExtraInfo, RequestId, Transport } from "../sdk.ts";
import { WebStandardStreamableHTTPServerTransport as SdkTransport } from "./sdk_http.ts";

/** The bytes that may wait for the client before notifications are dropped. */
const MAX_UNREAD_BYTES = 64 * 1024;

const LOST = "the connection of its call is lost";
const STOPPED = "the server stops, and takes no more responses";

interface TransportSessionOptions {
  /** The principal, who alone reaches the session. */
  readonly owner: string | null;
  readonly unread: UnreadResponses;
  readonly streams: CoalescedTimer<ResponseBody>;
  readonly onopen: (id: string) => void;
  readonly onclose: (id: string | undefined) => void;
}

/** The parts of a request that were read before its transport session was found. */
interface HttpExchange {
  readonly message: JSONRPCMessage | undefined;
  readonly authInfo: AuthInfo | undefined;
  /** The caller's IP address, if it is known. */
  readonly address: string | undefined;
  /** The request's quota, which the session releases. */
  readonly lease: Lease;
}

type SendOptions = Parameters<SdkTransport["send"]>[1];
type RequestOrNotification = Extract<JSONRPCMessage, { method: string }>;

/** An HTTP exchange: a pending request, or the standalone stream. */
class Exchange {
  readonly lease: Lease;
  readonly address: string | undefined;
  /** Resolves once there is a response, or never will be. */
  readonly settled: PromiseWithResolvers<void> = Promise.withResolvers();
  body: ResponseBody | undefined;
  sentBytes = 0;
  /** Whether the response counts against the quota until it has been read. */
  isLarge = false;
  storeFull: string | undefined;

  constructor({ lease, address }: Pick<HttpExchange, "lease" | "address">) {
    this.lease = lease;
    this.address = address;
  }

  /** Whether so much waits to be read that notifications are dropped. */
  get isFull(): boolean {
    return this.sentBytes - (this.body?.readBytes ?? 0) > MAX_UNREAD_BYTES;
  }
}

export class TransportSession {
  readonly owner: string | null;
  readonly #sdk: SdkTransport;
  readonly #send: SdkTransport["send"];
  readonly #options: TransportSessionOptions;
  readonly #pending = new Map<RequestId, Exchange>();
  /** The requests to the client without a response yet, and the calls that they belong to, if to any. */
  readonly #asked = new Map<RequestId, Exchange | undefined>();
  readonly #strays = new Strays((message) => this.#sdk.onerror?.(new Error(message)));
  /** The stream of a client's GET, for messages that belong to no request. */
  #standalone: Exchange | undefined;
  #isStopped = false;
  /** Monotonic: setting the system's clock must not make a session idle. */
  #usedAt = performance.now();

  constructor(options: TransportSessionOptions) {
    this.owner = options.owner;
    this.#options = options;
    const sdk = new SdkTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: options.onopen,
      // The SDK's comments would pile up in a stream that is not read.
      keepAliveMs: 0,
    });
    this.#send = sdk.send.bind(sdk);
    sdk.send = (message, options) =>
      "method" in message ? this.#push(message, options) : this.#respond(message, options);
    sdk.onclose = () => {
      this.#endStandaloneStream();
      options.onclose(sdk.sessionId);
      for (const id of this.#pending.keys()) this.#settle(id);
    };
    this.#sdk = sdk;
  }

  /** Connects a new server. The session has no id until it is initialized. */
  async connect(connect: (transport: Transport) => Promise<unknown>): Promise<void> {
    await connect(this.#sdk);
    const { onmessage } = this.#sdk;
    this.#sdk.onmessage = (message, extra) => {
      // The SDK would have its whole text in the log, which may be what a user was asked for.
      if (!("method" in message) && message.id !== undefined && !this.#asked.delete(message.id)) {
        return this.#strays.add(
          "The client has sent a response that belongs to no pending request",
        );
      }
      // The SDK passes on nothing of a request but its headers and its caller.
      onmessage?.(message, this.#addressed(message, extra));
    };
  }

  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  /** The time without a pending request or standalone stream, in milliseconds. */
  get idleMs(): number {
    const isUsed = this.isBusy || this.#standalone !== undefined;
    return isUsed ? 0 : performance.now() - this.#usedAt;
  }

  async fetch(request: Request, received: HttpExchange): Promise<Response> {
    const { message, authInfo, lease } = received;
    const id = message !== undefined && "method" in message && "id" in message
      ? message.id
      : undefined;
    if (id !== undefined && this.#pending.has(id)) {
      lease.release();
      return messageRefused(id, idInFlight());
    }
    const exchange = new Exchange(received);
    if (id === undefined) lease.release();
    else this.#pending.set(id, exchange);
    let accepted = false;
    try {
      // The SDK searches the Accept of a POST for literal types, without case folding or ranges.
      const literal = message === undefined ? request : withLiteralAccept(request);
      const handle = () =>
        this.#sdk.handleRequest(literal, {
          ...(authInfo && { authInfo }),
          ...(message && { parsedBody: message }),
        });
      let response = await handle();
      if (response.status === 409) {
        // The connection of the old stream may be lost, and not closed.
        this.#endStandaloneStream();
        response = await handle();
      }
      accepted = response.ok;
      this.#usedAt = performance.now();
      this.#endCancelled(message);
      if (!accepted) return refused(unstored(response), "The transport session does not take it");
      if (response.body === null) return unstored(response);
      const body = exchange.body = new ResponseBody(response.body);
      this.#options.streams.begin(body);
      body.watch({
        onover: () => {
          this.#options.streams.end(body);
          this.#endAsked(exchange, LOST);
        },
      });
      if (exchange.isLarge) this.#options.unread.add(body, lease);
      if (request.method === "GET") this.#openStandaloneStream(exchange, body);
      if (member(message, "method") === METHOD.create) {
        await exchange.settled.promise;
        if (exchange.storeFull !== undefined) {
          await body.stream.cancel();
          return jsonResponse(503, exchange.storeFull, RETRY_LATER);
        }
      }
      return unstored(response, body.stream);
    } finally {
      if (!accepted) {
        if (id !== undefined) this.#settle(id);
        lease.release();
      }
      // A session without an id was not initialized, as its request was refused.
      if (this.#sdk.sessionId === undefined) await this.close();
    }
  }

  /** Ends what would keep the server from stopping. Pending requests get their response. */
  stop(): void {
    this.#isStopped = true;
    this.#endStandaloneStream();
    for (const exchange of this.#pending.values()) this.#endAsked(exchange, STOPPED);
  }

  /** Ends the standalone stream. Its unread rest is dropped after the time limit of a response. */
  #endStandaloneStream(): void {
    const { body, lease } = this.#standalone ?? {};
    this.#sdk.closeStandaloneSSEStream();
    if (body !== undefined && lease !== undefined) this.#options.unread.add(body, lease);
  }

  /** Closes the transport and its server. A failure goes to the server's own `onerror`. */
  async close(): Promise<void> {
    try {
      await this.#sdk.close();
    } catch (error) {
      this.#sdk.onerror?.(asError(error));
    }
  }

  /**
   * Sends a request, or a notification unless the client is far behind.
   *
   * @throws {Error} if the stream of a request is closed, as nobody would answer.
   */
  async #push(message: RequestOrNotification, options: SendOptions): Promise<void> {
    const related = options?.relatedRequestId;
    const exchange = related === undefined ? this.#standalone : this.#pending.get(related);
    const cancelled = cancelledId(message);
    if (cancelled !== undefined) this.#asked.delete(cancelled);
    if (exchange !== undefined) {
      if (exchange.isFull && !("id" in message)) return;
      if ("id" in message) {
        const why = this.#isStopped
          ? STOPPED
          : exchange.body?.isOver
          ? "the client has closed the stream for it"
          : undefined;
        if (why !== undefined) throw new Error(`Cannot send ${message.method} as ${why}`);
      }
      exchange.sentBytes += JSON.stringify(message).length;
    }
    const isAsked = "id" in message && (related === undefined || exchange !== undefined);
    if (isAsked) this.#asked.set(message.id, related === undefined ? undefined : exchange);
    await this.#send(message, options);
  }

  async #respond(
    message: Exclude<JSONRPCMessage, RequestOrNotification>,
    options?: SendOptions & EraSendOptions,
  ): Promise<void> {
    // The SDK would end the stream of a response that JSON cannot express, without a message.
    const { answer, text } = encodeResponse(message, options);
    const exchange = message.id === undefined ? undefined : this.#pending.get(message.id);
    if (exchange === undefined) return await this.#send(answer, options);
    if (text.length > SMALL_RESPONSE_BYTES) {
      exchange.isLarge = exchange.lease.reserveResponse(utf8Length(text));
    } else if (isStoreFull(answer)) {
      exchange.storeFull = text;
    }
    try {
      if (text.length > SMALL_RESPONSE_BYTES && !exchange.isLarge) {
        const lost = unreadQuotaError(message.id);
        options?.onreplaced?.(lost);
        await this.#send(lost, options);
      } else await this.#send(answer, options);
    } finally {
      // Sending fails when the client has gone; the call is over all the same.
      if (message.id !== undefined) this.#settle(message.id);
    }
  }

  #addressed(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): AddressedInfo {
    const id = "id" in message && "method" in message ? message.id : undefined;
    const address = id === undefined ? undefined : this.#pending.get(id)?.address;
    return { ...extra, address };
  }

  /** Removes a request that has its response, or will never have one. */
  #settle(id: RequestId): void {
    const exchange = this.#pending.get(id);
    if (exchange === undefined) return;
    this.#pending.delete(id);
    for (const [asked, on] of this.#asked) if (on === exchange) this.#asked.delete(asked);
    this.#usedAt = performance.now();
    exchange.settled.resolve();
    if (!exchange.isLarge) exchange.lease.release();
    else if (exchange.body !== undefined) this.#options.unread.add(exchange.body, exchange.lease);
  }

  /** Ends the stream of a cancelled request, which the SDK would keep for ever. */
  #endCancelled(message: JSONRPCMessage | undefined): void {
    const id = message && cancelledId(message);
    if (id === undefined) return;
    this.#sdk.closeSSEStream(id);
    this.#settle(id);
  }

  /**
   * Ends what a call has asked. Over a lost connection there is no way to give its response either, and it
   * would hold its place for as long as a user may take to answer.
   */
  #endAsked(exchange: Exchange, why: string): void {
    for (const [id, on] of this.#asked) {
      if (on !== exchange) continue;
      const error = { code: CODE.internalError, message: why };
      this.#sdk.onmessage?.({ jsonrpc: "2.0", id, error });
    }
  }

  #openStandaloneStream(exchange: Exchange, body: ResponseBody): void {
    this.#standalone = exchange;
    body.watch({
      onover: () => {
        if (this.#standalone === exchange) this.#standalone = undefined;
        this.#usedAt = performance.now();
      },
    });
  }
}
