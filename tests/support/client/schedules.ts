/**
 * Schedules of one client with a session: its requests, what the server and the jar do, and when each
 * answer comes, in every order. A run takes one of the steps at hand at a time, in this process, and
 * checks at the end what no order may break.
 */

import { setImmediate } from "node:timers/promises";
import {
  type CookieJar,
  type HeldCookie,
  MemoryJar,
  type SentMessage,
  type SessionEvent,
  type SessionTransport,
  type Transport,
  withSession,
} from "../../../client/mod.ts";
import type { JSONRPCMessage, JSONRPCRequest } from "../../../client/sdk.ts";
import { member } from "../../../runtime/json.ts";

const KEY = "mcp/session";
const FILED = { server: "s", profile: "default" };
const MAX_STEPS = 200;
/** The name of the step by which the jar files a cookie. */
const SET = "the jar: set";

/**
 * What happens besides the answers, each at any time after the one before: calls that need a session,
 * have one made, replace or end it; the end of all sessions; another process with the same jar, which has
 * the filed session replaced; the cancellation of the first call; a break of the connection.
 */
export type Act = "call" | "lazy" | "rotate" | "revoke" | "lose" | "other" | "cancel" | "drop";

export interface Program {
  readonly acts: readonly Act[];
  /** Whether the jar has a session at the start: one that is there, or one that is gone. */
  readonly filed?: "live" | "dead";
  /** A jar around the one in memory, for a fault of its own. */
  readonly jar?: (jar: MemoryJar) => CookieJar;
}

interface Step {
  readonly name: string;
  readonly take: () => void;
}

/** One run; its steps, and what they have broken. */
export class Run {
  readonly steps: string[] = [];
  readonly broken: string[] = [];
  readonly #program: Program;
  readonly #acts: Act[];
  readonly #jar = new MemoryJar();
  readonly #transport: SessionTransport;
  /** Sessions by id: whether they are there, and the one that has made them. */
  readonly #sessions = new Map<string, { live: boolean; by: string; renewals: number }>();
  /** What can happen next, but for the acts. */
  readonly #ready = new Set<Step>();
  readonly #calls = new Map<number, { act: Act; sent: number; ran: number; outcomes: unknown[] }>();
  /** Sessions that a result has brought: those with a new id, or while the client held what its request carried. */
  readonly #brought = new Set<string>();
  #connection: Transport | undefined;
  #cancelled: number | undefined;
  #others: string | undefined;
  #count = 0;

  constructor(program: Program) {
    this.#program = program;
    this.#acts = [...program.acts];
    const jar = program.jar?.(this.#jar) ?? this.#jar;
    const wait = <T>(name: string, work: () => Promise<T>) =>
      new Promise<T>((resolve) => this.#on(`the jar: ${name}`, () => resolve(work())));
    this.#transport = withSession(() => this.#connect(), {
      server: FILED.server,
      jar: {
        get: (key) => wait("get", () => jar.get(key)),
        set: (key, cookie) => wait("set", () => jar.set(key, cookie)),
        add: (key, cookie) => wait("add", () => jar.add(key, cookie)),
        delete: (key, id) => wait("delete", () => jar.delete(key, id)),
      },
      onsession: (event) => this.#onEvent(event),
    });
    this.#transport.onmessage = (message) => {
      if (!("method" in message)) this.#calls.get(Number(message.id))?.outcomes.push(message);
    };
  }

  /** Runs to the end. `pick` picks one of so many steps. */
  async take(pick: (count: number) => number): Promise<void> {
    if (this.#program.filed !== undefined) {
      await this.#jar.set(FILED, this.#cookie(this.#newSession("before")));
      if (this.#program.filed === "dead") this.#lose();
    }
    await this.#transport.start();
    this.#send({ jsonrpc: "2.0", id: -1, method: "initialize", params: {} });
    for (let isConnected = false; this.steps.length < MAX_STEPS;) {
      await setImmediate();
      if (!isConnected && this.#ready.size === 0) {
        isConnected = true;
        this.#send({ jsonrpc: "2.0", method: "notifications/initialized" });
        continue;
      }
      const steps = [...this.#ready];
      const [act] = this.#acts;
      // A jar cannot compare and set, so another process that writes in between is no fault of the client.
      const mayAct = isConnected && !(act === "other" && steps.some(({ name }) => name === SET));
      if (act !== undefined && mayAct) steps.push({ name: act, take: () => this.#act(act) });
      const step = steps[steps.length > 1 ? pick(steps.length) : 0];
      if (step === undefined) break;
      this.steps.push(step.name);
      this.#ready.delete(step);
      step.take();
    }
    await this.#check();
  }

  #on(name: string, take: () => void): void {
    this.#ready.add({ name, take });
  }

  #send(message: SentMessage): void {
    this.#transport.send(message).catch((error) => {
      if ("id" in message) this.#calls.get(Number(message.id))?.outcomes.push(error);
    });
  }

  #act(act: Act): void {
    this.#acts.shift();
    const id = this.#calls.size;
    switch (act) {
      case "lose":
        return this.#lose();
      case "drop":
        return this.#connection?.onclose?.();
      case "cancel":
        this.#cancelled = 0;
        return this.#send({
          jsonrpc: "2.0",
          method: "notifications/cancelled",
          params: { requestId: 0 },
        });
      case "other":
        return void this.#replaceFiled();
      default:
        this.#calls.set(id, { act, sent: 0, ran: 0, outcomes: [] });
        this.#send({ jsonrpc: "2.0", id, method: "tools/call", params: { number: id } });
    }
  }

  async #replaceFiled(): Promise<void> {
    const filed = await this.#jar.get(FILED);
    if (filed !== undefined) this.#end(filed.id);
    this.#others = this.#newSession("other");
    await this.#jar.set(FILED, this.#cookie(this.#others));
  }

  #connect(): Transport {
    const connection: Transport = {
      start: () => Promise.resolve(),
      close: () => Promise.resolve(connection.onclose?.()),
      send: (message) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        if (!("id" in message && "method" in message)) return Promise.resolve();
        this.#on(`the server takes ${message.method}`, () => {
          resolve();
          if (this.#connection === connection) this.#answer(connection, message);
        });
        return promise;
      },
    };
    return this.#connection = connection;
  }

  /** Has the server carry a request out, and its answer come some time. */
  #answer(connection: Transport, { id, method, params }: JSONRPCRequest): void {
    const carried = heldId(params);
    const body = this.#carryOut(method, params, carried);
    const cookie = heldId("result" in body ? body.result : undefined);
    this.#on(`the answer to ${method}: ${cookie ?? JSON.stringify(body).slice(2, 8)}`, () => {
      if (this.#connection !== connection) return;
      const isHeld = this.#transport.cookie?.id === carried;
      // Where a call has one made in place of a dead one, the first of the two answers counts.
      const isNewId = this.#sessions.get(cookie ?? "")?.by === "rotate" &&
        !this.#program.acts.includes("lazy");
      if (cookie !== undefined && (isHeld || isNewId)) this.#brought.add(cookie);
      connection.onmessage?.({ jsonrpc: "2.0", id, ...body } as JSONRPCMessage);
    });
  }

  #carryOut(method: string, params: unknown, carried: string | undefined) {
    const isLive = carried !== undefined && this.#sessions.get(carried)?.live === true;
    const withCookie = (cookie: HeldCookie | null) => ({ result: { _meta: { [KEY]: cookie } } });
    switch (method) {
      case "initialize": {
        const session = { version: 2, features: ["create", "list", "delete"] };
        return { result: { capabilities: { experimental: { session } } } };
      }
      case "session/create":
        return withCookie(this.#cookie(this.#newSession("layer")));
      case "session/delete":
        if (carried !== undefined) this.#end(carried);
        return withCookie(null);
      case "session/list": {
        const live = [...this.#sessions].filter(([, { live }]) => live);
        return { result: { sessions: live.map(([id]) => this.#cookie(id)) } };
      }
    }
    const call = this.#calls.get(Number(member(params, "number")));
    if (call === undefined) return { result: {} };
    call.sent++;
    if (!isLive && call.act !== "lazy") {
      return { error: { code: -32002, message: "", data: { reason: "unknown" } } };
    }
    call.ran++;
    const id = isLive ? carried : this.#newSession("call");
    if (call.act === "rotate" || call.act === "revoke") this.#end(id);
    if (call.act === "revoke") return withCookie(null);
    if (call.act === "rotate") return withCookie(this.#cookie(this.#newSession("rotate")));
    const session = this.#sessions.get(id);
    if (session !== undefined) session.renewals++;
    return withCookie(this.#cookie(id));
  }

  #newSession(by: string): string {
    const id = `s${++this.#count}`;
    this.#sessions.set(id, { live: true, by, renewals: 0 });
    return id;
  }

  #cookie(id: string): HeldCookie {
    const { renewals = 0 } = this.#sessions.get(id) ?? {};
    return { id, expiry: new Date(Date.UTC(2030, 0, 1, 0, 0, renewals)).toISOString() };
  }

  #end(id: string): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) session.live = false;
  }

  #lose(): void {
    for (const id of this.#sessions.keys()) this.#end(id);
  }

  #isLive(id: string): boolean {
    return this.#sessions.get(id)?.live === true;
  }

  #onEvent(event: SessionEvent): void {
    this.steps.push(`  ${event.type}`);
    if (!("previous" in event) || !this.#isLive(event.previous.id)) return;
    this.broken.push(`a session that is there is ${event.type}`);
  }

  async #check(): Promise<void> {
    if (this.steps.length >= MAX_STEPS) this.broken.push("it does not end");
    const { cookie } = this.#transport;
    for (const [id, { sent, ran, outcomes }] of this.#calls) {
      if (id !== this.#cancelled && outcomes.length !== 1) {
        this.broken.push(`a call has ${outcomes.length} outcomes`);
      }
      if (ran > 1) this.broken.push("a call ran twice");
      if (sent > 2) this.broken.push(`a call was sent ${sent} times`);
    }
    const isCut = this.#program.acts.some((act) => act === "drop" || act === "cancel");
    for (const [id, { live, by }] of this.#sessions) {
      if (!live || id === cookie?.id || isCut) continue;
      if (this.#brought.has(id)) this.broken.push("a session that a result brought is dropped");
      else if (by === "layer") this.broken.push("a session that the layer made is left behind");
    }
    const filed = await this.#jar.get(FILED);
    const { live: isThere = false } = this.#sessions.get(this.#others ?? "") ?? {};
    if (this.#others === undefined && JSON.stringify(filed) !== JSON.stringify(cookie)) {
      this.broken.push("the jar has another cookie than the client");
    } else if (isThere && filed?.id !== this.#others) {
      this.broken.push("a session that another process has filed is undone");
    }
    await this.#transport.close();
  }
}

function heldId(body: unknown): string | undefined {
  const id = member(member(member(body, "_meta"), KEY), "id");
  return typeof id === "string" ? id : undefined;
}
