/**
 * Call session: the session of one call, with the operations of its tool, and the cookie that the
 * call's reply carries.
 *
 * @module
 */

import type { Cookie } from "../../../protocol/cookie.ts";
import { sessionRequired } from "../../../protocol/errors.ts";
import { newSessionId } from "../../../protocol/session_id.ts";
import type { Json } from "../../../runtime/json.ts";
import { checkRecord } from "../../../store/validation.ts";
import {
  type SessionRecord,
  type SessionStore,
  type StateTransaction,
  StoreError,
} from "../../../store/session_store.ts";
import type { CoalescedTimer } from "../../../runtime/coalesced_timer.ts";
import type { ObservedSession } from "../observer/observer.ts";
import { sessionKey } from "../../../store/state_id.ts";
import type { SessionVia } from "./session_binding.ts";
import { LazySession, type Materialized } from "./lazy_session.ts";
import { cookieOf, newRecord } from "./session_record.ts";
import { type Lifetime, renewedExpiry } from "./session_lifetime.ts";
import type { CallerSessions } from "./session_watch.ts";
import { type Session, SessionError, type SessionLabel } from "./current_session.ts";
import { PAGE, SessionState } from "./session_state.ts";

export interface CallSessionOptions {
  readonly store: SessionStore;
  /** Is told of what the call does to the session. */
  readonly sessions: CallerSessions;
  /** The session as last read, or a lazy one. */
  readonly from: SessionRecord | LazySession;
  readonly via: SessionVia;
  /** Whether the request counts and renews the session: only a `tools/call` does. */
  readonly isToolCall: boolean;
  /** Lifetime of a session that replaces this one, or is forked from it. */
  readonly lifetime: Lifetime;
  readonly now: () => number;
  readonly timer: CoalescedTimer<CallSession>;
}

/** The session as its tool uses it, and as the layer finishes it. */
export class CallSession extends SessionState implements Session {
  readonly via: SessionVia;
  readonly #store: SessionStore;
  readonly #sessions: CallerSessions;
  readonly #lazy: LazySession | undefined;
  readonly #isToolCall: boolean;
  readonly #lifetime: Lifetime;
  readonly #now: () => number;
  readonly #timer: CoalescedTimer<CallSession>;
  readonly #operations = new Set<Promise<unknown>>();
  readonly #originalId: string;
  #record: SessionRecord;
  #phase: "lazy" | "live" | "revoked" | "ended";
  #materializing: Promise<void> | undefined;
  #isUsed = false;
  #isClosed = false;
  /** Whether this call is still to be added to the session's count. */
  #isUncounted: boolean;
  /** The session's count when this call was added to it. */
  #callNumber: number;
  #storeError: StoreError | undefined;
  /** The end of the last operation that ran exclusively. */
  #exclusive: Promise<void> | undefined;

  constructor(options: CallSessionOptions) {
    super();
    this.#store = options.store;
    this.#sessions = options.sessions;
    this.via = options.via;
    const { from } = options;
    this.#lazy = from instanceof LazySession ? from : undefined;
    this.#record = from instanceof LazySession ? from.record : from;
    this.#originalId = this.#record.id;
    this.#isToolCall = options.isToolCall;
    this.#lifetime = options.lifetime;
    this.#now = options.now;
    this.#timer = options.timer;
    this.#phase = this.#lazy === undefined ? "live" : "lazy";
    this.#lazy?.join();
    this.#isUncounted = options.isToolCall;
    this.#callNumber = this.#record.toolCalls;
    if (options.isToolCall) this.#timer.begin(this);
  }

  get id(): string {
    return this.#record.id;
  }

  get observed(): ObservedSession | undefined {
    if (this.#phase === "lazy") return undefined;
    return { key: sessionKey(this.#record.stateId), via: this.via };
  }

  get cookie(): Cookie {
    return cookieOf(this.#record);
  }

  async count(): Promise<number> {
    if (this.#isUncounted) await this.transact({ update: nothing, durable: false });
    return this.#callNumber;
  }

  revoke(): Promise<void> {
    return this.#runExclusively(async () => {
      await this.#materializeAliased();
      if (this.#phase === "live") await this.#deleteOld(this.#record);
      this.#phase = "revoked";
    });
  }

  regenerate(): Promise<void> {
    return this.#runExclusively(async () => {
      await this.#materialize();
      const { id } = this.#record;
      this.#record = await this.#store.regenerate(id, newSessionId()) ?? this.#end();
      this.#sessions.regenerated(this.#record, this.via, id);
    });
  }

  fork(label: SessionLabel): Promise<Cookie> {
    return this.#run(async () => {
      await this.#materialize();
      const { endsAt: _, expiresAt, ...rest } = this.#newRecord(label);
      // A fork must not outlive the maximum age of its original.
      const fork = {
        ...rest,
        endsAt: this.#record.endsAt,
        expiresAt: Math.min(expiresAt, this.#record.endsAt ?? Infinity),
      };
      const forked = await this.#store.fork(this.#record.id, fork) ?? this.#end();
      this.#sessions.forked(forked, this.via, this.#record);
      return cookieOf(forked);
    });
  }

  replace(label: SessionLabel): Promise<void> {
    return this.#runExclusively(async () => {
      await this.#materializeAliased();
      const old = this.#record;
      // Checked before the old session is gone: a label that the store refuses must cost no session.
      const fresh = checkRecord({ ...this.#newRecord(label), alias: old.alias });
      if (old.alias !== null) {
        // An alias has one session, so the old one goes first.
        await this.#deleteOld(old);
        return this.#adopt(await this.#create(fresh), old);
      }
      const created = await this.#create(fresh);
      if (this.#phase === "live") {
        try {
          await this.#deleteOld(old);
        } catch (error) {
          // No caller knows the new id: a second session must not be left behind.
          await this.#store.delete(fresh.id).catch(() => {});
          throw error;
        }
      }
      this.#adopt(created, old);
    });
  }

  /** Records that the tool has asked for the session: a lazy one is then worth keeping. */
  markUsed(): void {
    this.#isUsed = true;
  }

  get renewalMs(): number {
    return this.#record.ttlMs / 3;
  }

  /** Renews the session, which must not expire under a call that takes long. Never rejects. */
  async renew(): Promise<void> {
    if (this.#phase !== "live") return;
    // Whether the call counts shows when it finishes; an error comes up again then.
    await this.#commit({ update: nothing, durable: false }, false).catch(() => {});
  }

  /** Closes the session for the tool: the call's reply is sent, or its caller has gone. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#lazy?.leave();
    this.#timer.end(this);
  }

  /**
   * Finishes the call before its reply: counts and renews it if no write has, and closes the session.
   * A call that failed before it asked for its session had no tool to run: it only renews.
   *
   * @param isError Whether the reply is an error of the tool, or of the SDK in its place.
   * @returns The cookie for the reply: `null` if the session is gone, `undefined` if the reply carries
   * none, as the call used no session, or is no `tools/call` and has not changed it.
   * @throws {StoreError} if the store failed, and the tool with it.
   * @throws {WireError} -32002 if the session ended during a `tools/call`.
   */
  async finish(isError: boolean): Promise<Cookie | null | undefined> {
    if (this.#operations.size > 0) await Promise.allSettled(this.#operations);
    try {
      if (isError && this.#storeError !== undefined) throw this.#storeError;
      if (this.#phase === "revoked") return null;
      if (!this.#isToolCall) {
        return this.#record.id === this.#originalId ? undefined : this.cookie;
      }
      if (this.#phase === "ended") throw sessionRequired("ended");
      if (this.#phase === "lazy" && !this.#isUsed) return undefined;
      if (this.#isUncounted) {
        await this.#commit({ update: nothing, durable: false }, this.#isUsed || !isError);
      }
      return this.cookie;
    } catch (error) {
      if (error instanceof SessionError && error.code === "ended") throw sessionRequired("ended");
      throw error;
    } finally {
      this.close();
    }
  }

  protected override page(
    prefix: string | undefined,
    after: string | undefined,
  ): Promise<[string, Json][]> {
    return this.#run(async () => {
      await this.#materializeAliased();
      if (this.#phase === "lazy") return [];
      const page = await this.#store.entries(this.#record.id, { prefix, after, limit: PAGE });
      return page ?? this.#end();
    });
  }

  protected override transact<T>(transaction: StateTransaction<T>): Promise<T> {
    return this.#commit(transaction, true);
  }

  /** Writes to the session and renews it; `counts` adds the call to its count, once. */
  #commit<T>(transaction: StateTransaction<T>, counts: boolean): Promise<T> {
    return this.#run(async () => {
      if (this.#phase === "lazy") await this.#materialize();
      // Set before the wait, so that of two concurrent writes only one counts the call.
      const counting = counts && this.#isUncounted;
      if (counting) this.#isUncounted = false;
      try {
        const committed = await this.#store.transact(this.#record.id, {
          ...transaction,
          calls: counting ? 1 : 0,
          expiresAt: this.#isToolCall ? renewedExpiry(this.#record, this.#now()) : undefined,
        });
        if (committed === undefined) return this.#end();
        this.#record = committed.session;
        if (counting) this.#callNumber = committed.session.toolCalls;
        return committed.value;
      } catch (error) {
        this.#isUncounted ||= counting;
        throw error;
      }
    });
  }

  /** Runs what replaces or ends the session: after all running operations, before later ones. */
  #runExclusively(work: () => Promise<void>): Promise<void> {
    const others = Promise.allSettled([...this.#operations]).then(() => {});
    return this.#exclusive = this.#run(work, others);
  }

  /** Runs an operation of the store after the one that runs exclusively. */
  #run<T>(work: () => Promise<T>, after = this.#exclusive): Promise<T> {
    const operation = this.#runAfter(after, work);
    this.#operations.add(operation);
    const done = () => void this.#operations.delete(operation);
    operation.then(done, done);
    return operation;
  }

  async #runAfter<T>(after: Promise<void> | undefined, work: () => Promise<T>): Promise<T> {
    // An operation's error is its own caller's.
    if (after !== undefined) await after.catch(() => {});
    if (this.#isClosed) {
      throw new SessionError("closed", "Cannot use a session after the reply to its call was sent");
    }
    if (this.#phase === "revoked" || this.#phase === "ended") return this.#end();
    try {
      return await work();
    } catch (error) {
      if (error instanceof StoreError) this.#storeError = error;
      throw error;
    }
  }

  async #materialize(): Promise<void> {
    if (this.#lazy === undefined || this.#phase !== "lazy") return;
    this.#materializing ??= this.#lazy.materialize(this.#ownCalls).then((it) => this.#adopt(it));
    try {
      await this.#materializing;
    } finally {
      this.#materializing = undefined;
    }
  }

  /** Materializes a lazy session that another call may have made and filled meanwhile. */
  async #materializeAliased(): Promise<void> {
    if (this.#record.alias !== null) await this.#materialize();
  }

  #newRecord({ title, reason }: SessionLabel): SessionRecord {
    const { owner } = this.#record;
    return newRecord({ owner, title, reason, lifetime: this.#lifetime, now: this.#now() });
  }

  get #ownCalls(): number {
    return this.#isToolCall ? 1 : 0;
  }

  #create(record: SessionRecord): Promise<Materialized> {
    return new LazySession(this.#store, record).materialize(this.#ownCalls);
  }

  #adopt({ record, how }: Materialized, replaced?: SessionRecord): void {
    this.#record = record;
    this.#callNumber = record.toolCalls;
    this.#isUncounted = this.#isToolCall && how !== "created";
    this.#phase = "live";
    if (how === "created") {
      this.#sessions.created(record, replaced === undefined ? this.via : "replace", replaced);
    } else if (how === "existing") this.#sessions.seen(record, this.via);
  }

  async #deleteOld(record: SessionRecord): Promise<void> {
    if (!await this.#store.delete(record.id)) this.#end();
    this.#sessions.deleted(record, this.via);
  }

  #end(): never {
    if (this.#phase !== "revoked") this.#phase = "ended";
    throw new SessionError("ended", "The session has ended; changes made to it now are not kept");
  }
}

const nothing = () => ({ value: undefined });
