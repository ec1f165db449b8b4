/**
 * What a case of the conformance kit is, and what every case starts from.
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

/** How the kit asks for a store. */
export interface ConformanceOptions {
  /** An empty folder of the test's own, gone afterwards: stores opened with one are in one place. */
  readonly folder: string;
  /** Whose sessions: those of another namespace in the same place are not to be seen. */
  readonly namespace: string;
  /** What the store is to keep at the most. */
  readonly limits: Partial<StoreLimits>;
  /** The store's clock, in milliseconds since 1970. */
  readonly now: () => number;
}

/** What a case works with. */
export interface Bench {
  /** The store under test. */
  readonly store: SessionStore;
  /** The store's clock: it stands still until a case moves it. */
  readonly clock: { now: number };
  /** Opens another store in the same place; closed with the case. */
  another(namespace: string, limits?: Partial<StoreLimits>): Promise<SessionStore>;
}

/** One promise of the contract, and how it is put to the test. */
export interface Case {
  /** The promise, as a sentence. */
  readonly name: string;
  /** Throws if it is not kept. */
  readonly run: (bench: Bench) => Promise<void>;
}

/** Adds to a list of cases. */
export function listOf(cases: Case[]): (name: string, run: Case["run"]) => void {
  return (name, run) => void cases.push({ name, run });
}

/** A record for a session that ends long after the cases' clock begins. */
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

/** What no type lets through: for callers who write no types. */
export function other<T>(value: unknown): T {
  return value as T;
}
