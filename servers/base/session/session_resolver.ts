/**
 * Session resolver: from a request to the session that it runs with, or to the error that tells why it
 * must not run.
 *
 * @module
 */

import { CODE, invalid, sessionRequired, WireError } from "../../../protocol/errors.ts";
import { isObject } from "../../../runtime/json.ts";
import type { SessionRecord, SessionStore } from "../../../store/mod.ts";
import { CoalescedTimer } from "../coalesced_timer.ts";
import type { AuthInfo } from "../sdk.ts";
import { CallSession } from "./call_session.ts";
import { aliasLookupOf, type LazySession, lazyToolSession } from "./lazy_session.ts";
import { decide, type ToolPolicies } from "./policy.ts";
import type { Binding, SessionBinder, SessionVia } from "./session_binding.ts";
import { lookupByCookie, lookupById, type SessionLookup } from "./session_lookup.ts";
import { checkLifetime, type Lifetime, newRecord } from "./session_record.ts";

/** Options of a {@linkcode SessionResolver}. */
export interface ResolverOptions {
  readonly store: SessionStore;
  readonly policies: ToolPolicies;
  readonly binder: SessionBinder;
  /** Lifetime of new sessions. */
  readonly lifetime: Lifetime;
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number;
}

/** The caller of a `tools/call`, and the handle by which it names its session. */
export interface Caller {
  /** The principal that `authInfo` describes, or `null`. */
  readonly owner: string | null;
  readonly authInfo: AuthInfo | undefined;
  readonly handle: string | undefined;
}

/** The session of a request; `undefined` if it runs without one. */
export interface Resolved {
  readonly session: CallSession | undefined;
  /** Whether a `tools/call` presented a cookie that leads to no session. */
  readonly isCookieDead: boolean;
}

/** Resolves the session of each request of a connection. */
export class SessionResolver {
  readonly #options: ResolverOptions;
  readonly #timer = new CoalescedTimer<CallSession>(
    (call) => call.renewalMs,
    (call) => void call.renew(),
  );

  /** @throws {RangeError} if a lifetime is none. */
  constructor(options: ResolverOptions) {
    checkLifetime(options.lifetime);
    this.#options = options;
  }

  /**
   * Resolves the session of a `tools/call`.
   *
   * @throws {WireError} -32002 if the policy refuses the call, -32601 if it is to run as a task, -32602
   * if its params are those of no call.
   * @throws {StoreError} if the store fails.
   */
  async resolveCall(params: Record<string, unknown>, caller: Caller): Promise<Resolved> {
    const { binder, policies } = this.#options;
    const { owner } = caller;
    const { name, arguments: args, task } = params;
    if (task === null) throw invalid("params.task", "an object", task);
    if (task !== undefined) {
      throw new WireError(CODE.methodNotFound, "A call that uses a session cannot run as a task");
    }
    const lookup = await this.#lookup(params, caller);
    const decision = decide(policies.of(name), lookup);
    if (decision.kind === "refused") {
      const { kind } = lookup;
      const ignored = kind === "missing" && binder.ignoresConversation(params, owner);
      throw sessionRequired(decision.reason, ignored);
    }
    // The SDK would answer these with an internal error, which here means a failing store.
    if (typeof name !== "string") throw invalid("params.name", "a string", name);
    if (args !== undefined && !isObject(args)) throw invalid("params.arguments", "an object", args);
    const isCookieDead = lookup.kind === "malformed" || lookup.kind === "unknown";
    // Last, as a session that is handed out is renewed until it is closed.
    switch (decision.kind) {
      case "live":
        return { session: this.#session(decision.record, decision.via), isCookieDead };
      case "bound":
        return { session: await this.#boundSession(decision.binding, owner), isCookieDead };
      case "lazy":
        return { session: this.#lazySession(owner), isCookieDead };
      case "none":
        return { session: undefined, isCookieDead };
    }
  }

  /**
   * Resolves the session of any other request: that of its cookie, which is neither counted nor renewed.
   *
   * @throws {StoreError} if the store fails.
   */
  async resolveOther(params: unknown, owner: string | null): Promise<CallSession | undefined> {
    const lookup = await lookupByCookie(this.#options.store, params, owner);
    return lookup.kind === "live" ? this.#session(lookup.record, "cookie", false) : undefined;
  }

  /** Stops the renewal of running calls. */
  close(): void {
    this.#timer.stop();
  }

  async #lookup(
    params: Record<string, unknown>,
    { owner, authInfo, handle }: Caller,
  ): Promise<SessionLookup> {
    const { store, binder } = this.#options;
    if (handle !== undefined) return await lookupById(store, handle, owner, "handle");
    const lookup = await lookupByCookie(store, params, owner);
    if (lookup.kind !== "missing") return lookup;
    const binding = binder.bindingOf(params, owner, authInfo);
    return binding === undefined ? lookup : { kind: "bound", binding };
  }

  async #boundSession(binding: Binding, owner: string | null): Promise<CallSession> {
    const { via, alias, title, reason } = binding;
    const { store, lifetime, now } = this.#options;
    const found = await aliasLookupOf(store).find(
      { owner, alias },
      () => newRecord({ owner, alias, title, reason, lifetime, now: now() }),
    );
    return this.#session(found, via);
  }

  #lazySession(owner: string | null): CallSession {
    const { store, lifetime, now } = this.#options;
    return this.#session(lazyToolSession(store, owner, lifetime, now()), "created");
  }

  #session(from: SessionRecord | LazySession, via: SessionVia, isToolCall = true): CallSession {
    const { store, lifetime, now } = this.#options;
    return new CallSession({ store, from, via, isToolCall, lifetime, now, timer: this.#timer });
  }
}
