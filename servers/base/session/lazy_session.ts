/**
 * Lazy sessions: each is materialized, that is written to the store, by the call that first uses it.
 * The policy `auto` gives one to a call without a session; one that is found by an alias, such as a
 * conversation's, is lazy until its first use.
 *
 * @module
 */

import { LAZY } from "../../../protocol/cookie.ts";
import type { SessionAlias, SessionRecord, SessionStore } from "../../../store/mod.ts";
import { newRecord } from "./session_record.ts";
import type { Lifetime } from "./session_lifetime.ts";

/** Lifetime without use of a session that the policy `auto` made: 30 minutes. */
export const LAZY_TTL_MS = 30 * 60 * 1000;

export interface Materialized {
  readonly record: SessionRecord;
  /**
   * `created`: by the call that asked for it, which is in its count. `shared`: by another one before.
   * `existing`: another process had made the session with this alias.
   */
  readonly how: "created" | "shared" | "existing";
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

  join(): void {
    this.#calls++;
  }

  leave(): void {
    if (--this.#calls === 0) this.#onend();
  }

  /** Stores the session with this count of calls, unless it is stored already. */
  async materialize(toolCalls: number): Promise<Materialized> {
    // Never again: a session that has ended since must not come back to life.
    if (this.#stored !== undefined) return { record: await this.#stored, how: "shared" };
    this.#stored = this.#store.create({ ...this.record, toolCalls });
    try {
      const record = await this.#stored;
      this.#onend();
      return { record, how: record.id === this.record.id ? "created" : "existing" };
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
  const record = newRecord({ ...LAZY, owner, lifetime: { ...lifetime, ttlMs }, now });
  return new LazySession(store, record);
}

type AliasLookups = Map<string, Promise<SessionRecord | LazySession>>;
const lookupsOf = new WeakMap<SessionStore, AliasLookups>();

/**
 * The live session with this alias, or a lazy one with the record of `create()`, which all concurrent
 * calls share, whatever their connection.
 */
export async function findByAlias(
  store: SessionStore,
  { owner, alias }: SessionAlias,
  create: () => SessionRecord,
): Promise<SessionRecord | LazySession> {
  const lookups: AliasLookups = lookupsOf.get(store) ?? new Map();
  lookupsOf.set(store, lookups);
  const key = JSON.stringify([owner, alias]);
  for (let other = lookups.get(key); other !== undefined; other = lookups.get(key)) {
    // A tool may have shown the id of a lazy session already: there must not be a second one. A stored
    // session may have ended since that lookup began, and is looked up again.
    const found = await other.catch(() => {});
    if (found instanceof LazySession) return found;
  }
  const forget = () => {
    if (lookups.get(key) === lookup) lookups.delete(key);
  };
  const lookup = store.get({ owner, alias }).then((record) => {
    if (record === undefined) return new LazySession(store, create(), forget);
    forget();
    return record;
  });
  lookup.catch(forget);
  lookups.set(key, lookup);
  return await lookup;
}
