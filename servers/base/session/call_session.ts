/**
 * One call's hold on its session: what the tool does through it, and what the reply then carries.
 *
 * @module
 */

import type { Cookie } from "../../../protocol/cookie.ts";
import { sessionRequired } from "../../../protocol/errors.ts";
import { newSessionId } from "../../../protocol/session_id.ts";
import type { Json } from "../../../runtime/json.ts";
import { checkRecord } from "../../../store/session_record.ts";
import {
  type SessionRecord,
  type SessionStore,
  type StateTransaction,
  StoreError,
} from "../../../store/session_store.ts";
import type { Alarms } from "../alarms.ts";
import type { SessionVia } from "./session_binding.ts";
import { Birth, type Born } from "./lazy_session.ts";
import {
  cookieOf,
  type Lifetime,
  newRecord,
  renewalInterval,
  renewedExpiry,
} from "./session_record.ts";
import { type CallersSession, SessionError, type SessionLabel } from "./current_session.ts";
import { PAGE, SessionState } from "./session_state.ts";

/** What a {@linkcode CallSession} works on. */
export interface CallSessionOptions {
  /** Where the session is kept. */
  readonly store: SessionStore;
  /** The session as last read, or as it is to be made when the tool first uses it. */
  readonly from: SessionRecord | Birth;
  /** How it was found. */
  readonly via: SessionVia;
  /** Does the call count and renew the session? Only a `tools/call` does. */
  readonly counts: boolean;
  /** The lifetime of a session that replaces this one, or comes out of it. */
  readonly lifetime: Lifetime;
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number;
  /** Wakes the calls that take long. */
  readonly alarms: Alarms;
}

/** The handle behind a tool's session, with the half that only the layer uses. */
export class CallSession extends SessionState implements CallersSession {
  readonly via: SessionVia;
  readonly #store: SessionStore;
  readonly #birth: Birth | undefined;
  readonly #counts: boolean;
  readonly #lifetime: Lifetime;
  readonly #now: () => number;
  readonly #alarms: Alarms;
  readonly #running = new Set<Promise<unknown>>();
  readonly #foundId: string;
  #record: SessionRecord;
  #phase: "new" | "live" | "revoked" | "ended";
  #creating: Promise<void> | undefined;
  #used = false;
  #closed = false;
  /** Is this call still to be added to the session's count? */
  #uncounted: boolean;
  /** What the count was once this call was in it. */
  #number: number;
  #failure: StoreError | undefined;
  /** The end of the last change of which session this is. */
  #turn: Promise<void> | undefined;

  constructor(options: CallSessionOptions) {
    super();
    this.#store = options.store;
    this.via = options.via;
    const { from } = options;
    this.#birth = from instanceof Birth ? from : undefined;
    this.#record = from instanceof Birth ? from.record : from;
    this.#foundId = this.#record.id;
    this.#counts = options.counts;
    this.#lifetime = options.lifetime;
    this.#now = options.now;
    this.#alarms = options.alarms;
    this.#phase = this.#birth === undefined ? "live" : "new";
    this.#birth?.join();
    this.#uncounted = options.counts;
    this.#number = this.#record.toolCalls;
    if (options.counts) this.#renewLater();
  }

  get id(): string {
    return this.#record.id;
  }

  get cookie(): Cookie {
    return cookieOf(this.#record);
  }

  async count(): Promise<number> {
    if (this.#uncounted) await this.transact({ update: nothing, durable: false });
    return this.#number;
  }

  revoke(): Promise<void> {
    return this.#alone(async () => {
      await this.#materializeShared();
      if (this.#phase === "live") await this.#deleteOld(this.#record.id);
      this.#phase = "revoked";
    });
  }

  regenerate(): Promise<void> {
    return this.#alone(async () => {
      await this.#materialize();
      const { id } = this.#record;
      this.#record = await this.#store.regenerate(id, newSessionId()) ?? this.#end();
    });
  }

  fork(options: SessionLabel): Promise<Cookie> {
    return this.#run(async () => {
      await this.#materialize();
      const { endsAt: _, expiresAt, ...rest } = this.#newRecord(options);
      // A copy must not outlive what it is a copy of by being one.
      const fork = {
        ...rest,
        endsAt: this.#record.endsAt,
        expiresAt: Math.min(expiresAt, this.#record.endsAt ?? Infinity),
      };
      return cookieOf(await this.#store.fork(this.#record.id, fork) ?? this.#end());
    });
  }

  replace(names: SessionLabel): Promise<void> {
    return this.#alone(async () => {
      await this.#materializeShared();
      const old = this.#record;
      // Checked before the old one is gone: what the store refuses must not cost a session.
      const fresh = checkRecord({ ...this.#newRecord(names), alias: old.alias });
      if (old.alias !== null) {
        // The next call finds the fresh one by the alias, for which the old one has to make room.
        await this.#deleteOld(old.id);
        return this.#adopt(await this.#make(fresh));
      }
      const born = await this.#make(fresh);
      if (this.#phase === "live") {
        try {
          await this.#deleteOld(old.id);
        } catch (error) {
          // Nobody was told the new id: a second session must not be left behind.
          await this.#store.delete(fresh.id).catch(() => {});
          throw error;
        }
      }
      this.#adopt(born);
    });
  }

  /** Notes that the tool has asked for the session: a new one is then worth keeping. */
  use(): void {
    this.#used = true;
  }

  /** Ends the tool's use of the session: its reply is sent, or its caller has gone. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#birth?.leave();
    this.#alarms.clear(this.#renew);
  }

  /**
   * Settles the call before its reply: counts and renews it if no write has, and closes the handle.
   * A call that failed before it asked for its session had no tool to run: it only renews.
   *
   * @param failed Is the reply an error that the tool, or the SDK for it, has made?
   * @returns The cookie for the reply: `null` if the session is gone, `undefined` if there is nothing
   * to tell, because the call used no session, or does not count and has not changed it.
   * @throws {StoreError} if the store failed, and the tool with it.
   * @throws {WireError} -32002 if the session ended under the hands of a call that counts.
   */
  async settle(failed: boolean): Promise<Cookie | null | undefined> {
    if (this.#running.size > 0) await Promise.allSettled(this.#running);
    try {
      if (failed && this.#failure !== undefined) throw this.#failure;
      if (this.#phase === "revoked") return null;
      if (!this.#counts) return this.#record.id === this.#foundId ? undefined : this.cookie;
      if (this.#phase === "ended") throw sessionRequired("ended");
      if (this.#phase === "new" && !this.#used) return undefined;
      if (this.#phase === "new" || this.#uncounted) {
        await this.#commit({ update: nothing, durable: false }, this.#used || !failed);
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
      await this.#materializeShared();
      if (this.#phase === "new") return [];
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
      await this.#materialize();
      // Taken before the wait, so that two writes at once do not both count the call.
      const counting = counts && this.#uncounted;
      if (counting) this.#uncounted = false;
      try {
        const committed = await this.#store.transact(this.#record.id, {
          ...transaction,
          calls: counting ? 1 : 0,
          expiresAt: this.#counts ? renewedExpiry(this.#record, this.#now()) : undefined,
        });
        if (committed === undefined) return this.#end();
        this.#record = committed.session;
        if (counting) this.#number = committed.session.toolCalls;
        return committed.value;
      } catch (error) {
        this.#uncounted ||= counting;
        throw error;
      }
    });
  }

  /** Does what changes which session this is: after all that was begun, and before what comes. */
  #alone(work: () => Promise<void>): Promise<void> {
    const others = Promise.allSettled([...this.#running]).then(() => {});
    return this.#turn = this.#run(work, others);
  }

  /** Does one thing with the store, once it is its turn. */
  #run<T>(work: () => Promise<T>, turn: Promise<void> | undefined = this.#turn): Promise<T> {
    const running = this.#begin(work, turn);
    this.#running.add(running);
    const done = () => void this.#running.delete(running);
    running.then(done, done);
    return running;
  }

  /** Does it unless it is too late, and remembers how it failed. */
  async #begin<T>(work: () => Promise<T>, turn: Promise<void> | undefined): Promise<T> {
    // How the one before it ended is its own caller's.
    if (turn !== undefined) await turn.catch(() => {});
    if (this.#closed) {
      throw new SessionError("closed", "Cannot use a session after the reply to its call was sent");
    }
    if (this.#phase === "revoked" || this.#phase === "ended") return this.#end();
    try {
      return await work();
    } catch (error) {
      if (error instanceof StoreError) this.#failure = error;
      throw error;
    }
  }

  /** Writes a session that is made for this call, now that it is used. */
  async #materialize(): Promise<void> {
    const birth = this.#birth;
    if (birth === undefined || this.#phase !== "new") return;
    this.#creating ??= birth.make(this.#calls).then((born) => this.#adopt(born));
    try {
      await this.#creating;
    } finally {
      this.#creating = undefined;
    }
  }

  /** The same for one that another call may have made meanwhile, and filled. */
  async #materializeShared(): Promise<void> {
    if (this.#record.alias !== null) await this.#materialize();
  }

  /** Keeps a session that is in use from expiring under a call that takes long. */
  readonly #renew = async () => {
    if (this.#phase === "live") {
      // Whether the call counts shows at its end; whatever is wrong comes up again then.
      await this.#commit({ update: nothing, durable: false }, false).catch(() => {});
    }
    if (!this.#closed) this.#renewLater();
  };

  #renewLater(): void {
    this.#alarms.set(this.#renew, renewalInterval(this.#record));
  }

  #newRecord({ title, reason }: SessionLabel): SessionRecord {
    const { owner } = this.#record;
    return newRecord({ owner, title, reason, lifetime: this.#lifetime, now: this.#now() });
  }

  /** What this call counts for. */
  get #calls(): number {
    return this.#counts ? 1 : 0;
  }

  /** Writes a new session, with this call in its count. */
  #make(record: SessionRecord): Promise<Born> {
    return new Birth(this.#store, record).make(this.#calls);
  }

  #adopt({ record, counted }: Born): void {
    this.#record = record;
    this.#number = record.toolCalls;
    this.#uncounted = this.#counts && !counted;
    this.#phase = "live";
  }

  async #deleteOld(id: string): Promise<void> {
    if (!await this.#store.delete(id)) this.#end();
  }

  #end(): never {
    if (this.#phase !== "revoked") this.#phase = "ended";
    throw new SessionError("ended", "The session has ended; changes made to it now are not kept");
  }
}

const nothing = () => ({ value: undefined });
