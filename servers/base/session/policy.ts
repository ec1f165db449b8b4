/**
 * Admission: which session a request runs with, or why it may not run.
 *
 * @module
 */

import { LAZY } from "../../../protocol/cookie.ts";
import { CODE, invalid, sessionRequired, WireError } from "../../../protocol/errors.ts";
import { isObject } from "../../../runtime/json.ts";
import type { SessionRecord, SessionStore } from "../../../store/mod.ts";
import { Alarms } from "../alarms.ts";
import type { Binding, Bindings, SessionVia } from "./session_binding.ts";
import { Birth, birthsIn } from "./lazy_session.ts";
import { CallSession } from "./call_session.ts";
import { findByCookie, findByHandle } from "./session_lookup.ts";
import { LAZY_TTL_MS, type Lifetime, newRecord } from "./session_record.ts";
import type { AuthInfo } from "../sdk.ts";

/**
 * What a `tools/call` without a live session gets (section 4 of the contract):
 *
 * - `required`: the error -32002; the tool does not run;
 * - `auto`: a new session, written when the tool first uses it;
 * - `optional`: the tool runs without one.
 */
export type SessionPolicy = "required" | "auto" | "optional";

const NOT_COUNTED =
  " Its conversation would count if the caller were authenticated, by a token for " +
  "example.";
const POLICIES: readonly SessionPolicy[] = ["required", "auto", "optional"];
// A date past this is none any more.
const MAX_LIFETIME_MS = 36_525 * 86_400_000;

/** What {@linkcode Admission} goes by. */
export interface AdmissionOptions {
  /** Where the sessions are kept. */
  readonly store: SessionStore;
  /** The policy of every tool that `tools` does not name. */
  readonly policy: SessionPolicy;
  /** The policies of single tools, by name. */
  readonly tools: Readonly<Record<string, SessionPolicy>>;
  /** What calls are bound to that present no session. */
  readonly bindings: Bindings;
  /** How long sessions live. */
  readonly lifetime: Lifetime;
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number;
}

/** What a `tools/call` runs with. */
export interface Admitted {
  /** The call's session; `undefined` if it runs without one. */
  readonly session: CallSession | undefined;
  /** Did the call present a cookie that led nowhere? */
  readonly dead: boolean;
}

/** Decides which session a request runs with. */
export class Admission {
  readonly #store: SessionStore;
  readonly #policy: SessionPolicy;
  readonly #tools: ReadonlyMap<string, SessionPolicy>;
  readonly #bindings: Bindings;
  readonly #births: ReturnType<typeof birthsIn>;
  readonly #lifetime: Lifetime;
  readonly #now: () => number;
  readonly #alarms = new Alarms();

  /**
   * Checks the options and copies them: a policy that is misspelt must not let anybody in.
   *
   * @throws {TypeError} if a policy is none.
   * @throws {RangeError} if a lifetime is none.
   */
  constructor({ store, policy, tools, bindings, lifetime, now }: AdmissionOptions) {
    for (const value of [policy, ...Object.values(tools)]) {
      if (POLICIES.includes(value)) continue;
      throw new TypeError(
        `Cannot make a session layer as a policy is none of ${POLICIES.join(", ")}: ` +
          `current value is ${JSON.stringify(value)}`,
      );
    }
    const { ttlMs, maxAgeMs } = lifetime;
    checkLifetime("ttlMs", ttlMs);
    if (maxAgeMs !== Infinity) checkLifetime("maxAgeMs", maxAgeMs);
    this.#store = store;
    this.#policy = policy;
    this.#tools = new Map(Object.entries(tools));
    this.#bindings = bindings;
    this.#births = birthsIn(store);
    this.#lifetime = lifetime;
    this.#now = now;
  }

  /**
   * Admits a `tools/call`, whose session `handle` names if it is there.
   *
   * @throws {WireError} -32002 if it needs a session that it has not, -32601 if it wants to run as a
   * task, -32602 if its params are none of a call.
   * @throws {StoreError} if the store fails.
   */
  async call(
    params: Record<string, unknown>,
    owner: string | null,
    handle?: string,
    authInfo?: AuthInfo,
  ): Promise<Admitted> {
    const { name, arguments: args, task } = params;
    if (task === null) throw invalid("params.task", "an object", task);
    if (task !== undefined) {
      throw new WireError(CODE.methodNotFound, "A call that uses a session cannot run as a task");
    }
    const found = handle === undefined
      ? await findByCookie(this.#store, params, owner)
      : await findByHandle(this.#store, handle, owner);
    // Whoever names a session is not to get another one, or none, in its place.
    if (handle !== undefined && found.kind !== "live") throw sessionRequired("unknown");
    const binding = found.kind === "missing"
      ? this.#bindings.of(params, owner, authInfo)
      : undefined;
    const policy = (typeof name === "string" ? this.#tools.get(name) : undefined) ?? this.#policy;
    if (found.kind !== "live" && binding === undefined && policy === "required") {
      const isUncounted = found.kind === "missing" && this.#bindings.leavesOut(params, owner);
      throw sessionRequired(found.kind, isUncounted ? NOT_COUNTED : "");
    }
    // The SDK would answer these with an internal error, which here means a store that fails.
    if (typeof name !== "string") throw invalid("params.name", "a string", name);
    if (args !== undefined && !isObject(args)) throw invalid("params.arguments", "an object", args);
    // Last, as a session that is handed out renews itself until somebody closes it.
    const session = found.kind === "live"
      ? this.#session(found.record, handle === undefined ? "cookie" : "handle")
      : binding !== undefined
      ? await this.#boundSession(binding, owner)
      : policy === "auto"
      ? this.#lazySession(owner)
      : undefined;
    return { session, dead: found.kind === "malformed" || found.kind === "unknown" };
  }

  /**
   * Admits any other request. It can use the session whose cookie it presents, and neither counts
   * nor renews it.
   *
   * @throws {StoreError} if the store fails.
   */
  async other(params: unknown, owner: string | null): Promise<CallSession | undefined> {
    const found = await findByCookie(this.#store, params, owner);
    return found.kind === "live" ? this.#session(found.record, "cookie", false) : undefined;
  }

  /** Lets go of its timer. */
  close(): void {
    this.#alarms.stop();
  }

  async #boundSession(binding: Binding, owner: string | null): Promise<CallSession> {
    const { via, alias, title, reason } = binding;
    const lifetime = this.#lifetime;
    const from = await this.#births.find(
      { owner, alias },
      () => newRecord({ owner, alias, title, reason, lifetime, now: this.#now() }),
    );
    return this.#session(from, via);
  }

  #lazySession(owner: string | null): CallSession {
    const lifetime = { ...this.#lifetime, ttlMs: Math.min(LAZY_TTL_MS, this.#lifetime.ttlMs) };
    const record = newRecord({ ...LAZY, owner, lifetime, now: this.#now() });
    return this.#session(new Birth(this.#store, record), "created");
  }

  #session(from: SessionRecord | Birth, via: SessionVia, counts = true): CallSession {
    const [store, lifetime, now, alarms] = [this.#store, this.#lifetime, this.#now, this.#alarms];
    return new CallSession({ store, from, via, counts, lifetime, now, alarms });
  }
}

function checkLifetime(name: string, ms: number): void {
  if (Number.isSafeInteger(ms) && ms > 0 && ms <= MAX_LIFETIME_MS) return;
  throw new RangeError(
    `Cannot make a session layer as ${name} is no whole number from 1 to ${MAX_LIFETIME_MS}: ` +
      `current value is ${ms}`,
  );
}
