/**
 * Session layer: a decorator of an MCP transport that makes any server session-aware.
 *
 * @module
 */

import { cancelledId } from "../../../jsonrpc/message.ts";
import { asError } from "../../../runtime/errors.ts";
import { withCapability } from "../../../protocol/capability.ts";
import { presentedCookie, withCookie } from "../../../protocol/cookie.ts";
import { CODE, WireError } from "../../../protocol/errors.ts";
import type { SessionStore } from "../../../store/mod.ts";
import { handleOf, handleToolOf, listsUnboundOnly } from "../handles/handle_call.ts";
import { addressOf } from "../era/caller.ts";
import { EraLayer } from "../era/era_layer.ts";
import type { ServedEras } from "../era/era_transport.ts";
import { checkKeyLength } from "../era/request_state_limits.ts";
import { HandleLayer, type HandlesMode } from "../handles/session_handles.ts";
import { combineObservers } from "../observer/combine_observers.ts";
import { observationOf } from "../observer/observed_request.ts";
import type { Observer } from "../observer/observer.ts";
import { ObserverLayer } from "../observer/observer_layer.ts";
import type {
  Answer,
  JSONRPCMessage,
  JSONRPCRequest,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from "../sdk.ts";
import { TransportDecorator } from "../transport_decorator.ts";
import { idInFlight, type WireErrorBody, wireErrorBody } from "../wire_errors.ts";
import { CallLifecycle, type PendingRequest } from "./call_lifecycle.ts";
import { runInRequest } from "./current_request.ts";
import { LookupFailure } from "./current_session.ts";
import { type Advise, adviseRefused, callerKind, once } from "./operator_advice.ts";
import { type SessionPolicy, ToolPolicies } from "./policy.ts";
import { SessionAwareness } from "./session_awareness.ts";
import { SessionBinder, type SessionBindingOptions } from "./session_binding.ts";
import { type MethodContext, type SessionMethod, sessionMethods } from "./session_methods.ts";
import { ownerOf } from "./session_owner.ts";
import { DEFAULT_TTL_MS, spanText } from "./session_lifetime.ts";
import { SessionResolver } from "./session_resolver.ts";
import { type CallerSessions, SessionWatch } from "./session_watch.ts";

/** Options of {@linkcode sessionLayer}. */
export interface SessionLayerOptions extends SessionBindingOptions {
  /** Where the sessions are kept. The layer does not close the store. */
  readonly store: SessionStore;
  /** The policy of every tool that `tools` does not name. @default "required" */
  readonly policy?: SessionPolicy;
  /** The policies of single tools, by name. */
  readonly tools?: Readonly<Record<string, SessionPolicy>>;
  /**
   * The callers to whom handles are offered (section 11 of the contract): what `tools/list` shows, and
   * how a refusal is worded. But for `never`, the tools and the argument work for every caller.
   *
   * - `always`: to every caller. A tool that is in the way makes `tools/list` an error;
   * - `auto`: to callers that know no sessions. A tool that is in the way stays as it is: where a tool
   *   has an argument `session` of its own, the handle's argument is `session_handle`; where a tool has
   *   the name of one of the three, handles are not offered; a tool whose schema can take no further
   *   argument gets none.
   *
   * Either way a tool that takes arguments of any name makes the argument `session_handle`.
   *
   * @default "never"
   */
  readonly handles?: HandlesMode;
  /**
   * The eras of MCP whose requests are answered (section 10 of the contract): `legacy`, which begins with
   * `initialize`, `modern`, from 2026-07-28 on, or `both`. @default "both"
   */
  readonly era?: ServedEras;
  /**
   * Keys of 32 random bytes that seal the state of a call whose tool has asked its client for input (see
   * {@linkcode ask}), which the client keeps meanwhile: the first seals, all open, so that keys rotate.
   * All processes on one store need the same. @default one key, made at its first use, and kept in the
   * store
   */
  readonly keys?: readonly Uint8Array[];
  /** Lifetime of a session without use, in milliseconds. @default 7 days */
  readonly ttlMs?: number;
  /** Lifetime of a session however much it is used, in milliseconds. @default no limit */
  readonly maxAgeMs?: number;
  /**
   * Whether the transport reaches the local user alone, as stdio does. Only then may a caller without
   * authentication list the sessions without owner, or be bound to one. @default false
   */
  readonly local?: boolean;
  /**
   * Told of every request of a client and of its end, as it is on the wire (`request`), and of the lives of
   * sessions (`session`). One that throws breaks nothing: `onerror` gets its first error. Several become
   * one by {@linkcode combineObservers}. @default nothing is observed
   */
  readonly observer?: Observer | undefined;
  /** The clock, in milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /**
   * Takes advice for the operator, each piece once: what can be done about the server's callers
   * (`info`), which tools are in the way of handles, who has very many sessions, and who presents ids
   * that lead to none (`warn`). @default advice is dropped
   */
  readonly advise?: (level: "info" | "warn", message: string) => void;
}

/**
 * Puts sessions between a transport and the server on it: announces the capability, answers
 * `session/*`, applies the policy of each tool, gives the session to the tool
 * ({@linkcode currentSession}), and adds the cookie to the result. The server on it serves clients of
 * both eras of MCP, and models of hosts that know no sessions if `handles` says so.
 *
 * @throws {TypeError} if a policy or a session's name is invalid, or a `hostSessionId` comes without
 * `local`.
 * @throws {RangeError} if a lifetime is invalid, or a key's length.
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

type Reply = { readonly result: object } | { readonly error: unknown };

class SessionLayer extends TransportDecorator {
  readonly #resolver: SessionResolver;
  readonly #methodContext: Omit<MethodContext, "sessions" | "via" | "unboundOnly">;
  readonly #watch: SessionWatch;
  readonly #advise: Advise;
  /** Words refusals for callers that know no sessions, if handles are offered. */
  readonly #handles: HandleLayer | undefined;
  /** Unless the handle layer has one. */
  readonly #awareness: SessionAwareness | undefined;
  readonly #eras: EraLayer;
  readonly #calls: CallLifecycle;

  constructor(transport: Transport, options: SessionLayerOptions) {
    const { store, ttlMs = DEFAULT_TTL_MS, maxAgeMs = Infinity, now = Date.now } = options;
    const lifetime = { ttlMs, maxAgeMs };
    const { policy = "required", tools = {}, local = false } = options;
    const binder = new SessionBinder({ ...options, local });
    const policies = new ToolPolicies(policy, tools);
    const resolver = new SessionResolver({ store, policies, binder, lifetime, now });
    // Only now: wrong options leave the transport as it was.
    const { eras, inner } = decorated(transport, { ...options, now });
    super(inner);
    this.#eras = eras;
    this.#calls = new CallLifecycle(eras.clientInput);
    this.#resolver = resolver;
    this.#methodContext = { store, local, lifetime, now };
    this.#advise = once(options.advise ?? (() => {}));
    const observer = combineObservers([options.observer], (error) => this.onerror?.(error));
    this.#watch = new SessionWatch({ store, local, advise: this.#advise, observer });
    this.#handles = inner instanceof HandleLayer ? inner : undefined;
    this.#awareness = this.#handles === undefined ? new SessionAwareness(inner) : undefined;
    const inAll = maxAgeMs === Infinity ? "" : `, and for ${spanText(maxAgeMs)} in all`;
    const retention = `A session is kept for ${spanText(ttlMs)} without use${inAll}.`;
    this.#handles?.attach({ binder, local, retention, advise: this.#advise });
  }

  override async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    const sent = isAnswer(message)
      ? await this.#completeAnswer(this.#eras.replaceAsked(message))
      : message;
    await this.inner.send(sent, options);
  }

  protected override receive(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void {
    if (!("method" in message)) return this.#deliver(message, extra);
    if (!("id" in message)) {
      const cancelled = cancelledId(message);
      if (cancelled !== undefined) this.#calls.abandon(cancelled);
      return this.#deliver(message, extra);
    }
    const request = this.#calls.begin(message, extra);
    if (request === undefined) {
      return void this.#sendReply(message.id, { error: idInFlight() });
    }
    const isAware = this.#awareness?.observe(message, extra) ?? true;
    const method = sessionMethods.get(message.method);
    if (method !== undefined) return void this.#answer(message, extra, method, request);
    if (message.method === "tools/call") return void this.#call(message, extra, request, isAware);
    const presented = presentedCookie(message.params).kind === "id";
    if (presented && message.method !== "initialize") {
      return void this.#other(message, extra, request);
    }
    this.#deliver(message, extra, request);
  }

  protected override release(): void {
    this.#calls.abandonAll();
    this.#resolver.close();
  }

  /** Answers a `session/*` request; the server behind never sees it. */
  async #answer(
    { method: name, params }: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    method: SessionMethod,
    request: PendingRequest,
  ): Promise<void> {
    try {
      const context = {
        ...this.#methodContext,
        sessions: this.#sessionsOf(extra),
        via: handleToolOf(extra) ?? name,
        unboundOnly: listsUnboundOnly(extra),
      };
      await this.#reply(request, { result: await method(params, context) });
    } catch (error) {
      await this.#reply(request, { error });
    }
  }

  /** Delivers a `tools/call`, unless the policy refuses it. */
  async #call(
    message: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    request: PendingRequest,
    isAware: boolean,
  ): Promise<void> {
    const authInfo = extra?.authInfo;
    try {
      const caller = { sessions: this.#sessionsOf(extra), extra, handle: handleOf(extra) };
      request.resolved = await this.#resolver.resolveCall(message.params ?? {}, caller);
      this.#observe(request, extra);
    } catch (error) {
      const isRefused = error instanceof WireError && error.code === CODE.sessionRequired;
      if (isRefused && !isAware) {
        const caller = callerKind(this.#methodContext.local, ownerOf(authInfo));
        adviseRefused(this.#advise, caller, "not offered");
      }
      return await this.#reply(request, { error });
    }
    this.#deliverResolved(message, extra, request);
  }

  /** Delivers another request that carries a cookie. It can use the session. */
  async #other(
    message: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    request: PendingRequest,
  ): Promise<void> {
    try {
      const session = await this.#resolver.resolveOther(message.params, this.#sessionsOf(extra));
      request.resolved = { session, isCookieDead: false };
      this.#observe(request, extra);
    } catch (error) {
      // Most of these requests never use their session: the others fail when they do.
      request.lookupFailure = new LookupFailure(asError(error));
    }
    this.#deliverResolved(message, extra, request);
  }

  #sessionsOf(extra: MessageExtraInfo | undefined): CallerSessions {
    return this.#watch.of({ owner: ownerOf(extra?.authInfo), address: addressOf(extra) });
  }

  /** Tells observers of the request which session it runs with. */
  #observe({ resolved }: PendingRequest, extra: MessageExtraInfo | undefined): void {
    const observation = observationOf(extra);
    if (observation !== undefined) observation.session = resolved.session;
  }

  /** Delivers a request that had to wait for the store, unless it was cancelled meanwhile. */
  #deliverResolved(
    message: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    request: PendingRequest,
  ): void {
    if (this.#calls.isPending(request)) this.#deliver(message, extra, request);
    else request.resolved.session?.close();
  }

  #deliver(
    message: JSONRPCMessage,
    extra: MessageExtraInfo | undefined,
    request?: PendingRequest,
  ): void {
    runInRequest(request, () => this.onmessage?.(message, extra));
  }

  async #completeAnswer(answer: Answer): Promise<JSONRPCMessage> {
    const request = this.#calls.finish(answer.id);
    if (request === undefined) return answer;
    const { method, resolved: { session, isCookieDead }, lookupFailure } = request;
    if (method === "initialize") {
      return "result" in answer ? { ...answer, result: withCapability(answer.result) } : answer;
    }
    try {
      const hasFailed = "error" in answer || answer.result.isError === true;
      if (hasFailed && lookupFailure?.isUsed) throw lookupFailure.error;
      const cookie = await session?.finish(hasFailed);
      const told = cookie === undefined && isCookieDead ? null : cookie;
      if ("error" in answer || told === undefined) return answer;
      return { ...answer, result: withCookie(answer.result, told) };
    } catch (error) {
      return { jsonrpc: "2.0", id: answer.id, error: this.#wireError(error) };
    }
  }

  /** Answers a request in the server's place, unless the caller has cancelled it meanwhile. */
  async #reply(request: PendingRequest, reply: Reply): Promise<void> {
    if (!this.#calls.isPending(request)) return;
    this.#calls.finish(request.id);
    await this.#sendReply(request.id, reply);
  }

  async #sendReply(id: RequestId, reply: Reply): Promise<void> {
    const body = "result" in reply
      ? { result: { ...reply.result } }
      : { error: this.#wireError(reply.error) };
    try {
      await this.inner.send({ jsonrpc: "2.0", id, ...body });
    } catch (error) {
      this.onerror?.(asError(error));
    }
  }

  /** The JSON-RPC error for the caller. An error that is not the caller's goes to the log too. */
  #wireError(error: unknown): WireErrorBody {
    if (!(error instanceof WireError)) this.onerror?.(asError(error));
    return wireErrorBody(error);
  }
}

/** The transport with the layers below the sessions. */
function decorated(
  transport: Transport,
  { era = "both", handles = "never", store, keys = [], observer, now }: SessionLayerOptions & {
    readonly now: () => number;
  },
): { readonly eras: EraLayer; readonly inner: EraLayer | HandleLayer } {
  keys.forEach(checkKeyLength);
  const isObserved = observer?.request !== undefined;
  const outermost = isObserved ? new ObserverLayer(transport, observer) : transport;
  const eras = new EraLayer(outermost, era, { store, keys: keys.map((key) => key.slice()), now });
  return { eras, inner: handles === "never" ? eras : new HandleLayer(eras, handles) };
}

function isAnswer(message: JSONRPCMessage): message is Answer {
  return !("method" in message) && message.id !== undefined;
}
