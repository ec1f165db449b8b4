/**
 * The client's session layer: puts the cookie into requests and takes it over from results.
 *
 * @module
 */

import { asError } from "../../runtime/errors.ts";
import { cancelledId } from "../../jsonrpc/message.ts";
import { type HeldCookie, resultCookie, withCookie } from "../../protocol/cookie.ts";
import { EXTENSION } from "../../protocol/capability.ts";
import { METHOD } from "../../protocol/methods.ts";
import { type PendingRequest, PendingRequests, presentsCookie } from "./pending_requests.ts";
import type { SessionCapability } from "./capability.ts";
import { ClientEra, withDeclaration } from "./client_era.ts";
import { Deadline } from "../../runtime/deadline.ts";
import { createdCookie } from "./session_requests.ts";
import { SessionAcquirer } from "./session_acquirer.ts";
import { mayRefuse, mayRetry, refusesByCode, refusesInWords } from "./session_refusal.ts";
import { outcomeUnknown, sendErrorKind } from "../connection/send_errors.ts";
import { created, isTooLarge, mergeConcurrent, takeOver } from "./cookie_rules.ts";
import type { CookieSlot } from "./cookie_slot.ts";
import { InternalRequests } from "./internal_requests.ts";
import { isHandshake } from "../connection/handshake.ts";
import type { ReconnectingTransport } from "../connection/reconnecting_transport.ts";
import { isRequest, isResponse } from "../../jsonrpc/transport.ts";
import type {
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  MessageExtraInfo,
  RequestId,
  Sdk2Transport,
  TransportSendOptions,
} from "../sdk.ts";

/** The methods whose handlers use a session. The others only carry a held cookie. */
const SESSION_USERS: readonly string[] = ["tools/call", "resources/read", "prompts/get"];

export interface SessionLayerParts {
  readonly transport: ReconnectingTransport;
  /** The slot whose cookie a request carries; `undefined` for none. */
  readonly slotOf: (request: JSONRPCRequest) => CookieSlot | undefined;
  /**
   * The slot whose session is acquired as the client connects, and whose cookie the layer shows. Every
   * other slot acquires its session when a request needs one.
   */
  readonly eagerSlot?: CookieSlot;
  readonly onreconnect: () => void;
  readonly establishMs: number;
  /**
   * Whether a request that uses a session fails here when it could have one and has none. The server
   * might run it in another session.
   */
  readonly requiresSession?: boolean;
  /** Whether modern requests go to a modern server. Otherwise a transport below may translate. */
  readonly speaksModern?: boolean;
}

/** Decorates a transport with the session of PROTOCOL section 5. */
export class SessionLayer implements Sdk2Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: JSONRPCMessage, extra?: MessageExtraInfo) => void) | undefined;

  readonly #transport: ReconnectingTransport;
  readonly #parts: SessionLayerParts;
  readonly #era: ClientEra;
  readonly #internalRequests: InternalRequests;
  readonly #pendingRequests = new PendingRequests();
  /** Deliveries of received responses that wait for a session. */
  readonly #pendingDeliveries = new Set<() => void>();
  readonly #closing = new AbortController();
  readonly #acquirer: SessionAcquirer;
  #refusesByCode = false;

  constructor(parts: SessionLayerParts) {
    const { transport, establishMs, requiresSession = false, speaksModern = false } = parts;
    this.#transport = transport;
    this.#parts = parts;
    this.#era = new ClientEra(speaksModern);
    this.#internalRequests = new InternalRequests(transport, this.#era);
    this.#acquirer = new SessionAcquirer({
      requests: this.#internalRequests,
      pendingRequests: this.#pendingRequests,
      era: this.#era,
      establishMs,
      requiresSession,
      signal: this.#closing.signal,
      onerror: (error) => this.#reportError(error),
    });
    transport.onmessage = (message, extra) => this.#receive(message, extra);
    transport.onerror = (error) => this.onerror?.(error);
    transport.onclose = () => this.#closed();
    transport.onreconnect = async (handshake, result) => {
      this.#acquirer.settle(handshake, result);
      this.#acquirer.presence.reset();
      // The server may be another version now.
      this.#refusesByCode = false;
      parts.onreconnect();
      // Waiting requests are sent once their sessions have been looked up.
      const slots = this.#pendingRequests.slots();
      await Promise.all(Array.from(slots, (slot) => this.#acquirer.presence.confirm(slot)));
    };
  }

  get cookie(): HeldCookie | undefined {
    return this.#parts.eagerSlot?.cookie && structuredClone(this.#parts.eagerSlot.cookie);
  }

  get capability(): SessionCapability | undefined {
    return this.#acquirer.capability && structuredClone(this.#acquirer.capability);
  }

  get sessionId(): string | undefined {
    return this.#transport.sessionId;
  }

  get hasPerRequestStream(): boolean {
    return this.#transport.hasPerRequestStream;
  }

  setProtocolVersion(version: string): void {
    this.#transport.setProtocolVersion(version);
  }

  setSupportedProtocolVersions(versions: string[]): void {
    this.#transport.setSupportedProtocolVersions(versions);
  }

  start(): Promise<void> {
    return this.#transport.start();
  }

  async close(): Promise<void> {
    await this.#transport.close();
    await this.#parts.eagerSlot?.flush();
  }

  /** The session that the caller's request `id` was sent in, until its response is delivered. */
  carried(id: RequestId): string | undefined {
    return this.#pendingRequests.get(id)?.carried?.id;
  }

  get title(): string {
    return this.#acquirer.title;
  }

  /** Whether the server has refused a `tools/call` by -32002. A failure in words is a tool's then. */
  get refusesByCode(): boolean {
    return this.#refusesByCode;
  }

  /** Sends an internal request, and waits `ms` for its result. */
  ask(ms: number, method: string, params: Record<string, unknown>) {
    return this.#internalRequests.ask(new Deadline(ms, this.#closing.signal), method, params);
  }

  /** Whether the server's list lacks the session that `slot` holds. Never rejects. */
  async isGone(slot: CookieSlot): Promise<boolean> {
    const isGone = await this.#acquirer.presence.isUnlisted(slot);
    this.#acquirer.presence.markConfirmed(slot);
    return isGone;
  }

  async deleteSession({ cookie }: CookieSlot): Promise<void> {
    if (cookie === undefined || !this.#acquirer.offers("delete")) return;
    await this.ask(this.#parts.establishMs, METHOD.delete, withCookie({}, cookie));
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (isResponse(message)) return await this.#transport.send(message, options);
    if (isRequest(message)) return await this.#request(message, options);
    if (message.method === "notifications/initialized") {
      return await this.#sendInitialized(message, options);
    }
    if (cancelledId(message) !== undefined) return await this.#cancel(message, options);
    await this.#transport.send(message, options);
  }

  async #request(message: JSONRPCRequest, options?: TransportSendOptions): Promise<void> {
    const slot = this.#parts.slotOf(message);
    const pending = this.#pendingRequests.add(message, options, slot, this.#era.keyOf(message));
    options?.requestSignal?.addEventListener("abort", () => {
      // Elsewhere a message cancels the request.
      if (this.hasPerRequestStream) this.#pendingRequests.delete(pending);
    }, { once: true });
    if (this.#era.lacks(pending)) await this.#acquirer.discover(message, this.#parts.eagerSlot);
    if (slot !== undefined) {
      if (this.#needsSession(pending, slot)) await this.#acquirer.acquire(slot);
      for (let wait; (wait = this.#acquirer.acquisition(slot)) !== undefined;) await wait;
      const confirming = this.#acquirer.presence.confirm(slot);
      if (confirming !== undefined) await confirming;
    }
    if (!this.#pendingRequests.has(pending)) return;
    try {
      if (this.#parts.requiresSession && slot !== undefined && this.#lacksSession(pending, slot)) {
        throw new Error("its session could not be found or made in time");
      }
      await this.#dispatch(pending, message.id);
    } catch (error) {
      this.#pendingRequests.delete(pending);
      throw error;
    }
  }

  async #dispatch(pending: PendingRequest, id: RequestId): Promise<void> {
    const { message, options, slot } = pending;
    pending.wireId = id;
    let { params } = message;
    if (this.#acquirer.capability !== undefined && !isHandshake(message.method)) {
      if (pending.key === EXTENSION) params = withDeclaration(params ?? {});
      if (slot !== undefined && !pending.hasCallerCookie) {
        pending.carried = slot.cookie;
        // `null` says that this client knows sessions, and holds none.
        params = withCookie(params ?? {}, slot.cookie ?? null, pending.key);
      }
    }
    // A resumption token belongs to the stream of the first sending.
    const resuming = pending.isRetried ? { ...options, resumptionToken: undefined } : options;
    await this.#transport.send({ ...message, id, ...(params && { params }) }, resuming);
  }

  /** Sends `notifications/initialized`, and acquires the eager session; requests wait for that. */
  async #sendInitialized(
    message: JSONRPCNotification,
    options?: TransportSendOptions,
  ): Promise<void> {
    const sent = this.#transport.send(message, options);
    if (this.#parts.eagerSlot !== undefined) {
      await this.#acquirer.acquire(this.#parts.eagerSlot, sent);
    }
    await sent;
  }

  #needsSession({ message, hasCallerCookie }: PendingRequest, slot: CookieSlot): boolean {
    return slot !== this.#parts.eagerSlot && slot.cookie === undefined && !hasCallerCookie &&
      this.#acquirer.capability !== undefined && SESSION_USERS.includes(message.method);
  }

  /** Whether the request goes without a session that the server could have created. */
  #lacksSession({ message, hasCallerCookie }: PendingRequest, slot: CookieSlot): boolean {
    return slot.cookie === undefined && !hasCallerCookie && this.#acquirer.offers("create") &&
      SESSION_USERS.includes(message.method);
  }

  /** Forgets the request, and cancels it at the server if it was sent. */
  async #cancel(message: JSONRPCNotification, options?: TransportSendOptions): Promise<void> {
    const id = cancelledId(message);
    const pending = id === undefined ? undefined : this.#pendingRequests.get(id);
    if (pending === undefined) return await this.#transport.send(message, options);
    this.#pendingRequests.delete(pending);
    if (pending.wireId === undefined) return;
    // The server accepts a cancellation by the cookie that the request had.
    let params: JSONRPCNotification["params"] = { ...message.params, requestId: pending.wireId };
    if (pending.carried && !presentsCookie(params)) {
      params = withCookie(params, pending.carried, pending.key);
    }
    await this.#transport.send({ ...message, params }, options);
  }

  #receive(message: JSONRPCMessage, extra?: MessageExtraInfo): void {
    if (!isResponse(message)) this.#pendingRequests.endSubscription(message);
    if (!isResponse(message) || message.id === undefined) return this.onmessage?.(message, extra);
    const pending = this.#pendingRequests.byWireId(message.id);
    if (pending !== undefined) return this.#receiveResponse(pending, message, extra);
    if (this.#internalRequests.owns(message.id)) return this.#internalRequests.resolve(message);
    // No answer: the request was answered already, or has not been sent (again) yet.
    if (this.#pendingRequests.get(message.id) === undefined) this.onmessage?.(message, extra);
  }

  #receiveResponse(
    pending: PendingRequest,
    answer: JSONRPCResponse,
    extra?: MessageExtraInfo,
  ): void {
    this.#pendingRequests.answer(pending);
    if ("result" in answer) {
      const isSettled = this.#acquirer.settle(pending.message, answer.result);
      const { eagerSlot } = this.#parts;
      if (isSettled && this.#era.isModern && eagerSlot !== undefined) {
        // The client is connected by this result alone.
        return this.#deliverAfter(this.#acquirer.acquire(eagerSlot), pending, answer, extra);
      }
      const before = pending.slot?.cookie?.id;
      this.#takeOverResult(pending, answer.result);
      if (mayReplace(pending.slot) && this.#mayBeRefused(pending, answer.result)) {
        const isClear = refusesInWords(pending.message.params, answer.result);
        const checked = this.#acquirer.checkRefusal(pending.slot, pending.carried, isClear);
        return this.#deliverAfter(checked, pending, answer, extra);
      }
      if (pending.slot !== undefined && pending.slot.cookie?.id !== before) {
        // The new id is saved before the result that may depend on it is delivered.
        return this.#deliverAfter(this.#acquirer.saved(pending.slot), pending, answer, extra);
      }
    } else if (refusesByCode(pending, answer.error.code)) {
      this.#refusesByCode = true;
      const isAllowed = mayRetry(pending, answer.error) && this.#acquirer.offers("create");
      if (mayReplace(pending.slot) && isAllowed) {
        this.#retryRefused(pending, pending.slot, answer, extra).catch((error) =>
          this.#reportError(error)
        );
        return;
      }
    }
    this.#deliver(pending, answer, extra);
  }

  /** Delivers a response when `work` is done, or as the transport closes. */
  #deliverAfter(
    work: Promise<void>,
    pending: PendingRequest,
    answer: JSONRPCResponse,
    extra?: MessageExtraInfo,
  ): void {
    const deliver = () => {
      this.#pendingDeliveries.delete(deliver);
      this.#deliver(pending, answer, extra);
    };
    this.#pendingDeliveries.add(deliver);
    void work.then(deliver);
  }

  #deliver(pending: PendingRequest, answer: JSONRPCResponse, extra?: MessageExtraInfo): void {
    if (!this.#pendingRequests.has(pending)) return;
    try {
      this.onmessage?.({ ...answer, id: pending.message.id }, extra);
    } finally {
      this.#pendingRequests.delete(pending);
    }
  }

  #takeOverResult(pending: PendingRequest, result: unknown): void {
    const { slot, key, message: { method } } = pending;
    if (this.#acquirer.capability === undefined || slot === undefined || isHandshake(method)) {
      return;
    }
    if (method === METHOD.create) {
      const cookie = createdCookie(result, key);
      if (cookie !== undefined) slot.apply(created(cookie));
    } else if (!pending.hasCallerCookie) {
      const received = mergeConcurrent(slot.cookie, pending.carried, resultCookie(result, key));
      if (received && isTooLarge(received)) {
        this.#reportError(new Error("The server's cookie is too large: its changes are not kept"));
      }
      slot.apply(takeOver(slot.cookie, pending.carried?.id, received));
      const isTaken = received && received.id === pending.carried?.id;
      if (isTaken && method === "tools/call") this.#acquirer.presence.markAccepted(slot);
    }
  }

  /** Whether this may be a refusal in words, by a server that has never refused by code. */
  #mayBeRefused(pending: PendingRequest, result: unknown): boolean {
    return !this.#refusesByCode && this.#acquirer.capability !== undefined &&
      mayRefuse(pending, result);
  }

  /** Retries a refused call in another session, which concurrently refused calls share. */
  async #retryRefused(
    pending: PendingRequest,
    slot: CookieSlot,
    refusal: JSONRPCErrorResponse,
    extra?: MessageExtraInfo,
  ): Promise<void> {
    pending.wireId = undefined;
    await this.#acquirer.replace(slot, pending.carried);
    if (!this.#pendingRequests.has(pending)) return;
    if (slot.cookie === undefined) return this.#deliver(pending, refusal, extra);
    try {
      const id = this.#internalRequests.newId();
      this.#pendingRequests.retry(pending, id);
      await this.#dispatch(pending, id);
    } catch (error) {
      if (!this.#pendingRequests.has(pending)) return;
      const unsent = sendErrorKind(error) === "unsent";
      const { id, method } = pending.message;
      this.#deliver(pending, unsent ? refusal : outcomeUnknown(id, method), extra);
    }
  }

  #closed(): void {
    this.#closing.abort();
    for (const deliver of this.#pendingDeliveries) deliver();
    this.#pendingRequests.clear();
    this.onclose?.();
  }

  #reportError(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.onerror?.(asError(error));
  }
}

function mayReplace(slot: CookieSlot | undefined): slot is CookieSlot {
  return slot !== undefined && !slot.isPinned;
}
