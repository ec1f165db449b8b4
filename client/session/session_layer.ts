/**
 * The session layer: puts the cookie on what goes out and takes it over from what comes in.
 *
 * @module
 */

import { cancelledId } from "../../jsonrpc/message.ts";
import { type HeldCookie, resultCookie, withCookie } from "../../protocol/cookie.ts";
import { CODE } from "../../protocol/errors.ts";
import { METHOD } from "../../protocol/methods.ts";
import { member } from "../../runtime/json.ts";
import { type Call, Calls, presents } from "./pending_requests.ts";
import { type SessionCapability, sessionCapability } from "./capability.ts";
import { Deadline } from "../../runtime/deadline.ts";
import { createdCookie, sessionTitle } from "./session_requests.ts";
import { SessionAcquirer } from "./session_acquirer.ts";
import { failureOf, outcomeUnknown, speaksOfSession } from "../connection/send_errors.ts";
import { messageOf } from "../../runtime/errors.ts";
import { created, isTooLarge, takeOver, upToDate } from "./cookie_rules.ts";
import type { CookieSlot } from "./cookie_slot.ts";
import { OwnRequests } from "./internal_requests.ts";
import type { Reconnecting } from "../connection/reconnecting_transport.ts";
import {
  type Extra,
  isRequest,
  isResponse,
  type JSONRPCErrorResponse,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  type JSONRPCResponse,
  type RequestId,
  type SendOptions,
  type Transport,
} from "../sdk.ts";

/** The methods whose handlers use a session; the others carry one that is held. */
const SESSION_USERS: readonly string[] = ["tools/call", "resources/read", "prompts/get"];

/** What the layer is made of. */
export interface LayerParts {
  /** What it decorates. */
  readonly transport: Reconnecting;
  /** Holds the cookie that a request carries; `undefined` for one that carries none of ours. */
  readonly slotOf: (request: JSONRPCRequest) => CookieSlot | undefined;
  /**
   * Has its session found or made as the client connects, for those who look at the layer's cookie;
   * every other slot as the first request needs it, and whenever it holds none.
   */
  readonly first?: CookieSlot;
  /** Told when the connection was dead and has been rebuilt. */
  readonly onreconnect: () => void;
  /** How long a session may take to be found or made. */
  readonly establishMs: number;
  /**
   * Is what uses a session not sent when it could have one and has none? The server might find it
   * another one.
   *
   * @default false
   */
  readonly insists?: boolean;
}

/** Decorates a transport with the session of PROTOCOL section 5. */
export class SessionLayer implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: JSONRPCMessage, extra?: Extra) => void) | undefined;

  readonly #inner: Reconnecting;
  readonly #slotOf: LayerParts["slotOf"];
  readonly #first: CookieSlot | undefined;
  readonly #own: OwnRequests;
  readonly #calls = new Calls();
  /** Answers that have come and wait to be delivered. */
  readonly #due = new Set<() => void>();
  readonly #closing = new AbortController();
  readonly #sessions: SessionAcquirer;
  readonly #insists: boolean;
  #refusesByCode = false;

  constructor(
    { transport, slotOf, first, onreconnect, establishMs, insists = false }: LayerParts,
  ) {
    this.#inner = transport;
    this.#slotOf = slotOf;
    this.#first = first;
    this.#insists = insists;
    this.#own = new OwnRequests((message) => transport.send(message));
    this.#sessions = new SessionAcquirer({
      own: this.#own,
      establishMs,
      insists,
      signal: this.#closing.signal,
      fail: (error) => this.#fail(error),
    });
    transport.onmessage = (message, extra) => this.#receive(message, extra);
    transport.onerror = (error) => this.onerror?.(error);
    transport.onclose = () => this.#closed();
    transport.onreconnect = async (result) => {
      this.#sessions.capability = sessionCapability(result);
      this.#sessions.presence.reset();
      // The server may be another version now.
      this.#refusesByCode = false;
      onreconnect();
      // What waits for the connection is sent when the server has been asked for its session.
      const slots = this.#calls.slots();
      await Promise.all(Array.from(slots, (slot) => this.#sessions.presence.confirm(slot)));
    };
  }

  get cookie(): HeldCookie | undefined {
    return this.#first?.cookie && structuredClone(this.#first.cookie);
  }

  get capability(): SessionCapability | undefined {
    return this.#sessions.capability && structuredClone(this.#sessions.capability);
  }

  get sessionId(): string | undefined {
    return this.#inner.sessionId;
  }

  setProtocolVersion(version: string): void {
    this.#inner.setProtocolVersion(version);
  }

  start(): Promise<void> {
    return this.#inner.start();
  }

  async close(): Promise<void> {
    await this.#inner.close();
    await this.#first?.flush();
  }

  /** The session that the request `id` of the caller's went with, while its answer is delivered. */
  carried(id: RequestId): string | undefined {
    return this.#calls.get(id)?.carried?.id;
  }

  /** The title of new sessions. */
  get title(): string {
    return this.#sessions.title;
  }

  /** Whether the server has sent -32002 to a `tools/call`: a failure in words is a tool's then. */
  get refusesByCode(): boolean {
    return this.#refusesByCode;
  }

  /**
   * Asks the server for something in a request of this side's own.
   *
   * @throws {Error} If the answer is an error, or does not come within `ms`.
   */
  ask(ms: number, method: string, params: Record<string, unknown>) {
    return this.#own.ask(new Deadline(ms, this.#closing.signal), method, params);
  }

  /** Whether the server's list lacks the session that `slot` holds. Never rejects. */
  async isGone(slot: CookieSlot): Promise<boolean> {
    const isGone = await this.#sessions.presence.isGone(slot);
    this.#sessions.presence.confirmed(slot);
    return isGone;
  }

  /** Ends the session that `slot` holds, as nobody will come back to it. */
  async end(slot: CookieSlot): Promise<void> {
    await this.#sessions.end(slot);
  }

  async send(message: JSONRPCMessage, options?: SendOptions): Promise<void> {
    if (isResponse(message)) return await this.#inner.send(message, options);
    if (isRequest(message)) return await this.#request(message, options);
    if (message.method === "notifications/initialized") return await this.#begin(message, options);
    if (cancelledId(message) !== undefined) return await this.#cancel(message, options);
    await this.#inner.send(message, options);
  }

  async #request(message: JSONRPCRequest, options: SendOptions | undefined): Promise<void> {
    const call = this.#calls.add(message, options, this.#slotOf(message));
    const { slot } = call;
    if (slot !== undefined) {
      if (this.#needsSession(call, slot)) await this.#sessions.obtain(slot);
      for (let gate; (gate = this.#sessions.gate(slot)) !== undefined;) await gate;
      const confirming = this.#sessions.presence.confirm(slot);
      if (confirming !== undefined) await confirming;
    }
    if (!this.#calls.has(call)) return;
    try {
      if (this.#insists && slot !== undefined && this.#lacksSession(call, slot)) {
        throw new Error("its session could not be found or made in time");
      }
      await this.#dispatch(call, message.id);
    } catch (error) {
      this.#calls.delete(call);
      throw error;
    }
  }

  async #dispatch(call: Call, id: RequestId): Promise<void> {
    const { message, options, slot } = call;
    call.wireId = id;
    let { params } = message;
    if (
      slot !== undefined && !call.foreign && message.method !== "initialize" &&
      this.#sessions.capability !== undefined
    ) {
      call.carried = slot.cookie;
      // `null` says that this client knows sessions, and holds none.
      params = withCookie(params ?? {}, slot.cookie ?? null);
    }
    // A resumption token belongs to the stream of the first sending.
    const resuming = call.repeated ? { ...options, resumptionToken: undefined } : options;
    await this.#inner.send({ ...message, id, ...(params && { params }) }, resuming);
  }

  /** The client is connected: lets nothing pass until its session is there, if it wants one now. */
  async #begin(message: JSONRPCNotification, options: SendOptions | undefined): Promise<void> {
    const sent = this.#inner.send(message, options);
    if (this.#first !== undefined) await this.#sessions.obtain(this.#first, sent);
    await sent;
  }

  /** Would this call go without a session that it could have? */
  #needsSession({ message, foreign }: Call, slot: CookieSlot): boolean {
    return slot !== this.#first && slot.cookie === undefined && !foreign &&
      this.#sessions.capability !== undefined && SESSION_USERS.includes(message.method);
  }

  /** Does this call go without a session that the server would have made? */
  #lacksSession({ message, foreign }: Call, slot: CookieSlot): boolean {
    return slot.cookie === undefined && !foreign && this.#sessions.offers("create") &&
      SESSION_USERS.includes(message.method);
  }

  /** Frees what is kept for the request, and tells the server if it has seen it. */
  async #cancel(message: JSONRPCNotification, options: SendOptions | undefined): Promise<void> {
    const id = cancelledId(message);
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (call === undefined) return await this.#inner.send(message, options);
    this.#calls.delete(call);
    if (call.wireId === undefined) return;
    // A server for everybody believes a cancellation by the cookie that the request had.
    let params: JSONRPCNotification["params"] = { ...message.params, requestId: call.wireId };
    if (call.carried && !presents(params)) params = withCookie(params, call.carried);
    await this.#inner.send({ ...message, params }, options);
  }

  #receive(message: JSONRPCMessage, extra: Extra | undefined): void {
    if (!isResponse(message) || message.id === undefined) return this.onmessage?.(message, extra);
    const call = this.#calls.onWire(message.id);
    if (call !== undefined) return this.#answered(call, message, extra);
    if (this.#own.owns(message.id)) return this.#own.settle(message);
    this.onmessage?.(message, extra);
  }

  #answered(call: Call, answer: JSONRPCResponse, extra: Extra | undefined): void {
    if ("result" in answer) {
      const before = call.slot?.cookie?.id;
      this.#learn(call, answer.result);
      if (mayReplace(call.slot) && this.#seemsRefused(call, answer.result)) {
        const isClear = speaksOfSession(call.message.params, answer.result);
        const settled = this.#sessions.doubt(call.slot, call.carried, isClear);
        return this.#deliverAfter(settled, call, answer, extra);
      }
      if (call.slot !== undefined && call.slot.cookie?.id !== before) {
        // What the answer tells of may be in that session alone: its id is kept first.
        return this.#deliverAfter(this.#sessions.kept(call.slot), call, answer, extra);
      }
    } else if (isSessionRequired(call, answer)) {
      this.#refusesByCode = true;
      if (mayReplace(call.slot) && this.#mayRepeat(call, answer)) {
        this.#recover(call, call.slot, answer, extra).catch((error) => this.#fail(error));
        return;
      }
    }
    this.#deliver(call, answer, extra);
  }

  /** Delivers an answer when `work` is done, or as everything ends: it has come, after all. */
  #deliverAfter(
    work: Promise<void>,
    call: Call,
    answer: JSONRPCResponse,
    extra: Extra | undefined,
  ): void {
    const deliver = () => {
      this.#due.delete(deliver);
      this.#deliver(call, answer, extra);
    };
    this.#due.add(deliver);
    void work.then(deliver);
  }

  #deliver(call: Call, answer: JSONRPCResponse, extra: Extra | undefined): void {
    if (!this.#calls.has(call)) return;
    try {
      this.onmessage?.({ ...answer, id: call.message.id }, extra);
    } finally {
      this.#calls.delete(call);
    }
  }

  #learn(call: Call, result: unknown): void {
    const { slot, message: { method, params } } = call;
    if (method === "initialize") {
      this.#sessions.capability = sessionCapability(result);
      this.#sessions.title = sessionTitle(
        member(params, "clientInfo"),
        member(result, "serverInfo"),
      );
    } else if (this.#sessions.capability === undefined || slot === undefined) {
      return;
    } else if (method === METHOD.create) {
      const cookie = createdCookie(result);
      if (cookie !== undefined) slot.apply(created(cookie));
    } else if (!call.foreign) {
      const received = upToDate(slot.cookie, call.carried, resultCookie(result));
      if (received && isTooLarge(received)) {
        this.#fail(new Error("The server's cookie is too large: what is new in it is not kept"));
      }
      slot.apply(takeOver(slot.cookie, call.carried?.id, received));
      const isTaken = received && received.id === call.carried?.id;
      if (isTaken && method === "tools/call") this.#sessions.presence.taken(slot);
    }
  }

  /** Whether a call that was refused, and so has not run, may go again. */
  #mayRepeat(call: Call, { error }: JSONRPCErrorResponse): boolean {
    // After "ended" the tool has run.
    return !call.foreign && !call.repeated && this.#sessions.offers("create") &&
      member(error.data, "reason") !== "ended";
  }

  /**
   * Whether this may be a refusal by a server that knows no -32002. A result that brings a cookie says
   * itself what became of the session.
   */
  #seemsRefused({ message, foreign }: Call, result: unknown): boolean {
    return message.method === "tools/call" && !foreign && member(result, "isError") === true &&
      resultCookie(result) === undefined && !this.#refusesByCode &&
      this.#sessions.capability !== undefined;
  }

  /** Gets a session, once for all calls that are refused at the same time, and calls again. */
  async #recover(
    call: Call,
    slot: CookieSlot,
    refusal: JSONRPCErrorResponse,
    extra: Extra | undefined,
  ): Promise<void> {
    call.wireId = undefined;
    await this.#sessions.replace(slot, call.carried);
    if (!this.#calls.has(call)) return;
    if (slot.cookie === undefined) return this.#deliver(call, refusal, extra);
    try {
      await this.#dispatch(call, this.#calls.repeat(call, this.#own.newId()));
    } catch (error) {
      if (!this.#calls.has(call)) return;
      const unsent = failureOf(error) === "unsent";
      const { id, method } = call.message;
      this.#deliver(call, unsent ? refusal : outcomeUnknown(id, method), extra);
    }
  }

  #closed(): void {
    this.#closing.abort();
    for (const deliver of this.#due) deliver();
    this.#calls.clear();
    this.onclose?.();
  }

  #fail(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.onerror?.(error instanceof Error ? error : new Error(messageOf(error)));
  }
}

/** Whether a session that is gone may be replaced by another one. */
function mayReplace(slot: CookieSlot | undefined): slot is CookieSlot {
  return slot !== undefined && !slot.isPinned;
}

/** The same code means "resource not found" where no tool was called. */
function isSessionRequired({ message }: Call, { error }: JSONRPCErrorResponse): boolean {
  return message.method === "tools/call" && error.code === CODE.sessionRequired;
}
