/**
 * The session layer: puts the cookie on what goes out and takes it over from what comes in.
 *
 * @module
 */

import { CODE, type HeldCookie, member, METHOD, resultCookie, withCookie } from "../protocol.ts";
import { type Call, Calls, presents } from "./calls.ts";
import { type SessionCapability, sessionCapability } from "./capability.ts";
import { Deadline } from "./deadline.ts";
import { createdCookie, createSession, findSession, sessionTitle } from "./establish.ts";
import { failureOf, outcomeUnknown } from "./failure.ts";
import { created, lost, resumed, takeOver } from "./held.ts";
import type { Keeper } from "./keeper.ts";
import { type Ask, OwnRequests } from "./own_requests.ts";
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
}

/** Decorates a transport with the session of PROTOCOL section 5. */
export class SessionLayer implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: Message, extra?: Extra) => void) | undefined;

  readonly #inner: Reconnecting;
  readonly #keeperOf: LayerParts["keeperOf"];
  readonly #first: Keeper | undefined;
  readonly #establishMs: number;
  readonly #own: OwnRequests;
  readonly #calls = new Calls();
  readonly #closing = new AbortController();
  /** While a session is looked for or made, every request for it waits for this. Never rejects. */
  readonly #gates = new Map<Keeper, Promise<void>>();
  #capability: SessionCapability | undefined;
  #title = "";

  constructor({ transport, keeperOf, first, onreconnect, establishMs }: LayerParts) {
    this.#inner = transport;
    this.#keeperOf = keeperOf;
    this.#first = first;
    this.#establishMs = establishMs;
    this.#own = new OwnRequests((message) => transport.send(message));
    transport.onmessage = (message, extra) => this.#receive(message, extra);
    transport.onerror = (error) => this.onerror?.(error);
    transport.onclose = () => this.#closed();
    transport.onreconnect = (result) => {
      this.#capability = sessionCapability(result);
      onreconnect();
    };
  }

  get cookie(): HeldCookie | undefined {
    return this.#first?.cookie && structuredClone(this.#first.cookie);
  }

  get capability(): SessionCapability | undefined {
    return this.#capability && structuredClone(this.#capability);
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

  /** Ends the session that `keeper` holds: nobody will come back to it. */
  async end(keeper: Keeper): Promise<void> {
    const { cookie } = keeper;
    if (cookie === undefined || !this.#offers("delete")) return;
    const deadline = new Deadline(this.#establishMs, this.#closing.signal);
    await this.#own.ask(deadline, METHOD.delete, withCookie({}, cookie));
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
      if (this.#needsSession(call, keeper)) {
        void this.#establish(keeper, (ask, deadline) => this.#obtain(keeper, ask, deadline));
      }
      for (let gate; (gate = this.#gates.get(keeper)) !== undefined;) await gate;
    }
    if (!this.#calls.has(call)) return;
    try {
      await this.#dispatch(call, message.id);
    } catch (error) {
      this.#calls.delete(call);
      throw error;
    }
  }

  async #dispatch(call: Call, id: RequestId): Promise<void> {
    const { message, options } = call;
    call.wireId = id;
    if (!call.foreign && message.method !== "initialize" && this.#capability !== undefined) {
      call.carried = call.keeper?.cookie;
    }
    const cookie = call.foreign ? undefined : call.carried;
    const params = cookie ? { params: withCookie(message.params ?? {}, cookie) } : {};
    // A resumption token belongs to the stream of the first sending.
    const resuming = call.repeated ? { ...options, resumptionToken: undefined } : options;
    await this.#inner.send({ ...message, id, ...params }, resuming);
  }

  /** The client is connected: lets nothing pass until its session is there, if it wants one now. */
  async #begin(message: Notification, options: SendOptions | undefined): Promise<void> {
    const sent = this.#inner.send(message, options);
    const first = this.#first;
    if (first !== undefined) {
      await this.#establish(first, async (ask, deadline) => {
        await deadline.limit(sent);
        if (first.cookie === undefined) await this.#obtain(first, ask, deadline);
      });
    }
    await sent;
  }

  /** Would this call go without a session that it could have? */
  #needsSession({ message, foreign }: Call, keeper: Keeper): boolean {
    return keeper !== this.#first && keeper.cookie === undefined && !foreign &&
      this.#capability !== undefined && SESSION_USERS.includes(message.method) &&
      !this.#gates.has(keeper);
  }

  /**
   * Holds the session that is in the jar, where another process may have put a newer one, or else a
   * new one.
   */
  async #obtain(keeper: Keeper, ask: Ask, deadline: Deadline): Promise<void> {
    if (this.#capability === undefined) return;
    const saved = await keeper.load(deadline);
    if (saved !== undefined && await this.#resume(keeper, ask, saved)) return;
    await this.#create(keeper, ask);
  }

  async #resume(keeper: Keeper, ask: Ask, saved: HeldCookie): Promise<boolean> {
    let found: HeldCookie | null | undefined;
    try {
      if (this.#offers("list")) found = await findSession(ask, saved);
    } catch (error) {
      // A server that can't answer has not said that the session is gone.
      this.#fail(error);
    }
    keeper.apply(found === null ? lost(saved) : resumed(found ?? saved, found !== undefined));
    return found !== null;
  }

  async #create(keeper: Keeper, ask: Ask): Promise<void> {
    if (!this.#offers("create")) return;
    keeper.apply(created(await createSession(ask, this.#title)));
  }

  #establish(
    keeper: Keeper,
    work: (ask: Ask, deadline: Deadline) => Promise<void>,
  ): Promise<void> {
    const deadline = new Deadline(this.#establishMs, this.#closing.signal);
    const ask: Ask = (method, params) => this.#own.ask(deadline, method, params);
    const gate = work(ask, deadline)
      // Nobody may use a session that this side could forget.
      .then(() => deadline.limit(keeper.flush()))
      .catch((error) =>
        this.#fail(new Error(`Cannot get a session: ${text(error)}`, { cause: error }))
      )
      .finally(() => {
        if (this.#gates.get(keeper) === gate) this.#gates.delete(keeper);
      });
    this.#gates.set(keeper, gate);
    return gate;
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
      if (call.keeper !== undefined && call.keeper.cookie?.id !== before) {
        // What the answer tells of may be in that session alone: its id is kept first.
        const deadline = new Deadline(this.#establishMs, this.#closing.signal);
        deadline.limit(call.keeper.flush())
          .catch((error) => this.#fail(error))
          .finally(() => this.#deliver(call, answer, extra));
        return;
      }
    } else if (call.keeper !== undefined && this.#isRefused(call, answer)) {
      this.#recover(call, call.keeper, answer, extra).catch((error) => this.#fail(error));
      return;
    }
    this.#deliver(call, answer, extra);
  }

  #deliver(call: Call, answer: Answer, extra: Extra | undefined): void {
    if (!this.#calls.has(call)) return;
    this.#calls.delete(call);
    this.onmessage?.({ ...answer, id: call.message.id }, extra);
  }

  #learn(call: Call, result: unknown): void {
    const { keeper, message: { method, params } } = call;
    if (method === "initialize") {
      this.#capability = sessionCapability(result);
      this.#title = sessionTitle(member(params, "clientInfo"), member(result, "serverInfo"));
    } else if (this.#capability === undefined || keeper === undefined) {
      return;
    } else if (method === METHOD.create) {
      const cookie = createdCookie(result);
      if (cookie !== undefined) keeper.apply(created(cookie));
    } else if (!call.foreign) {
      keeper.apply(takeOver(keeper.cookie, call.carried?.id, resultCookie(result)));
    }
  }

  /** Is this a `tools/call` that has not run, as it had no live session, and that may go again? */
  #isRefused(call: Call, { error }: ErrorAnswer): boolean {
    // The same code means "resource not found" elsewhere, and "ended" that the tool has run.
    return error.code === CODE.sessionRequired && call.message.method === "tools/call" &&
      !call.foreign && !call.repeated && this.#offers("create") &&
      member(error.data, "reason") !== "ended";
  }

  /** Gets a session, once for all calls that are refused at the same time, and calls again. */
  async #recover(
    call: Call,
    keeper: Keeper,
    refusal: ErrorAnswer,
    extra: Extra | undefined,
  ): Promise<void> {
    call.wireId = undefined;
    const held = keeper.cookie;
    if (held !== undefined && held.id === call.carried?.id) keeper.apply(lost(held));
    if (keeper.cookie === undefined) {
      await (this.#gates.get(keeper) ??
        this.#establish(keeper, (ask, deadline) => this.#obtain(keeper, ask, deadline)));
    }
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

  #offers(feature: string): boolean {
    return this.#capability?.features.includes(feature) === true;
  }

  #closed(): void {
    this.#closing.abort();
    this.#calls.clear();
    this.onclose?.();
  }

  #fail(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.onerror?.(error instanceof Error ? error : new Error(text(error)));
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
