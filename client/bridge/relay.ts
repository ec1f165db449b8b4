/**
 * Relays messages between a host and a server, and gives each request its session on the way.
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
import { isOutcomeUnknown } from "../connection/send_errors.ts";
import { EraTransport } from "../era/era_transport.ts";
import { SessionLayer } from "../session/session_layer.ts";
import {
  type ConnectTransport,
  ReconnectingTransport,
} from "../connection/reconnecting_transport.ts";
import { isRequest, isResponse } from "../../jsonrpc/transport.ts";
import type { JSONRPCMessage, JSONRPCRequest, JSONRPCResponse } from "../sdk.ts";
import type { ConversationSessions } from "./conversation_sessions.ts";
import type { HandleJarOptions } from "./handle_jar.ts";
import { HandlePlanner } from "./handle_planner.ts";
import type { EraHost } from "./era/era_host.ts";
import type { Log } from "../../runtime/log.ts";
import { type PendingRequest, PendingRequests } from "./pending_requests.ts";
import { ReplayedRequests } from "./replayed_requests.ts";
import type { RequestPlan } from "./request_plan.ts";
import { NOT_SENT, sendRefusal, unsupportedError } from "./send_refusals.ts";
import { sendWithRetry } from "./send_retry.ts";
import { sessionReport } from "./session_report.ts";

/** The deadline for finding or making a session. */
const ESTABLISH_MS = 5_000;
/** The deadline of a reconnect, past which the requests that wait for it fail. */
const RECONNECT_MS = 10_000;
/** The grace period of a stopping bridge: for pending requests, and for the host to read. */
const GRACE_MS = 5_000;
/** Unsent bytes to the server past which the host is not read. */
const MAX_UNSENT_BYTES = 32 * 1024 * 1024;

export interface RelayOptions {
  readonly host: EraHost;
  readonly connect: ConnectTransport;
  /** The server, as messages name it. */
  readonly server: string;
  /** The name of the one session for all requests, if there is one. */
  readonly session: string | undefined;
  readonly conversations: ConversationSessions;
  /** The jar of handles; `undefined` if models name no sessions. */
  readonly handles: Pick<HandleJarOptions, "jar" | "server" | "user"> | undefined;
  readonly log: Log;
}

/** Connects one host to one server. */
export class Relay {
  readonly #host: EraHost;
  readonly #server: string;
  readonly #session: string | undefined;
  readonly #conversations: ConversationSessions;
  readonly #handles: HandlePlanner | undefined;
  readonly #log: Log;
  readonly #layer: SessionLayer;
  readonly #pending = new PendingRequests();
  readonly #replayed = new ReplayedRequests();
  readonly #unsent = new Backlog(MAX_UNSENT_BYTES);
  readonly #closing = new AbortController();
  /** Resolves when the host or the server is gone. */
  readonly #over = Promise.withResolvers<void>();
  #started: Promise<void> | undefined;
  /** Messages of the host wait for this. Never rejects. */
  #ready: Promise<void> = Promise.resolve();
  #hasSessions: boolean | undefined;
  #failed = false;
  #hurried = false;
  /** Whether the server has taken a message; `undefined` if none was to be sent. */
  #reached: boolean | undefined;

  constructor({ host, connect, server, session, conversations, handles, log }: RelayOptions) {
    this.#host = host;
    host.onmessage = (message) => void this.#fromHost(message);
    this.#server = server;
    this.#session = session;
    this.#conversations = conversations;
    this.#log = log;
    const options = {
      reconnectMs: RECONNECT_MS,
      givesUp: false,
      replays: () => this.#replayed.excluding(this.#pending.requests()),
    };
    const layer = new SessionLayer({
      // A server of both eras is spoken to in the host's: then least is translated.
      transport: new ReconnectingTransport(
        () => new EraTransport(connect, { prefers: host.era, listens: true }),
        options,
      ),
      slotOf: ({ id }) => this.#pending.get(id)?.plan?.slot,
      onreconnect: () => {
        log("info", "the connection to the server has been rebuilt");
        this.#onConnected();
      },
      establishMs: ESTABLISH_MS,
      requiresSession: true,
    });
    layer.onmessage = (message) => this.#fromServer(message);
    layer.onerror = (error) => log(unsupportedError(error) ? "info" : "warn", error.message);
    layer.onclose = () => this.#onServerLost();
    this.#layer = layer;
    this.#handles = handles &&
      new HandlePlanner({ ...handles, layer, log, signal: this.#closing.signal });
  }

  /**
   * Serves until the host's input ends or `stop` resolves. Requests that are pending then have a few
   * seconds left.
   *
   * @returns Whether the server could be reached, as far as it was needed.
   */
  async run(stop: Promise<void>): Promise<boolean> {
    const read = this.#read().catch((error) => this.#onHostLost(error));
    await Promise.race([read, stop, this.#over.promise]);
    if (!this.#failed) await this.#drain();
    this.#closing.abort();
    const { processSession } = this.#conversations;
    if (processSession !== undefined && !this.#failed && !this.#hurried) {
      await this.#layer.deleteSession(processSession.slot)
        .catch((error) => this.#log("info", `the session was not ended: ${messageOf(error)}`));
    }
    await this.#layer.close();
    await this.#conversations.flush();
    const deadline = new Deadline(GRACE_MS, new AbortController().signal);
    await deadline.limit(this.#host.flushed())
      .catch(() => this.#log("warn", "the host has not read all that there was for it"));
    return !this.#failed && this.#reached !== false;
  }

  /** Ends every wait for the server and the host. */
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
      if (this.#pending.get(message.id) !== undefined) return this.#refuseDuplicate(message);
      const pending = this.#pending.add(message, this.#conversations.sessionFor(message));
      const sent = this.#ready.then(() => this.#forward(message, pending));
      // Over HTTP, messages overtake each other: those after these two wait for them.
      if (message.method === "initialize") this.#ready = pending.settled;
      return sent;
    }
    const sent = this.#ready.then(() => this.#forward(message));
    if (message.method === "notifications/initialized") this.#ready = sent;
    return sent;
  }

  /** Sends a message on. Never rejects: a request that could not be sent gets an error response. */
  async #forward(message: JSONRPCMessage, pending?: PendingRequest): Promise<void> {
    const cancelled = cancelledId(message);
    try {
      await this.#start();
      // The server does not know a request that is not planned yet.
      if (cancelled !== undefined && this.#pending.isUnplanned(cancelled)) {
        return this.#pending.settle(cancelled);
      }
      let outgoing: JSONRPCMessage | undefined;
      if (pending === undefined) outgoing = this.#withoutIds(message);
      else {
        const planning = this.#plan(pending);
        // A plan that is there at once is sent at once, before a cancellation can come.
        outgoing = this.#begin(planning instanceof Promise ? await planning : planning, pending);
        if (outgoing === undefined) return;
      }
      await sendWithRetry(this.#layer, outgoing, this.#closing.signal);
      this.#reached = true;
    } catch (error) {
      this.#reached ??= false;
      if (isResponse(message)) return this.#log("warn", messageOf(error));
      if (!isRequest(message)) return this.#log("warn", `${message.method}: ${messageOf(error)}`);
      this.#respond(sendRefusal(message, this.#server, error));
    }
    if (cancelled !== undefined) this.#pending.settle(cancelled);
  }

  #start(): Promise<void> {
    return this.#started ??= this.#layer.start().catch((error) => {
      this.#started = undefined;
      throw error;
    });
  }

  #plan({ request, session }: PendingRequest): RequestPlan | Promise<RequestPlan> {
    return this.#handles?.plan(request, session) ??
      { message: request, slot: session?.slot, session };
  }

  /** The message to send for a request, if there is one: it may be cancelled or answered already. */
  #begin(plan: RequestPlan, pending: PendingRequest): JSONRPCMessage | undefined {
    const { id, method } = pending.request;
    if (this.#pending.get(id) !== pending) return void plan.release?.();
    pending.plan = plan;
    const { message, response, slot } = plan;
    if (response !== undefined) this.#respond({ ...response, jsonrpc: "2.0", id });
    // The ids stay in a request that is sent as the host wrote it, without a session.
    const isAsWritten = slot === undefined && message?.method === method;
    return message && (isAsWritten ? message : this.#withoutIds(message));
  }

  /** The message without the ids of conversations, which the cookie replaces. */
  #withoutIds(message: JSONRPCMessage): JSONRPCMessage {
    if (isResponse(message) || this.#layer.capability === undefined) return message;
    if (!isObject(message.params)) return message;
    return { ...message, params: this.#conversations.withoutIds(message.params) };
  }

  #fromServer(message: JSONRPCMessage): void {
    if (!isResponse(message)) {
      if (message.method === "notifications/tools/list_changed") this.#handles?.tools.forget();
      return void this.#give(message);
    }
    const pending = message.id === undefined ? undefined : this.#pending.get(message.id);
    // The request has been cancelled.
    if (pending === undefined) return;
    const { request, plan } = pending;
    if (request.method === "initialize") return this.#respond(this.#initializeResponse(message));
    if ("result" in message) this.#replayed.record(request);
    const response = this.#withLossNotice(message, pending);
    if (plan?.complete === undefined) return this.#respond(response);
    const { id } = request;
    void plan.complete(response).then((body) => this.#respond({ ...body, jsonrpc: "2.0", id }));
  }

  /** The response without the cookie of the bridge, and with a notice if the session was lost. */
  #withLossNotice(response: JSONRPCResponse, pending: PendingRequest): JSONRPCResponse {
    const { request, plan, losses } = pending;
    if (!("result" in response) || plan?.session === undefined || !this.#layer.capability) {
      return response;
    }
    const carried = this.#layer.carried(request.id);
    const result = plan.session.resultFor(request.method, response.result, losses, carried);
    return { ...response, result };
  }

  #initializeResponse(response: JSONRPCResponse): JSONRPCResponse {
    if ("result" in response) {
      const version = response.result.protocolVersion;
      if (typeof version === "string") this.#layer.setProtocolVersion(version);
      this.#onConnected();
      return { ...response, result: withoutCapability(response.result) };
    }
    if (!isOutcomeUnknown(response.error)) return response;
    const message = `Cannot connect to the MCP server ${this.#server} as it ended before it ` +
      "answered: look at what it wrote to stderr.";
    return { ...response, error: { ...NOT_SENT, message } };
  }

  #onConnected(): void {
    this.#handles?.tools.forget();
    const { capability } = this.#layer;
    const hasSessions = capability !== undefined;
    if (hasSessions === this.#hasSessions) return;
    this.#hasSessions = hasSessions;
    const hasHandles = this.#handles !== undefined;
    this.#log(...sessionReport(capability, this.#server, this.#session, hasHandles));
  }

  #refuseDuplicate({ id }: JSONRPCRequest): Promise<void> {
    const message = "Invalid request: a request with this id has not been answered yet";
    return this.#give({ jsonrpc: "2.0", id, error: { code: CODE.invalidRequest, message } });
  }

  /** Gives the host the response to a pending request. */
  #respond(response: JSONRPCResponse): void {
    const { id } = response;
    if (id === undefined || this.#pending.get(id) === undefined) return;
    void this.#give(response);
    this.#pending.settle(id);
  }

  /** Never rejects. */
  #give(message: JSONRPCMessage): Promise<void> {
    return this.#host.send(message).catch((error) => this.#onHostLost(error));
  }

  #onHostLost(error: unknown): void {
    this.#log("error", `the host is gone: ${messageOf(error)}`);
    this.#over.resolve();
  }

  #onServerLost(): void {
    if (this.#closing.signal.aborted) return;
    this.#log("error", `${this.#server} ended before it was connected`);
    this.#failed = true;
    this.#over.resolve();
  }

  /** Waits, within the grace period, until no request is pending. */
  async #drain(): Promise<void> {
    const deadline = new Deadline(GRACE_MS, this.#closing.signal);
    await deadline.limit(this.#pending.empty()).catch(() =>
      this.#log("warn", `${this.#pending.size} requests had no answer in time`)
    );
  }
}
