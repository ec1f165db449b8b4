/**
 * One connection to a server: a state machine around one SDK transport.
 *
 * @module
 */

import { cancelledId } from "../../jsonrpc/message.ts";
import { LISTEN } from "../../protocol/era.ts";
import { brokenOff, endsStream, NeverSentError, sendErrorKind } from "./send_errors.ts";
import { isHandshake } from "./handshake.ts";
import { type InFlightRequest, requestInFlight } from "./in_flight.ts";
import { isRequest, isResponse } from "../../jsonrpc/transport.ts";
import type {
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCResponse,
  MessageExtraInfo,
  RequestId,
  Sdk2Transport,
  TransportSendOptions,
} from "../sdk.ts";
import { ServerRequests } from "./server_requests.ts";

export interface ConnectionEvents {
  /** A message was received, or an error response takes the place of one that will not come. */
  message(message: JSONRPCMessage, extra?: MessageExtraInfo): void;
  /** An error that is not one `send`'s. */
  error(error: Error): void;
  /** The connection closed by itself. */
  closed(): void;
  newId(): number;
}

/**
 * One SDK transport, with one promise: a request that `send` took is answered, with "outcome unknown"
 * if the connection breaks before; otherwise `send` throws.
 *
 * State machine: `open` → `draining` (takes nothing new, closes once nothing is pending) → `closed`.
 */
export class Connection {
  readonly #transport: Sdk2Transport;
  readonly #events: ConnectionEvents;
  readonly #pendingRequests = new Map<RequestId, InFlightRequest>();
  readonly #serverRequests: ServerRequests;
  /** Releases each `send` that waits for a process which reads no more. */
  readonly #blockedSends = new Set<() => void>();
  #state: "open" | "draining" | "closed" = "open";

  constructor(transport: Sdk2Transport, events: ConnectionEvents) {
    this.#transport = transport;
    this.#events = events;
    this.#serverRequests = new ServerRequests(() => events.newId());
    transport.onmessage = (message, extra) => this.#receive(message, extra);
    transport.onerror = (error) => this.#fail(error);
    transport.onclose = () => this.#closed();
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** The transport's own session, unrelated to the cookie's. */
  get sessionId(): string | undefined {
    return this.#transport.sessionId;
  }

  get hasPerRequestStream(): boolean {
    return this.#transport.hasPerRequestStream ?? false;
  }

  setProtocolVersion(version: string): void {
    this.#transport.setProtocolVersion?.(version);
  }

  setSupportedProtocolVersions(versions: string[]): void {
    this.#transport.setSupportedProtocolVersions?.(versions);
  }

  /** Connects, outside of any request's context: the transport outlives the request. */
  start(): Promise<void> {
    return requestInFlight.run(undefined, () => this.#transport.start());
  }

  /** Whether `reply` is the response to, or the progress of, a server's request on this connection. */
  owns(reply: JSONRPCResponse | JSONRPCNotification): boolean {
    return this.#serverRequests.owns(reply);
  }

  /** Sends a message; throws a {@linkcode NeverSentError} if the connection is closed. */
  async send(message: JSONRPCMessage, options: TransportSendOptions = {}): Promise<void> {
    if (this.#state === "closed") throw new NeverSentError("The connection is closed");
    if (!isRequest(message)) return await this.#reply(message, options);
    const request: InFlightRequest = {
      id: message.id,
      method: message.method,
      isResumable: false,
      streamEnded: () => {
        if (!request.isResumable) this.#answerOutcomeUnknown(request);
      },
    };
    this.#pendingRequests.set(request.id, request);
    const onresumptiontoken = (token: string) => {
      request.isResumable = true;
      options.onresumptiontoken?.(token);
    };
    const onRequestStreamEnd = () => {
      if (options.onRequestStreamEnd === undefined) return this.#answerOutcomeUnknown(request);
      if (this.#isPending(request)) this.forget(request.id);
      options.onRequestStreamEnd();
    };
    try {
      await this.#write(request, message, { ...options, onresumptiontoken, onRequestStreamEnd });
    } catch (error) {
      // Answered before the error, or as the connection closed.
      if (!this.#isPending(request)) return;
      // A handshake has no effects: the error says more than an unknown outcome.
      if (sendErrorKind(error) === "broken" && !isHandshake(message.method)) {
        return this.#answerOutcomeUnknown(request);
      }
      this.forget(request.id);
      throw error;
    }
  }

  /** Forgets a request, which gets no answer any more. */
  forget(id: RequestId): void {
    this.#pendingRequests.delete(id);
    this.#closeWhenIdle();
  }

  /** Takes no new messages; closes when no request is pending. */
  drain(): void {
    if (this.#state !== "open") return;
    this.#state = "draining";
    this.#cancelServerRequests();
    this.#closeWhenIdle();
  }

  /** Closes the connection. Pending requests get no answer. */
  async close(): Promise<void> {
    this.#state = "closed";
    for (const release of this.#blockedSends) release();
    this.#cancelServerRequests();
    await this.#transport.close();
  }

  async #reply(
    message: JSONRPCResponse | JSONRPCNotification,
    options: TransportSendOptions,
  ): Promise<void> {
    const { relatedRequestId: related } = options;
    const relatedRequestId = related === undefined ? undefined : this.#serverRequests.idOf(related);
    const translated = relatedRequestId === undefined ? options : { ...options, relatedRequestId };
    await this.#write(undefined, this.#serverRequests.outgoing(message), translated);
  }

  async #write(
    request: InFlightRequest | undefined,
    message: JSONRPCMessage,
    options: TransportSendOptions,
  ): Promise<void> {
    const over = Promise.withResolvers<void>();
    this.#blockedSends.add(over.resolve);
    try {
      const sent = requestInFlight.run(request, () => this.#transport.send(message, options));
      await Promise.race([sent, over.promise]);
    } finally {
      this.#blockedSends.delete(over.resolve);
    }
  }

  #receive(message: JSONRPCMessage, extra?: MessageExtraInfo): void {
    if (this.#state === "closed") return;
    if (isResponse(message) && message.id !== undefined) this.forget(message.id);
    if (this.#endsSubscription(message)) return this.#events.message(message, extra);
    for (const each of this.#serverRequests.incoming(message, requestInFlight.getStore())) {
      this.#events.message(each, extra);
    }
  }

  #fail(error: Error): void {
    if (this.#state === "closed") return;
    const request = requestInFlight.getStore();
    this.#events.error(error);
    if (request !== undefined && endsStream(error, request.isResumable)) {
      this.#answerOutcomeUnknown(request);
    }
  }

  #closed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    for (const release of this.#blockedSends) release();
    for (const request of this.#pendingRequests.values()) this.#answerOutcomeUnknown(request);
    this.#cancelServerRequests();
    this.#events.closed();
  }

  /** Whether the server ends a subscription, by a cancellation of the client's own request. */
  #endsSubscription(message: JSONRPCMessage): boolean {
    const id = cancelledId(message);
    if (id === undefined || this.#pendingRequests.get(id)?.method !== LISTEN) return false;
    this.forget(id);
    return true;
  }

  #isPending(request: InFlightRequest): boolean {
    return this.#pendingRequests.get(request.id) === request;
  }

  #answerOutcomeUnknown(request: InFlightRequest): void {
    if (!this.#isPending(request)) return;
    this.forget(request.id);
    this.#cancelServerRequests(request);
    this.#events.message(brokenOff(request.id, request.method));
  }

  /** Cancels the server's requests, or those that came on the answer stream of `request`. */
  #cancelServerRequests(request?: InFlightRequest): void {
    for (const each of this.#serverRequests.cancelAll(request)) this.#events.message(each);
  }

  #closeWhenIdle(): void {
    if (this.#state !== "draining" || this.#pendingRequests.size > 0) return;
    this.close()
      .catch((error: Error) => this.#events.error(error))
      .finally(() => this.#events.closed());
  }
}
