/**
 * The cases of the conformance kit, and helpers for them.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import type {
  CommittedTransaction,
  SessionRecord,
  SessionStore,
  StoreLimits,
} from "../session_store.ts";

/** The options with which the kit opens a store. */
export interface ConformanceOptions {
  /** An empty folder for one test: stores that are opened with the same folder share their sessions. */
  readonly folder: string;
  /** The server's name: sessions of other names in the same place must not be seen. */
  readonly namespace: string;
  /** The most that the store is to keep. */
  readonly limits: Partial<StoreLimits>;
  /** The store's clock, in milliseconds since 1970. */
  readonly now: () => number;
}

/** The store and clock of a case. */
export interface CaseContext {
  /** The store under test. */
  readonly store: SessionStore;
  /** The store's clock, which only the case moves. */
  readonly clock: { now: number };
  /** Opens another store in the same place; closed with the case. */
  another(namespace: string, limits?: Partial<StoreLimits>): Promise<SessionStore>;
}

/** A promise of the contract, and its test. */
export interface Case {
  /** The promise, as a sentence. */
  readonly name: string;
  /** Throws if the promise is not kept. */
  readonly run: (context: CaseContext) => Promise<void>;
}

/** A function that adds to a list of cases. */
export function listOf(cases: Case[]): (name: string, run: Case["run"]) => void {
  return (name, run) => void cases.push({ name, run });
}

/** A record of a session that expires a minute after the clock's beginning. */
export function record(id: string, rest: Partial<SessionRecord> = {}): SessionRecord {
  return {
    id,
    stateId: `state-${id}`,
    owner: null,
    alias: null,
    ttlMs: 60_000,
    expiresAt: 1_800_000_060_000,
    endsAt: null,
    toolCalls: 0,
    data: { title: "A test", reason: "tests" },
    ...rest,
  };
}

/** Writes some keys of a session's state. */
export async function put(
  store: SessionStore,
  id: string,
  ...set: readonly (readonly [string, Json | undefined])[]
): Promise<CommittedTransaction<undefined> | undefined> {
  return await store.transact(id, { update: () => ({ value: undefined, set }) });
}

/** Adds one to a number in a session's state, and counts a call. */
export function increment(
  store: SessionStore,
  id: string,
  key = "n",
): Promise<CommittedTransaction<number> | undefined> {
  return store.transact(id, {
    keys: [key],
    calls: 1,
    update: (state) => {
      const n = Number(state.get(key) ?? 0) + 1;
      return { value: n, set: [[key, n]] };
    },
  });
}

/** All of a session's state. */
export async function all(store: SessionStore, id: string): Promise<[string, Json][] | undefined> {
  return await store.entries(id, { limit: 100_000 });
}

/** A value of the wrong type, as callers without types may give. */
export function other<T>(value: unknown): T {
  return value as T;
}
