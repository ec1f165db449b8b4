/**
 * The session layer: puts the cookie on what goes out and takes it over from what comes in.
 *
 * @module
 */

import { CODE, type HeldCookie, member, METHOD, resultCookie, withCookie } from "../protocol.ts";
import { type Call, Calls, presents } from "./calls.ts";
import { type SessionCapability, sessionCapability } from "./capability.ts";
import { Deadline } from "./deadline.ts";
import { createdCookie, sessionTitle } from "./establish.ts";
import { Establisher } from "./establisher.ts";
import { failureOf, messageOf, outcomeUnknown, speaksOfSession } from "./failure.ts";
import { created, isTooLarge, takeOver, upToDate } from "./held.ts";
import type { Keeper } from "./keeper.ts";
import { OwnRequests } from "./own_requests.ts";
import type { Reconnecting } from "./reconnecting.ts";
import {
  type Answer,
  cancelledId,
  type ErrorAnswer,
  type Extra,
  isAnswer,
  isRequest,
  type Message,
  type Notification,
  type Request,
  type RequestId,
  type SendOptions,
  type Transport,
} from "./sdk.ts";

/** The methods whose handlers use a session; the others carry one that is held. */
const SESSION_USERS: readonly string[] = ["tools/call", "resources/read", "prompts/get"];

/** What the layer is made of. */
export interface LayerParts {
  /** What it decorates. */
  readonly transport: Reconnecting;
  /** Holds the cookie that a request carries; `undefined` for one that carries none of ours. */
  readonly keeperOf: (request: Request) => Keeper | undefined;
  /**
   * Has its session found or made as the client connects, for those who look at the layer's cookie;
   * every other keeper as the first request needs it, and whenever it holds none.
   */
  readonly first?: Keeper;
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
  onmessage?: ((message: Message, extra?: Extra) => void) | undefined;

  readonly #inner: Reconnecting;
  readonly #keeperOf: LayerParts["keeperOf"];
  readonly #first: Keeper | undefined;
  readonly #own: OwnRequests;
  readonly #calls = new Calls();
  /** Answers that have come and wait to be delivered. */
  readonly #due = new Set<() => void>();
  readonly #closing = new AbortController();
  readonly #sessions: Establisher;
  readonly #insists: boolean;
  #refusesByCode = false;

  constructor(
    { transport, keeperOf, first, onreconnect, establishMs, insists = false }: LayerParts,
  ) {
    this.#inner = transport;
    this.#keeperOf = keeperOf;
    this.#first = first;
    this.#insists = insists;
    this.#own = new OwnRequests((message) => transport.send(message));
    this.#sessions = new Establisher({
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
      const keepers = this.#calls.keepers();
      await Promise.all(Array.from(keepers, (keeper) => this.#sessions.presence.confirm(keeper)));
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

  /** Whether the server's list lacks the session that `keeper` holds. Never rejects. */
  async isGone(keeper: Keeper): Promise<boolean> {
    const isGone = await this.#sessions.presence.isGone(keeper);
    this.#sessions.presence.confirmed(keeper);
    return isGone;
  }

  /** Ends the session that `keeper` holds, as nobody will come back to it. */
  async end(keeper: Keeper): Promise<void> {
    await this.#sessions.end(keeper);
  }

  async send(message: Message, options?: SendOptions): Promise<void> {
    if (isAnswer(message)) return await this.#inner.send(message, options);
    if (isRequest(message)) return await this.#request(message, options);
    if (message.method === "notifications/initialized") return await this.#begin(message, options);
    if (cancelledId(message) !== undefined) return await this.#cancel(message, options);
    await this.#inner.send(message, options);
  }

  async #request(message: Request, options: SendOptions | undefined): Promise<void> {
    const call = this.#calls.add(message, options, this.#keeperOf(message));
    const { keeper } = call;
    if (keeper !== undefined) {
      if (this.#needsSession(call, keeper)) await this.#sessions.obtain(keeper);
      for (let gate; (gate = this.#sessions.gate(keeper)) !== undefined;) await gate;
      const confirming = this.#sessions.presence.confirm(keeper);
      if (confirming !== undefined) await confirming;
    }
    if (!this.#calls.has(call)) return;
    try {
      if (this.#insists && keeper !== undefined && this.#lacksSession(call, keeper)) {
        throw new Error("its session could not be found or made in time");
      }
      await this.#dispatch(call, message.id);
    } catch (error) {
      this.#calls.delete(call);
      throw error;
    }
  }

  async #dispatch(call: Call, id: RequestId): Promise<void> {
    const { message, options, keeper } = call;
    call.wireId = id;
    let { params } = message;
    if (
      keeper !== undefined && !call.foreign && message.method !== "initialize" &&
      this.#sessions.capability !== undefined
    ) {
      call.carried = keeper.cookie;
      // `null` says that this client knows sessions, and holds none.
      params = withCookie(params ?? {}, keeper.cookie ?? null);
    }
    // A resumption token belongs to the stream of the first sending.
    const resuming = call.repeated ? { ...options, resumptionToken: undefined } : options;
    await this.#inner.send({ ...message, id, ...(params && { params }) }, resuming);
  }

  /** The client is connected: lets nothing pass until its session is there, if it wants one now. */
  async #begin(message: Notification, options: SendOptions | undefined): Promise<void> {
    const sent = this.#inner.send(message, options);
    if (this.#first !== undefined) await this.#sessions.obtain(this.#first, sent);
    await sent;
  }

  /** Would this call go without a session that it could have? */
  #needsSession({ message, foreign }: Call, keeper: Keeper): boolean {
    return keeper !== this.#first && keeper.cookie === undefined && !foreign &&
      this.#sessions.capability !== undefined && SESSION_USERS.includes(message.method);
  }

  /** Does this call go without a session that the server would have made? */
  #lacksSession({ message, foreign }: Call, keeper: Keeper): boolean {
    return keeper.cookie === undefined && !foreign && this.#sessions.offers("create") &&
      SESSION_USERS.includes(message.method);
  }

  /** Frees what is kept for the request, and tells the server if it has seen it. */
  async #cancel(message: Notification, options: SendOptions | undefined): Promise<void> {
    const id = cancelledId(message);
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (call === undefined) return await this.#inner.send(message, options);
    this.#calls.delete(call);
    if (call.wireId === undefined) return;
    // A server for everybody believes a cancellation by the cookie that the request had.
    let params: Notification["params"] = { ...message.params, requestId: call.wireId };
    if (call.carried && !presents(params)) params = withCookie(params, call.carried);
    await this.#inner.send({ ...message, params }, options);
  }

  #receive(message: Message, extra: Extra | undefined): void {
    if (!isAnswer(message) || message.id === undefined) return this.onmessage?.(message, extra);
    const call = this.#calls.onWire(message.id);
    if (call !== undefined) return this.#answered(call, message, extra);
    if (this.#own.owns(message.id)) return this.#own.settle(message);
    this.onmessage?.(message, extra);
  }

  #answered(call: Call, answer: Answer, extra: Extra | undefined): void {
    if ("result" in answer) {
      const before = call.keeper?.cookie?.id;
      this.#learn(call, answer.result);
      if (mayReplace(call.keeper) && this.#seemsRefused(call, answer.result)) {
        const isClear = speaksOfSession(call.message.params, answer.result);
        const settled = this.#sessions.doubt(call.keeper, call.carried, isClear);
        return this.#deliverAfter(settled, call, answer, extra);
      }
      if (call.keeper !== undefined && call.keeper.cookie?.id !== before) {
        // What the answer tells of may be in that session alone: its id is kept first.
        return this.#deliverAfter(this.#sessions.kept(call.keeper), call, answer, extra);
      }
    } else if (isSessionRequired(call, answer)) {
      this.#refusesByCode = true;
      if (mayReplace(call.keeper) && this.#mayRepeat(call, answer)) {
        this.#recover(call, call.keeper, answer, extra).catch((error) => this.#fail(error));
        return;
      }
    }
    this.#deliver(call, answer, extra);
  }

  /** Delivers an answer when `work` is done, or as everything ends: it has come, after all. */
  #deliverAfter(work: Promise<void>, call: Call, answer: Answer, extra: Extra | undefined): void {
    const deliver = () => {
      this.#due.delete(deliver);
      this.#deliver(call, answer, extra);
    };
    this.#due.add(deliver);
    void work.then(deliver);
  }

  #deliver(call: Call, answer: Answer, extra: Extra | undefined): void {
    if (!this.#calls.has(call)) return;
    try {
      this.onmessage?.({ ...answer, id: call.message.id }, extra);
    } finally {
      this.#calls.delete(call);
    }
  }

  #learn(call: Call, result: unknown): void {
    const { keeper, message: { method, params } } = call;
    if (method === "initialize") {
      this.#sessions.capability = sessionCapability(result);
      this.#sessions.title = sessionTitle(
        member(params, "clientInfo"),
        member(result, "serverInfo"),
      );
    } else if (this.#sessions.capability === undefined || keeper === undefined) {
      return;
    } else if (method === METHOD.create) {
      const cookie = createdCookie(result);
      if (cookie !== undefined) keeper.apply(created(cookie));
    } else if (!call.foreign) {
      const received = upToDate(keeper.cookie, call.carried, resultCookie(result));
      if (received && isTooLarge(received)) {
        this.#fail(new Error("The server's cookie is too large: what is new in it is not kept"));
      }
      keeper.apply(takeOver(keeper.cookie, call.carried?.id, received));
      const isTaken = received && received.id === call.carried?.id;
      if (isTaken && method === "tools/call") this.#sessions.presence.taken(keeper);
    }
  }

  /** Whether a call that was refused, and so has not run, may go again. */
  #mayRepeat(call: Call, { error }: ErrorAnswer): boolean {
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
    keeper: Keeper,
    refusal: ErrorAnswer,
    extra: Extra | undefined,
  ): Promise<void> {
    call.wireId = undefined;
    await this.#sessions.replace(keeper, call.carried);
    if (!this.#calls.has(call)) return;
    if (keeper.cookie === undefined) return this.#deliver(call, refusal, extra);
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
function mayReplace(keeper: Keeper | undefined): keeper is Keeper {
  return keeper !== undefined && !keeper.isPinned;
}

/** The same code means "resource not found" where no tool was called. */
function isSessionRequired({ message }: Call, { error }: ErrorAnswer): boolean {
  return message.method === "tools/call" && error.code === CODE.sessionRequired;
}
