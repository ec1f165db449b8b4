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

/** What the layer is made of. */
export interface LayerParts {
  /** What it decorates. */
  readonly transport: Reconnecting;
  /** Holds the cookie. */
  readonly keeper: Keeper;
  /** How long a session may take to be found or made. */
  readonly establishMs: number;
}

/** Decorates a transport with the session of PROTOCOL section 5. */
export class SessionLayer implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: Message, extra?: Extra) => void) | undefined;

  readonly #inner: Reconnecting;
  readonly #keeper: Keeper;
  readonly #establishMs: number;
  readonly #own: OwnRequests;
  readonly #calls = new Calls();
  readonly #closing = new AbortController();
  /** While a session is looked for or made, every request waits for this. Never rejects. */
  #gate: Promise<void> | undefined;
  #capability: SessionCapability | undefined;
  #title = "";

  constructor({ transport, keeper, establishMs }: LayerParts) {
    this.#inner = transport;
    this.#keeper = keeper;
    this.#establishMs = establishMs;
    this.#own = new OwnRequests((message) => transport.send(message));
    transport.onmessage = (message, extra) => this.#receive(message, extra);
    transport.onerror = (error) => this.onerror?.(error);
    transport.onclose = () => this.#closed();
    transport.onreconnect = (result) => {
      this.#capability = sessionCapability(result);
      keeper.tell({ type: "reconnected" });
    };
  }

  get cookie(): HeldCookie | undefined {
    return this.#keeper.cookie && structuredClone(this.#keeper.cookie);
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
    await this.#keeper.flush();
  }

  async send(message: Message, options?: SendOptions): Promise<void> {
    if (isAnswer(message)) return await this.#inner.send(message, options);
    if (isRequest(message)) return await this.#request(message, options);
    if (message.method === "notifications/initialized") return await this.#begin(message, options);
    if (cancelledId(message) !== undefined) return await this.#cancel(message, options);
    await this.#inner.send(message, options);
  }

  async #request(message: Request, options: SendOptions | undefined): Promise<void> {
    const call = this.#calls.add(message, options);
    while (this.#gate !== undefined) await this.#gate;
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
      call.carried = this.#keeper.cookie;
    }
    const cookie = call.foreign ? undefined : call.carried;
    const params = cookie ? { params: withCookie(message.params ?? {}, cookie) } : {};
    // A resumption token belongs to the stream of the first sending.
    const resuming = call.repeated ? { ...options, resumptionToken: undefined } : options;
    await this.#inner.send({ ...message, id, ...params }, resuming);
  }

  /** The client is connected: looks for its session, and lets nothing pass until that is done. */
  async #begin(message: Notification, options: SendOptions | undefined): Promise<void> {
    const sent = this.#inner.send(message, options);
    await this.#establish(async (ask, deadline) => {
      await deadline.limit(sent);
      if (this.#capability === undefined || this.#keeper.cookie !== undefined) return;
      const saved = await this.#keeper.load(deadline);
      if (saved === undefined || !await this.#resume(ask, saved)) await this.#create(ask);
    });
    await sent;
  }

  async #resume(ask: Ask, saved: HeldCookie): Promise<boolean> {
    let found: HeldCookie | null | undefined;
    try {
      if (this.#offers("list")) found = await findSession(ask, saved);
    } catch (error) {
      // A server that can't answer has not said that the session is gone.
      this.#fail(error);
    }
    this.#keeper.apply(found === null ? lost(saved) : resumed(found ?? saved, found !== undefined));
    return found !== null;
  }

  async #create(ask: Ask): Promise<void> {
    if (this.#offers("create")) this.#keeper.apply(created(await createSession(ask, this.#title)));
  }

  #establish(work: (ask: Ask, deadline: Deadline) => Promise<void>): Promise<void> {
    const deadline = new Deadline(this.#establishMs, this.#closing.signal);
    const ask: Ask = (method, params) => this.#own.ask(deadline, method, params);
    const gate = work(ask, deadline)
      .catch((error) =>
        this.#fail(new Error(`Cannot get a session: ${text(error)}`, { cause: error }))
      )
      .finally(() => {
        if (this.#gate === gate) this.#gate = undefined;
      });
    return this.#gate = gate;
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
      this.#learn(call, answer.result);
    } else if (this.#isRefused(call, answer)) {
      this.#recover(call, answer, extra).catch((error) => this.#fail(error));
      return;
    }
    this.#deliver(call, answer, extra);
  }

  #deliver(call: Call, answer: Answer, extra: Extra | undefined): void {
    this.#calls.delete(call);
    this.onmessage?.({ ...answer, id: call.message.id }, extra);
  }

  #learn(call: Call, result: unknown): void {
    const { method, params } = call.message;
    if (method === "initialize") {
      this.#capability = sessionCapability(result);
      this.#title = sessionTitle(member(params, "clientInfo"), member(result, "serverInfo"));
    } else if (this.#capability === undefined) {
      return;
    } else if (method === METHOD.create) {
      const cookie = createdCookie(result);
      if (cookie !== undefined) this.#keeper.apply(created(cookie));
    } else if (!call.foreign) {
      this.#keeper.apply(takeOver(this.#keeper.cookie, call.carried?.id, resultCookie(result)));
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
  async #recover(call: Call, refusal: ErrorAnswer, extra: Extra | undefined): Promise<void> {
    call.wireId = undefined;
    const held = this.#keeper.cookie;
    if (held !== undefined && held.id === call.carried?.id) this.#keeper.apply(lost(held));
    if (this.#keeper.cookie === undefined) {
      await (this.#gate ?? this.#establish((ask) => this.#create(ask)));
    }
    if (!this.#calls.has(call)) return;
    if (this.#keeper.cookie === undefined) return this.#deliver(call, refusal, extra);
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
