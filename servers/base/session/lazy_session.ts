/**
 * Lazy sessions: each is materialized, that is written to the store, by the call that first uses it.
 * The policy `auto` gives one to a call without a session; one that is found by an alias, such as a
 * conversation's, is lazy until its first use.
 *
 * @module
 */

import { LAZY } from "../../../protocol/cookie.ts";
import type { SessionAlias, SessionRecord, SessionStore } from "../../../store/mod.ts";
import { type Lifetime, newRecord } from "./session_record.ts";

/** Lifetime without use of a session that the policy `auto` made: 30 minutes. */
export const LAZY_TTL_MS = 30 * 60 * 1000;

/** The result of {@linkcode LazySession.materialize}. */
export interface Materialized {
  /** The session as it is stored. */
  readonly record: SessionRecord;
  /** Whether the call that asked for it is already in the session's count. */
  readonly isCounted: boolean;
}

/** A session that is not in the store yet. Concurrent calls that need the same one share it. */
export class LazySession {
  /** The record to be stored, unless another session has its alias by then. */
  readonly record: SessionRecord;
  readonly #store: SessionStore;
  readonly #onend: () => void;
  #stored: Promise<SessionRecord> | undefined;
  #calls = 0;

  /** Stores nothing yet. `onend` is called when there is nothing left to share. */
  constructor(store: SessionStore, record: SessionRecord, onend: () => void = () => {}) {
    this.#store = store;
    this.record = record;
    this.#onend = onend;
  }

  /** Adds a call that may materialize the session. */
  join(): void {
    this.#calls++;
  }

  /** Removes a call that has ended. */
  leave(): void {
    if (--this.#calls === 0) this.#onend();
  }

  /** Stores the session with this count of calls, unless it is stored already. */
  async materialize(toolCalls: number): Promise<Materialized> {
    // Never again: a session that has ended since must not come back to life.
    if (this.#stored !== undefined) return { record: await this.#stored, isCounted: false };
    this.#stored = this.#store.create({ ...this.record, toolCalls });
    try {
      const record = await this.#stored;
      this.#onend();
      return { record, isCounted: record.id === this.record.id };
    } catch (error) {
      this.#stored = undefined;
      throw error;
    }
  }
}

/** The session of a call that has none, under the policy `auto`. */
export function lazyToolSession(
  store: SessionStore,
  owner: string | null,
  lifetime: Lifetime,
  now: number,
): LazySession {
  const ttlMs = Math.min(LAZY_TTL_MS, lifetime.ttlMs);
  return new LazySession(
    store,
    newRecord({ ...LAZY, owner, lifetime: { ...lifetime, ttlMs }, now }),
  );
}

const aliasLookups = new WeakMap<SessionStore, AliasLookup>();

/** The lookup by alias of a store: one for all connections of a server. */
export function aliasLookupOf(store: SessionStore): AliasLookup {
  const lookup = aliasLookups.get(store) ?? new AliasLookup(store);
  aliasLookups.set(store, lookup);
  return lookup;
}

/** Finds sessions by alias. Concurrent calls share the lazy session of one that does not exist. */
class AliasLookup {
  readonly #store: SessionStore;
  readonly #lookups = new Map<string, Promise<SessionRecord | LazySession>>();

  constructor(store: SessionStore) {
    this.#store = store;
  }

  /** The live session with this alias, or a lazy one with the record of `create()`. */
  async find(
    { owner, alias }: SessionAlias,
    create: () => SessionRecord,
  ): Promise<SessionRecord | LazySession> {
    const key = JSON.stringify([owner, alias]);
    for (;;) {
      const other = this.#lookups.get(key);
      if (other === undefined) break;
      // A tool may have shown the id of a lazy session already: there must not be a second one. A
      // stored session may have ended since that lookup began, and is looked up again.
      const found = await other.catch(() => {});
      if (found instanceof LazySession) return found;
    }
    const forget = () => {
      if (this.#lookups.get(key) === lookup) this.#lookups.delete(key);
    };
    const lookup = this.#store.get({ owner, alias }).then((record) => {
      if (record === undefined) return new LazySession(this.#store, create(), forget);
      forget();
      return record;
    });
    lookup.catch(forget);
    this.#lookups.set(key, lookup);
    return await lookup;
  }
}
