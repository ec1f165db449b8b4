/**
 * One call's hold on its session: what the tool does through it, and what the reply then carries.
 *
 * @module
 */

import { type Cookie, type Json, sessionRequired, utf8Length } from "../../protocol.ts";
import {
  MAX_TRANSACTION_KEY_BYTES,
  MAX_TRANSACTION_KEYS,
  type SessionRecord,
  type SessionStore,
  StoreError,
  type Transaction,
  type Update,
} from "../../store/mod.ts";
import { cookieOf, newRecord, renewedExpiry } from "./record.ts";
import { type CallersSession, SessionError } from "./session.ts";

// What one page of a session's entries holds.
const PAGE = 500;

/** What a {@linkcode CallSession} works on. */
export interface CallSessionOptions {
  /** Where the session is kept. */
  readonly store: SessionStore;
  /** The session, as last read or as newly made. */
  readonly record: SessionRecord;
  /** Is the record still to be written, when the tool first uses it? */
  readonly isNew: boolean;
  /** Does the call count and renew the session? Only a `tools/call` does. */
  readonly counts: boolean;
  /** The lifetime of a session that replaces this one, in milliseconds. */
  readonly ttlMs: number;
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number;
}

/** The handle behind a tool's session, with the half that only the layer uses. */
export class CallSession implements CallersSession {
  readonly #store: SessionStore;
  readonly #counts: boolean;
  readonly #ttlMs: number;
  readonly #now: () => number;
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

  constructor(options: CallSessionOptions) {
    this.#store = options.store;
    this.#record = options.record;
    this.#foundId = options.record.id;
    this.#counts = options.counts;
    this.#ttlMs = options.ttlMs;
    this.#now = options.now;
    this.#phase = options.isNew ? "new" : "live";
    this.#uncounted = options.counts;
    this.#number = options.record.toolCalls;
  }

  get id(): string {
    return this.#record.id;
  }

  get cookie(): Cookie {
    return cookieOf(this.#record);
  }

  async count(): Promise<number> {
    if (this.#uncounted) await this.#transact({ update: nothing, durable: false });
    return this.#number;
  }

  get(key: string): Promise<Json | undefined> {
    return this.#transact({
      keys: [key],
      update: (state) => ({ value: state.get(key) }),
      durable: false,
    });
  }

  set(key: string, value: Json): Promise<void> {
    return this.#transact({ update: () => ({ value: undefined, set: [[key, value]] }) });
  }

  delete(key: string): Promise<boolean> {
    return this.update([key], (state) => removal(state));
  }

  update<T>(
    keys: readonly string[],
    update: (state: ReadonlyMap<string, Json>) => Update<T>,
  ): Promise<T> {
    return this.#transact({ keys, update });
  }

  async *entries(options: { readonly prefix?: string } = {}): AsyncGenerator<[string, Json]> {
    let after: string | undefined;
    do {
      const page = await this.#page(options.prefix, after);
      yield* page;
      after = page.length < PAGE ? undefined : page.at(-1)?.[0];
    } while (after !== undefined);
  }

  async clear(): Promise<number> {
    let removed = 0;
    let batch: string[] = [];
    let bytes = 0;
    const flush = async () => {
      if (batch.length === 0) return;
      removed += await this.update(batch, (state) => ({ ...removal(state), value: state.size }));
      batch = [];
      bytes = 0;
    };
    for await (const [key] of this.entries()) {
      const length = utf8Length(key);
      const full = bytes + length > MAX_TRANSACTION_KEY_BYTES;
      if (full || batch.length === MAX_TRANSACTION_KEYS) await flush();
      batch.push(key);
      bytes += length;
    }
    await flush();
    return removed;
  }

  revoke(): Promise<void> {
    return this.#run(async () => {
      if (this.#phase === "live") await this.#deleteOld(this.#record.id);
      this.#phase = "revoked";
    });
  }

  replace({ title, reason }: { readonly title: string; readonly reason: string }): Promise<void> {
    return this.#run(async () => {
      const old = this.#record;
      const fresh = newRecord({
        owner: old.owner,
        title,
        reason,
        ttlMs: this.#ttlMs,
        now: this.#now(),
      });
      await this.#create(fresh);
      if (this.#phase === "live") {
        try {
          await this.#deleteOld(old.id);
        } catch (error) {
          // Nobody was told the new id: a second session must not be left behind.
          await this.#store.delete(fresh.id).catch(() => {});
          throw error;
        }
      }
      this.#adopt(fresh);
    });
  }

  /** Notes that the tool has asked for the session: a new one is then worth keeping. */
  use(): void {
    this.#used = true;
  }

  /** Ends the tool's use of the session: its reply is sent, or its caller has gone. */
  close(): void {
    this.#closed = true;
  }

  /**
   * Settles the call before its reply: counts and renews it if no write has, and closes the handle.
   *
   * @param failed Is the reply an error that the tool, or the SDK for it, has made?
   * @returns The cookie for the reply: `null` if the session is gone, `undefined` if there is nothing
   * to tell, because the call used no session, or does not count and has not changed it.
   * @throws {StoreError} if the store failed, and the tool with it.
   * @throws {WireError} -32002 if the session ended under the hands of a call that counts.
   */
  async settle(failed: boolean): Promise<Cookie | null | undefined> {
    await Promise.allSettled(this.#running);
    try {
      if (failed && this.#failure !== undefined) throw this.#failure;
      if (this.#phase === "revoked") return null;
      if (!this.#counts) return this.#record.id === this.#foundId ? undefined : this.cookie;
      if (this.#phase === "ended") throw sessionRequired("ended");
      if (this.#phase === "new" && !this.#used) return undefined;
      if (this.#phase === "new" || this.#uncounted) {
        await this.#transact({ update: nothing, durable: false });
      }
      return this.cookie;
    } catch (error) {
      if (error instanceof SessionError && error.code === "ended") throw sessionRequired("ended");
      throw error;
    } finally {
      this.close();
    }
  }

  async #page(prefix: string | undefined, after: string | undefined): Promise<[string, Json][]> {
    return await this.#run(async () => {
      if (this.#phase === "new") return [];
      const page = await this.#store.entries(this.#record.id, { prefix, after, limit: PAGE });
      return page ?? this.#end();
    });
  }

  #transact<T>(transaction: Transaction<T>): Promise<T> {
    return this.#run(async () => {
      if (this.#phase === "new") await (this.#creating ??= this.#createLazily());
      // Taken before the wait, so that two writes at once do not both count the call.
      const counting = this.#uncounted;
      this.#uncounted = false;
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

  /** Does one thing with the store, unless it is too late, and remembers how it failed. */
  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) {
      throw new SessionError("closed", "Cannot use a session after the reply to its call was sent");
    }
    if (this.#phase === "revoked" || this.#phase === "ended") return this.#end();
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      if (error instanceof StoreError) this.#failure = error;
      throw error;
    } finally {
      this.#running.delete(running);
    }
  }

  async #createLazily(): Promise<void> {
    try {
      await this.#create(this.#record);
      this.#adopt(this.#record);
    } finally {
      this.#creating = undefined;
    }
  }

  async #create(record: SessionRecord): Promise<void> {
    await this.#store.create({ ...record, toolCalls: this.#counts ? 1 : 0 });
  }

  #adopt(record: SessionRecord): void {
    this.#record = { ...record, toolCalls: this.#counts ? 1 : 0 };
    this.#number = this.#record.toolCalls;
    this.#uncounted = false;
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

function removal(state: ReadonlyMap<string, Json>): Update<boolean> {
  return { value: state.size > 0, set: [...state.keys()].map((key) => [key, undefined]) };
}
