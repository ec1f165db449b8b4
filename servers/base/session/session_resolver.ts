/**
 * Session resolver: from a request to its session, or to the error that refuses it.
 *
 * @module
 */

import { CODE, invalid, sessionRequired, WireError } from "../../../protocol/errors.ts";
import { isObject } from "../../../runtime/json.ts";
import type { SessionRecord, SessionStore } from "../../../store/mod.ts";
import { CoalescedTimer } from "../../../runtime/coalesced_timer.ts";
import type { MessageExtraInfo } from "../sdk.ts";
import { CallSession } from "./call_session.ts";
import { findByAlias, LazySession, lazyToolSession } from "./lazy_session.ts";
import { decide, type PolicyDecision, type ToolPolicies } from "./policy.ts";
import type { Binding, SessionBinder, SessionVia } from "./session_binding.ts";
import { lookupByCookie, lookupById, type SessionLookup } from "./session_lookup.ts";
import { newRecord } from "./session_record.ts";
import { checkLifetime, type Lifetime } from "./session_lifetime.ts";
import type { CallerSessions } from "./session_watch.ts";

export interface ResolverOptions {
  readonly store: SessionStore;
  readonly policies: ToolPolicies;
  readonly binder: SessionBinder;
  readonly lifetime: Lifetime;
  readonly now: () => number;
}

/** The caller of a `tools/call`, and the handle by which it names its session. */
export interface Caller {
  readonly sessions: CallerSessions;
  readonly extra: MessageExtraInfo | undefined;
  readonly handle: string | undefined;
}

/** The session of a request; `undefined` if it runs without one. */
export interface Resolved {
  readonly session: CallSession | undefined;
  /** Whether a `tools/call` presented a cookie that leads to no session. */
  readonly isCookieDead: boolean;
}

export class SessionResolver {
  readonly #options: ResolverOptions;
  readonly #timer = new CoalescedTimer<CallSession>(
    (call) => call.renewalMs,
    (call) => void call.renew(),
  );

  constructor(options: ResolverOptions) {
    checkLifetime(options.lifetime);
    this.#options = options;
  }

  /**
   * Resolves the session of a `tools/call`.
   *
   * @throws {WireError} -32002 if the policy refuses the call, -32601 if it is to run as a task, -32602
   * if its params are those of no call.
   */
  async resolveCall(params: Record<string, unknown>, caller: Caller): Promise<Resolved> {
    const { binder, policies } = this.#options;
    const { sessions } = caller;
    const { name, arguments: args, task } = params;
    if (task === null) throw invalid("params.task", "an object", task);
    if (task !== undefined) {
      throw new WireError(CODE.methodNotFound, "A call that uses a session cannot run as a task");
    }
    const lookup = await this.#lookup(params, caller);
    const decision = decide(policies.of(name), lookup);
    if (decision.kind === "refused") {
      const ignored = lookup.kind === "missing" &&
        binder.ignoresConversation(params, sessions.owner);
      throw sessionRequired(decision.reason, ignored);
    }
    // The SDK would answer these with an internal error, which here means a failing store.
    if (typeof name !== "string") throw invalid("params.name", "a string", name);
    if (args !== undefined && !isObject(args)) throw invalid("params.arguments", "an object", args);
    const isCookieDead = lookup.kind === "malformed" || lookup.kind === "unknown";
    // Last, as a session that is handed out is renewed until it is closed.
    const session = decision.kind === "bound"
      ? await this.#boundSession(decision.binding, sessions)
      : this.#sessionBy(decision, sessions);
    return { session, isCookieDead };
  }

  /** Resolves the session of any other request: that of its cookie, not counted and not renewed. */
  async resolveOther(params: unknown, sessions: CallerSessions): Promise<CallSession | undefined> {
    const lookup = await lookupByCookie(params, sessions);
    if (lookup.kind !== "live") return undefined;
    return this.#session(lookup.record, "cookie", sessions, false);
  }

  close(): void {
    this.#timer.stop();
  }

  #lookup(
    params: Record<string, unknown>,
    { sessions, extra, handle }: Caller,
  ): SessionLookup | Promise<SessionLookup> {
    if (handle !== undefined) return lookupById(handle, "handle", sessions);
    const lookup = lookupByCookie(params, sessions);
    if (lookup instanceof Promise) return lookup;
    const binding = lookup.kind === "missing"
      ? this.#options.binder.bindingOf(params, sessions.owner, extra)
      : undefined;
    return binding === undefined ? lookup : { kind: "bound", binding };
  }

  async #boundSession({ via, ...made }: Binding, sessions: CallerSessions): Promise<CallSession> {
    const { store, lifetime, now } = this.#options;
    const { owner } = sessions;
    const create = () => newRecord({ ...made, owner, lifetime, now: now() });
    const found = await findByAlias(store, { owner, alias: made.alias }, create);
    if (!(found instanceof LazySession)) sessions.seen(found, via);
    return this.#session(found, via, sessions);
  }

  #sessionBy(
    decision: Exclude<PolicyDecision, { readonly kind: "refused" | "bound" }>,
    sessions: CallerSessions,
  ): CallSession | undefined {
    const { store, lifetime, now } = this.#options;
    switch (decision.kind) {
      case "live":
        return this.#session(decision.record, decision.via, sessions);
      case "lazy": {
        const lazy = lazyToolSession(store, sessions.owner, lifetime, now());
        return this.#session(lazy, "created", sessions);
      }
      case "none":
        return undefined;
    }
  }

  #session(
    from: SessionRecord | LazySession,
    via: SessionVia,
    sessions: CallerSessions,
    isToolCall = true,
  ): CallSession {
    const { store, lifetime, now } = this.#options;
    const timer = this.#timer;
    return new CallSession({ store, sessions, from, via, isToolCall, lifetime, now, timer });
  }
}
