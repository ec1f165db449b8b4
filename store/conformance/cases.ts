/**
 * The cases of the conformance kit, and helpers for them.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import type { Json } from "../../runtime/json.ts";
import {
  type CommittedTransaction,
  MAX_TRANSACTION_KEYS,
  type SessionRecord,
  type SessionStore,
  StoreError,
  type StoreErrorCode,
  type StoreLimits,
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

export interface CaseContext {
  readonly store: SessionStore;
  /** The store's clock, which only the case moves. */
  readonly clock: { now: number };
  /** Opens another store in the same place; closed with the case. */
  another(namespace: string, limits?: Partial<StoreLimits>): Promise<SessionStore>;
}

/** A promise of the contract, and its test. */
export interface Case<C = CaseContext> {
  /** The promise, as a sentence. */
  readonly name: string;
  readonly run: (context: C) => Promise<void>;
}

export function listOf<C>(cases: Case<C>[]): (name: string, run: Case<C>["run"]) => void {
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

/** Prolongs a session up to `expiresAt`. */
export function renew(
  store: SessionStore,
  id: string,
  expiresAt: number,
): Promise<CommittedTransaction<undefined> | undefined> {
  return store.transact(id, { expiresAt, update: () => ({ value: undefined }) });
}

/** Writes `count` keys, in their order. @returns The session's state. */
export async function fill(store: SessionStore, id: string, count: number) {
  const keys = Array.from({ length: count }, (_, i) => `key ${String(i).padStart(6, "0")}`);
  for (let i = 0; i < count; i += MAX_TRANSACTION_KEYS) {
    const some = keys.slice(i, i + MAX_TRANSACTION_KEYS);
    await put(store, id, ...some.map((key) => [key, i] as const));
  }
  const state = await all(store, id);
  assertEquals(state?.map(([key]) => key), keys);
  return state;
}

/** Asserts that a call fails with a `StoreError` of this code. @returns Its message. */
export async function refused(
  code: StoreErrorCode,
  call: () => Promise<unknown>,
): Promise<string> {
  const error = await assertRejects(call, StoreError);
  assertEquals(error.code, code, error.message);
  return error.message;
}

export async function all(store: SessionStore, id: string): Promise<[string, Json][] | undefined> {
  return await store.entries(id, { limit: 100_000 });
}

/** The keys of a session's state, page after page. */
export async function* pages(
  store: SessionStore,
  id: string,
  limit: number,
  prefix?: string,
): AsyncGenerator<string[]> {
  let after: string | undefined;
  for (;;) {
    const page: [string, Json][] = await store.entries(id, { prefix, after, limit }) ?? [];
    if (page.length > 0) yield page.map(([key]) => key);
    after = page.at(-1)?.[0];
    if (page.length < limit || after === undefined) return;
  }
}

/** A value of the wrong type, as callers without types may give. */
export function other<T>(value: unknown): T {
  return value as T;
}
