/**
 * The session layer: a decorator of an MCP transport that makes any server session-aware.
 *
 * @module
 */

import { withCapability } from "../../../protocol/capability.ts";
import { presentedCookie, withCookie } from "../../../protocol/cookie.ts";
import { CODE, WireError } from "../../../protocol/errors.ts";
import { member } from "../../../runtime/json.ts";
import type { SessionStore } from "../../../store/mod.ts";
import { Admission, type Admitted, type SessionPolicy } from "./policy.ts";
import { type Advise, adviseRefused, callerKind, once } from "./operator_advice.ts";
import { Awareness } from "./caller_awareness.ts";
import { Bindings, type SessionBindingOptions } from "./session_binding.ts";
import type { CallSession } from "./call_session.ts";
import { TransportDecorator } from "../transport_decorator.ts";
import { idInFlight, type WireErrorBody, wireErrorBody } from "../wire_errors.ts";
import { asError } from "../../../runtime/errors.ts";
import { handleOf, listsUnboundOnly, ownerOf } from "./session_lookup.ts";
import { Handles } from "../handles/session_handles.ts";
import { type MethodContext, type SessionMethod, sessionMethods } from "./session_methods.ts";
import { DEFAULT_TTL_MS, inWords } from "./session_record.ts";
import type {
  JSONRPCMessage,
  JSONRPCRequest,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from "../sdk.ts";
import { FailedLookup, runWithSession } from "./current_session.ts";

/** How {@linkcode sessionLayer} treats the server behind it. */
export interface SessionLayerOptions extends SessionBindingOptions {
  /** Where the sessions are kept. The layer does not close it. */
  readonly store: SessionStore;
  /** The policy of every tool that `tools` does not name. @default "required" */
  readonly policy?: SessionPolicy;
  /** The policies of single tools, by name. */
  readonly tools?: Readonly<Record<string, SessionPolicy>>;
  /** Lifetime of a session without use, in milliseconds. @default 7 days */
  readonly ttlMs?: number;
  /** Lifetime of a session however much it is used, in milliseconds. @default no such end */
  readonly maxAgeMs?: number;
  /**
   * Does the transport reach only the user whose process this is, as stdio does? Only then may a
   * caller without authentication list the sessions that belong to nobody, or be bound to one of
   * them. @default false
   */
  readonly local?: boolean;
  /** The clock, in milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /**
   * Told, once each, what whoever runs the server can do about its callers (`info`) and what about its
   * tools is in the way of handles (`warn`). @default nobody is told
   */
  readonly advise?: (level: "info" | "warn", message: string) => void;
}

/**
 * Puts sessions between a transport and the server on it: announces the capability, answers
 * `session/*`, checks the policy of each tool, hands the session to the tool
 * ({@linkcode currentSession}), and puts the cookie on the result.
 *
 * @throws {TypeError} if a policy or a session's name is none, or unknown callers are to share a
 * session.
 * @throws {RangeError} if a lifetime is none.
 *
 * @example
 * ```ts
 * import { McpServer, sessionLayer } from "@mcp-sessions/deno/server";
 * import { MemoryStore } from "@mcp-sessions/deno/store";
 * import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
 *
 * const [transport] = InMemoryTransport.createLinkedPair();
 * const server = new McpServer({ name: "example", version: "1.0.0" });
 * await server.connect(sessionLayer(transport, { store: new MemoryStore(), policy: "auto" }));
 * await server.close();
 * ```
 */
export function sessionLayer(transport: Transport, options: SessionLayerOptions): Transport {
  return new SessionLayer(transport, options);
}

/** What is remembered of a request until its reply. */
interface Pending {
  readonly method: string;
  /** What it runs with, once that is known. */
  admitted: Admitted;
  /** Why its session could not be looked up, where it may do without. */
  failed?: FailedLookup;
}

type Respond = (reply: { result: object } | { error: unknown }) => Promise<void>;

class SessionLayer extends TransportDecorator {
  readonly #admission: Admission;
  readonly #methodContext: Omit<MethodContext, "owner" | "unboundOnly">;
  readonly #advise: Advise;
  /** Words refusals for callers that know no sessions, if models can name some. */
  readonly #handles: Handles | undefined;
  readonly #awareness: Awareness;
  readonly #pending = new Map<RequestId, Pending>();

  constructor(inner: Transport, options: SessionLayerOptions) {
    const { store, ttlMs = DEFAULT_TTL_MS, maxAgeMs = Infinity, now = Date.now } = options;
    const lifetime = { ttlMs, maxAgeMs };
    const { policy = "required", tools = {}, local = false } = options;
    const bindings = new Bindings({ ...options, local });
    const admission = new Admission({ store, policy, tools, bindings, lifetime, now });
    // Wrong options leave the transport as it was.
    super(inner);
    this.#admission = admission;
    this.#methodContext = { store, local, lifetime, now };
    this.#advise = once(options.advise ?? (() => {}));
    this.#awareness = new Awareness(inner);
    this.#handles = inner instanceof Handles ? inner : undefined;
    const retention = `A session is kept for ${inWords(ttlMs)} without use.`;
    this.#handles?.attach({ bindings, local, retention, advise: this.#advise });
  }

  override async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    await this.inner.send(isResponse(message) ? await this.#complete(message) : message, options);
  }

  protected override receive(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void {
    if (!("method" in message)) return this.#deliver(message, extra);
    if (!("id" in message)) {
      if (message.method === "notifications/cancelled") this.#cancel(message.params);
      return this.#deliver(message, extra);
    }
    if (this.#pending.has(message.id)) {
      return void this.#reply(message.id, { error: idInFlight() });
    }
    const pending: Pending = {
      method: message.method,
      admitted: { session: undefined, dead: false },
    };
    this.#pending.set(message.id, pending);
    const isAware = this.#awareness.note(message, extra);
    const method = sessionMethods.get(message.method);
    if (method !== undefined) return void this.#answer(message, extra, method, pending);
    if (message.method === "tools/call") return void this.#call(message, extra, pending, isAware);
    const presented = presentedCookie(message.params).kind === "id";
    if (presented && message.method !== "initialize") {
      return void this.#other(message, extra, pending);
    }
    this.#deliver(message, extra);
  }

  /** Answers a request of the contract itself; the server behind never sees it. */
  async #answer(
    request: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    method: SessionMethod,
    pending: Pending,
  ): Promise<void> {
    const respond = this.#responder(request.id, pending);
    try {
      const owner = ownerOf(extra?.authInfo);
      const context = { ...this.#methodContext, owner, unboundOnly: listsUnboundOnly(extra) };
      await respond({ result: await method(request.params, context) });
    } catch (error) {
      await respond({ error });
    }
  }

  /** Lets the server have a `tools/call`, if its policy admits it. */
  async #call(
    request: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    pending: Pending,
    isAware: boolean,
  ): Promise<void> {
    try {
      const authInfo = extra?.authInfo;
      const handle = handleOf(extra);
      const params = request.params ?? {};
      pending.admitted = await this.#admission.call(params, ownerOf(authInfo), handle, authInfo);
    } catch (error) {
      const isRefused = error instanceof WireError && error.code === CODE.sessionRequired;
      if (isRefused && !isAware && this.#handles === undefined) {
        const caller = callerKind(this.#methodContext.local, ownerOf(extra?.authInfo));
        adviseRefused(this.#advise, caller, "not offered");
      }
      return await this.#responder(request.id, pending)({ error });
    }
    this.#deliverOpened(request, extra, pending, pending.admitted.session);
  }

  /** Lets the server have another request that carries a cookie. It can use the session. */
  async #other(
    request: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    pending: Pending,
  ): Promise<void> {
    let session: CallSession | FailedLookup | undefined;
    try {
      session = await this.#admission.other(request.params, ownerOf(extra?.authInfo));
      pending.admitted = { session, dead: false };
    } catch (error) {
      // Most of these requests never ask for their session: only those that do shall fail.
      session = pending.failed = new FailedLookup(asError(error));
    }
    this.#deliverOpened(request, extra, pending, session);
  }

  /** Turns the server's reply into the one that goes out: with the capability, or the cookie. */
  async #complete(message: Response): Promise<JSONRPCMessage> {
    const pending = this.#take(message.id);
    if (pending === undefined) return message;
    if (pending.method === "initialize") {
      return "result" in message ? { ...message, result: withCapability(message.result) } : message;
    }
    const { session, dead } = pending.admitted;
    try {
      if ("error" in message && pending.failed?.isAsked) throw pending.failed.error;
      const failed = "error" in message || message.result.isError === true;
      const cookie = await session?.settle(failed);
      const told = cookie === undefined && dead ? null : cookie;
      if ("error" in message || told === undefined) return message;
      return { ...message, result: withCookie(message.result, told) };
    } catch (error) {
      return { jsonrpc: "2.0", id: message.id, error: this.#wireError(error) };
    }
  }

  #deliver(
    message: JSONRPCMessage,
    extra: MessageExtraInfo | undefined,
    session?: CallSession | FailedLookup,
  ): void {
    runWithSession(session, () => this.onmessage?.(message, extra));
  }

  /** Delivers a request that had to wait for the store, unless it was cancelled meanwhile. */
  #deliverOpened(
    request: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    pending: Pending,
    session: CallSession | FailedLookup | undefined,
  ): void {
    if (this.#pending.get(request.id) === pending) this.#deliver(request, extra, session);
    else if (session !== undefined && !(session instanceof FailedLookup)) session.close();
  }

  #cancel(params: unknown): void {
    const id = member(params, "requestId");
    if (typeof id === "string" || typeof id === "number") this.#take(id)?.admitted.session?.close();
  }

  #take(id: RequestId): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  protected override release(): void {
    for (const { admitted } of this.#pending.values()) admitted.session?.close();
    this.#pending.clear();
    this.#admission.close();
  }

  /** Sends the layer's own reply to a request, unless the caller has cancelled it meanwhile. */
  #responder(id: RequestId, pending: Pending): Respond {
    return async (reply) => {
      if (this.#pending.get(id) !== pending) return;
      this.#pending.delete(id);
      await this.#reply(id, reply);
    };
  }

  async #reply(id: RequestId, reply: { result: object } | { error: unknown }): Promise<void> {
    const body = "result" in reply
      ? { result: { ...reply.result } }
      : { error: this.#wireError(reply.error) };
    try {
      await this.inner.send({ jsonrpc: "2.0", id, ...body });
    } catch (error) {
      this.onerror?.(asError(error));
    }
  }

  /** The JSON-RPC error that tells the caller; what is not the caller's doing goes to the log too. */
  #wireError(error: unknown): WireErrorBody {
    if (!(error instanceof WireError)) this.onerror?.(asError(error));
    return wireErrorBody(error);
  }
}

type Response = Extract<JSONRPCMessage, { result: unknown } | { error: unknown }> & {
  id: RequestId;
};

function isResponse(message: JSONRPCMessage): message is Response {
  return !("method" in message) && message.id !== undefined;
}
