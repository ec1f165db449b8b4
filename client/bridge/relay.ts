/**
 * The bridge itself: passes messages between a host and a server, and gives each request its
 * session on the way.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { cancelledId } from "../../jsonrpc/message.ts";
import { Backlog } from "../../jsonrpc/backpressure.ts";
import { CODE } from "../../protocol/errors.ts";
import { isObject } from "../../runtime/json.ts";
import { withoutCapability } from "../session/capability.ts";
import { Deadline } from "../../runtime/deadline.ts";
import { retryAction } from "../connection/retry.ts";
import { isOutcomeUnknown } from "../connection/send_errors.ts";
import { SessionLayer } from "../session/session_layer.ts";
import type { ConnectTransport } from "../connection/reconnecting_transport.ts";
import { ReconnectingTransport } from "../connection/reconnecting_transport.ts";
import {
  isRequest,
  isResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type JSONRPCResponse,
  type RequestId,
} from "../sdk.ts";
import type { BridgedSession } from "./bridged_session.ts";
import type { Conversations } from "./conversations.ts";
import type { ListingJar } from "./handle_jar.ts";
import { Handles, type Plan } from "./handles.ts";
import type { Host } from "./host.ts";
import type { Log, LogLevel } from "../../runtime/log.ts";
import { NOT_SENT, notPassedOn, notSpoken } from "./send_refusals.ts";
import { Standing } from "./replayed_requests.ts";

/** How long a session may take to be found or made. */
const ESTABLISH_MS = 5_000;
/** How long a dead connection is tried again before what waits for it fails. */
const RECONNECT_MS = 10_000;
/** How long the first connection is tried: hosts have little patience as they start. */
const CONNECT_MS = 5_000;
const RETRY_MS = 100;
/** How long a stopping bridge waits for calls that are still running. */
const GRACE_MS = 5_000;
/** How much may wait for the server to take it, in bytes, before nothing more is read. */
const MAX_UNSENT_BYTES = 32 * 1024 * 1024;

/** What the relay is made of. */
export interface RelayParts {
  readonly host: Host;
  /** Connects to the server. */
  readonly connect: ConnectTransport;
  /** The server, as messages name it. */
  readonly server: string;
  /** The name of the one session for everything, if there is to be one. */
  readonly session: string | undefined;
  readonly conversations: Conversations;
  /** Where the sessions are that models name by handles, if they are to. */
  readonly handles:
    | { readonly jar: ListingJar; readonly server: string; readonly user: string }
    | undefined;
  readonly log: Log;
}

/** A request of the host's that has not been answered. */
interface Pending {
  readonly request: JSONRPCRequest;
  readonly session: BridgedSession | undefined;
  /** How many sessions had been lost when it came. */
  readonly losses: number;
  /** How it goes on, once that is known. */
  plan?: Plan;
  /** Lets go what waits for its answer. */
  readonly release: () => void;
}

/** One host in front, one server behind. */
export class Relay {
  readonly #host: Host;
  readonly #server: string;
  readonly #session: string | undefined;
  readonly #conversations: Conversations;
  readonly #handles: Handles | undefined;
  readonly #log: Log;
  readonly #layer: SessionLayer;
  readonly #pending = new Map<RequestId, Pending>();
  readonly #standing = new Standing();
  readonly #unsent = new Backlog(MAX_UNSENT_BYTES);
  readonly #closing = new AbortController();
  readonly #over = Promise.withResolvers<void>();
  #started: Promise<void> | undefined;
  /** What comes now waits until the server is ready for it. Never rejects. */
  #turn: Promise<void> = Promise.resolve();
  #drained: (() => void) | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failed = false;
  #hurried = false;
  #hasSessions: boolean | undefined;
  /** Has the server taken anything? `undefined` if nothing was to be sent. */
  #reached: boolean | undefined;

  constructor({ host, connect, server, session, conversations, handles, log }: RelayParts) {
    this.#host = host;
    this.#server = server;
    this.#session = session;
    this.#conversations = conversations;
    this.#log = log;
    const options = {
      reconnectMs: RECONNECT_MS,
      givesUp: false,
      replays: () => this.#standing.except(this.#pending.values().map(({ request }) => request)),
    };
    const layer = new SessionLayer({
      transport: new ReconnectingTransport(connect, options),
      slotOf: ({ id }) => this.#pending.get(id)?.plan?.slot,
      onreconnect: () => {
        log("info", "the connection to the server has been rebuilt");
        this.#lookForSessions();
      },
      establishMs: ESTABLISH_MS,
      requiresSession: true,
    });
    layer.onmessage = (message) => this.#fromServer(message);
    layer.onerror = (error) => log(notSpoken(error) ? "info" : "warn", error.message);
    layer.onclose = () => this.#lost();
    this.#layer = layer;
    this.#handles = handles &&
      new Handles({ ...handles, layer, log, signal: this.#closing.signal });
  }

  /**
   * Serves until the host's input ends or `stop` resolves; what is being answered then has a few
   * seconds left.
   *
   * @returns Was the server there when it was needed?
   */
  async run(stop: Promise<void>): Promise<boolean> {
    const read = this.#read().catch((error) => this.#hostGone(error));
    await Promise.race([read, stop, this.#over.promise]);
    if (!this.#failed) await this.#drain();
    this.#closing.abort();
    const { passing } = this.#conversations;
    if (passing !== undefined && !this.#failed && !this.#hurried) {
      await this.#layer.deleteSession(passing.slot)
        .catch((error) => this.#log("info", `the session was not ended: ${messageOf(error)}`));
    }
    await this.#layer.close();
    await this.#conversations.flush();
    // A host that does not read must not keep this up.
    const deadline = new Deadline(GRACE_MS, new AbortController().signal);
    await deadline.limit(this.#writing)
      .catch(() => this.#log("warn", "the host has not read all that there was for it"));
    return !this.#failed && this.#reached !== false;
  }

  /** Waits for nothing that a server or a host does. */
  hurry(): void {
    this.#hurried = true;
    this.#closing.abort();
  }

  async #read(): Promise<void> {
    for await (const { message, bytes } of this.#host.messages()) {
      if (this.#closing.signal.aborted) return;
      this.#unsent.add(bytes);
      void this.#fromHost(message).finally(() => this.#unsent.remove(bytes));
      await this.#unsent.room();
    }
  }

  /** Resolves when the message has been sent, or never will be. */
  #fromHost(message: JSONRPCMessage): Promise<void> {
    if (isResponse(message)) return this.#forward(message);
    if (isRequest(message)) {
      if (this.#pending.has(message.id)) return this.#refuseTwice(message);
      const session = this.#conversations.of(message);
      const losses = session?.losses ?? 0;
      if (session !== undefined) session.inFlight++;
      const { promise, resolve } = Promise.withResolvers<void>();
      const pending = { request: message, session, losses, release: resolve };
      this.#pending.set(message.id, pending);
      const sent = this.#turn.then(() => this.#forward(message, pending));
      // Over HTTP, messages overtake each other unless each waits for the one before.
      if (message.method === "initialize") this.#turn = promise;
      return sent;
    }
    const sent = this.#turn.then(() => this.#forward(message));
    if (message.method === "notifications/initialized") this.#turn = sent;
    return sent;
  }

  /** Never rejects: a request that could not be sent is answered. */
  async #forward(message: JSONRPCMessage, pending?: Pending): Promise<void> {
    const cancelled = cancelledId(message);
    try {
      await this.#connected();
      // The server has not seen it.
      if (cancelled !== undefined && this.#isUnplanned(cancelled)) return this.#settle(cancelled);
      if (pending === undefined) await this.#send(this.#outgoing(message));
      else {
        const planning = this.#plan(pending);
        // What need not wait is sent before a cancellation can come.
        const plan = planning instanceof Promise ? await planning : planning;
        const outgoing = this.#begin(plan, pending);
        if (outgoing === undefined) return;
        await this.#send(outgoing);
      }
      this.#reached = true;
    } catch (error) {
      this.#reached ??= false;
      if (isResponse(message)) return this.#log("warn", messageOf(error));
      if (!isRequest(message)) return this.#log("warn", `${message.method}: ${messageOf(error)}`);
      this.#answer(notPassedOn(message, this.#server, error));
    }
    if (cancelled !== undefined) this.#settle(cancelled);
  }

  #connected(): Promise<void> {
    return this.#started ??= this.#layer.start().catch((error) => {
      this.#started = undefined;
      throw error;
    });
  }

  async #send(message: JSONRPCMessage): Promise<void> {
    const first = isRequest(message) && message.method === "initialize";
    const deadline = new Deadline(first ? CONNECT_MS : 0, this.#closing.signal);
    for (;;) {
      try {
        return await this.#layer.send(message);
      } catch (error) {
        // A host starts us when it likes, maybe before the server is there.
        if (retryAction(error) !== "backoff" || !await deadline.wait(RETRY_MS)) throw error;
      }
    }
  }

  /** Whether it is not yet known how this request goes on. */
  #isUnplanned(id: RequestId): boolean {
    const pending = this.#pending.get(id);
    return pending !== undefined && pending.plan === undefined;
  }

  /** How a request goes on. */
  #plan({ request, session }: Pending): Plan | Promise<Plan> {
    return this.#handles?.plan(request, session) ??
      { message: request, slot: session?.slot, session };
  }

  /** What is sent on of a request, if anything is; it may have been cancelled meanwhile. */
  #begin(plan: Plan, pending: Pending): JSONRPCMessage | undefined {
    const { id, method } = pending.request;
    if (this.#pending.get(id) !== pending) return void plan.release?.();
    pending.plan = plan;
    const { message, answer, slot } = plan;
    if (answer !== undefined) this.#answer({ ...answer, jsonrpc: "2.0", id });
    // A call that becomes a request of the contract needs its conversation no more, either.
    const isAlone = slot === undefined && message?.method === method;
    return message && (isAlone ? message : this.#outgoing(message));
  }

  /** What is sent on where the cookie tells the session, so that nothing else needs to. */
  #outgoing(message: JSONRPCMessage): JSONRPCMessage {
    const isPlain = isResponse(message) || this.#layer.capability === undefined;
    if (isPlain || !isObject(message.params)) return message;
    return { ...message, params: this.#conversations.without(message.params) };
  }

  #fromServer(message: JSONRPCMessage): void {
    if (!isResponse(message)) {
      if (message.method === "notifications/tools/list_changed") this.#handles?.forgetTools();
      return void this.#give(message);
    }
    const pending = message.id === undefined ? undefined : this.#pending.get(message.id);
    // Nobody waits for it: the request has been cancelled.
    if (pending === undefined) return;
    const { request, plan } = pending;
    if (request.method === "initialize") return this.#answer(this.#introduction(message));
    if ("result" in message) this.#standing.note(request);
    if (plan?.complete !== undefined) {
      const { id } = request;
      return void plan.complete(this.#told(message, pending))
        .then((body) => this.#answer({ ...body, jsonrpc: "2.0", id }));
    }
    this.#answer(this.#told(message, pending));
  }

  /** The answer, with what its session has lost. */
  #told(answer: JSONRPCResponse, { request, plan, losses }: Pending): JSONRPCResponse {
    if (!("result" in answer) || plan?.session === undefined || !this.#layer.capability) {
      return answer;
    }
    const carried = this.#layer.carried(request.id);
    const result = plan.session.resultFor(request.method, answer.result, losses, carried);
    return { ...answer, result };
  }

  #introduction(answer: JSONRPCResponse): JSONRPCResponse {
    if ("result" in answer) {
      const version = answer.result.protocolVersion;
      if (typeof version === "string") this.#layer.setProtocolVersion(version);
      this.#lookForSessions();
      return { ...answer, result: withoutCapability(answer.result) };
    }
    if (!isOutcomeUnknown(answer.error)) return answer;
    const message = `Cannot connect to the MCP server ${this.#server} as it ended before it ` +
      "answered: look at what it wrote to stderr.";
    return { ...answer, error: { ...NOT_SENT, message } };
  }

  /** Tells whoever runs the bridge, once, if it is of no use with this server. */
  #lookForSessions(): void {
    this.#handles?.forgetTools();
    const hasSessions = this.#layer.capability !== undefined;
    if (hasSessions === this.#hasSessions) return;
    this.#hasSessions = hasSessions;
    if (hasSessions) return this.#log(...this.#way());
    const what =
      `${this.#server} has no sessions (MCP session v2), so its tools keep nothing apart`;
    const next = "Put the bridge in front of a server that has them, or use this one without it.";
    if (this.#session === undefined) {
      return this.#log("warn", `${what} for each conversation. ${next}`);
    }
    this.#log(
      "error",
      `--session ${this.#session} has no effect: ${what} under that name. ${next}`,
    );
  }

  /** By what calls find their session. */
  #way(): [LogLevel, string] {
    if (this.#session !== undefined) {
      return ["info", `sessions: every call runs in the session of the name ${this.#session}`];
    }
    if (this.#handles === undefined) {
      return [
        "warn",
        "--per-process: calls that belong to no conversation share one session, and what is kept in " +
        "it ends with this process. Without the flag the model names its sessions, and keeps them",
      ];
    }
    if (!this.#layer.capability?.features.includes("create")) {
      return [
        "warn",
        `${this.#server} makes no sessions when asked, so calls that belong to no conversation ` +
        "can name none: --session NAME or --per-process gives them one",
      ];
    }
    return ["info", "sessions: a call has that of the handle in it, else that of its conversation"];
  }

  #refuseTwice({ id }: JSONRPCRequest): Promise<void> {
    const message = "Invalid request: a request with this id has not been answered yet";
    return this.#give({ jsonrpc: "2.0", id, error: { code: CODE.invalidRequest, message } });
  }

  #answer(answer: JSONRPCResponse): void {
    if (answer.id === undefined) return;
    if (!this.#pending.has(answer.id)) return;
    void this.#give(answer);
    this.#settle(answer.id);
  }

  #settle(id: RequestId): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (pending.session !== undefined) pending.session.inFlight--;
    pending.plan?.release?.();
    this.#pending.delete(id);
    pending.release();
    if (this.#pending.size === 0) this.#drained?.();
  }

  /** Never rejects. */
  #give(message: JSONRPCMessage): Promise<void> {
    return this.#writing = this.#host.send(message).catch((error) => this.#hostGone(error));
  }

  #hostGone(error: unknown): void {
    this.#log("error", `the host is gone: ${messageOf(error)}`);
    this.#over.resolve();
  }

  /** The server is gone before the host was connected to it. */
  #lost(): void {
    if (this.#closing.signal.aborted) return;
    this.#log("error", `${this.#server} ended before it was connected`);
    this.#failed = true;
    this.#over.resolve();
  }

  async #drain(): Promise<void> {
    if (this.#pending.size === 0) return;
    const deadline = new Deadline(GRACE_MS, this.#closing.signal);
    const drained = new Promise<void>((resolve) => this.#drained = resolve);
    await deadline.limit(drained).catch(() =>
      this.#log("warn", `${this.#pending.size} requests had no answer in time`)
    );
  }
}
