/**
 * What each change of a store comes down to: a pure decision over a table, which memory carries out
 * at once and the file store writes to its journal first.
 *
 * @module
 */

import type { Json } from "../protocol.ts";
import {
  type checkTransaction,
  conflictError,
  copyRecord,
  ownerFull,
  sessionTooLarge,
  stateFull,
  storeFull,
  used,
} from "./_checks.ts";
import type { Change, Table } from "./_table.ts";
import {
  type Committed,
  encodeUpdate,
  type SessionRecord,
  type StoreError,
  type StoreLimits,
} from "./store.ts";

/** What is to be changed, all of it or none, and what the caller gets when it has been. */
export type Decision<T> = Granted<T> | Refused;

interface Granted<T> {
  readonly changes: readonly Change[];
  readonly value: T;
}

/** Changes that are made all the same, so that the next write need not look at what they end. */
interface Refused {
  readonly changes: readonly Change[];
  readonly refusal: StoreError;
}

/** What every decision goes by. */
export interface Terms {
  /** The time, in milliseconds since 1970. */
  readonly now: number;
  /** What the store keeps at the most. */
  readonly limits: StoreLimits;
}

// Each new session looks at more than one old one, so that expired ones go faster than new ones
// come, and nothing ever has to stop and look at all of them.
const SWEPT_PER_CREATE = 4;
/** How many expired sessions a write to a store that is full takes away at the most. */
const SWEPT_FOR_BYTES = 10_000;

/** What the caller gets of a decision that was carried out. */
export function outcomeOf<T>(decision: Decision<T>): T {
  if ("refusal" in decision) throw decision.refusal;
  return decision.value;
}

/** Decides what `create` does with a record that was checked. */
export function decideCreate(
  table: Table,
  record: SessionRecord,
  { now, limits }: Terms,
): Granted<SessionRecord> {
  const { id, stateId, owner, alias } = record;
  const gone = new Set(table.someExpired(now, SWEPT_PER_CREATE));
  for (const holder of [table.find(id), table.byStateId(stateId)]) {
    if (holder === undefined) continue;
    if (holder.record.expiresAt > now) throw conflictError();
    gone.add(holder.record.stateId);
  }
  if (alias !== null) {
    const holder = table.find({ owner, alias });
    if (holder !== undefined) {
      if (holder.record.expiresAt > now) return { value: copyRecord(holder.record), changes: [] };
      gone.add(holder.record.stateId);
    }
  }
  if (owner !== null && table.countOf(owner) >= limits.sessionsPerOwner) {
    for (const stateId of table.expiredOf(owner, now)) gone.add(stateId);
    const dropped = [...gone].filter((stateId) => table.isOf(stateId, owner));
    if (table.countOf(owner) - dropped.length >= limits.sessionsPerOwner) {
      throw ownerFull(limits.sessionsPerOwner);
    }
  }
  if (table.size - gone.size >= limits.sessions) {
    const wanted = table.size - limits.sessions + 1;
    for (const stateId of table.firstExpired(now, wanted)) gone.add(stateId);
    if (table.size - gone.size >= limits.sessions) throw storeFull(limits.sessions);
  }
  return {
    value: copyRecord(record),
    changes: [...decideDrop(gone), { kind: "put", record }],
  };
}

/** Decides what `regenerate` does. */
export function decideRegenerate(
  table: Table,
  id: string,
  newId: string,
  now: number,
): Decision<SessionRecord | undefined> {
  const entry = table.live(id, now);
  if (entry === undefined) return { value: undefined, changes: [] };
  const holder = table.find(newId);
  if (holder !== undefined && holder.record.expiresAt > now) throw conflictError();
  const record = { ...copyRecord(entry.record), id: newId };
  const expired = holder === undefined ? [] : [holder.record.stateId];
  return { value: record, changes: [...decideDrop(expired), { kind: "put", record }] };
}

/** Decides what `fork` does with a record that was checked. */
export function decideFork(
  table: Table,
  id: string,
  record: SessionRecord,
  terms: Terms,
): Decision<SessionRecord | undefined> {
  const entry = table.live(id, terms.now);
  if (entry === undefined) return { value: undefined, changes: [] };
  const { value, changes } = decideCreate(table, record, terms);
  if (value.id !== record.id) throw conflictError();
  const { stateId, toolCalls, expiresAt } = record;
  const writes = [...entry.state ?? []];
  const room = makeRoom(table, entry.bytes, terms);
  if ("refusal" in room) return room;
  return {
    value,
    // Both may end the same session, which is no more than ending it once.
    changes: [...room.changes, ...changes, {
      kind: "use",
      stateId,
      toolCalls,
      expiresAt,
      writes,
    }],
  };
}

/** Decides what `delete` does. */
export function decideDelete(table: Table, id: string, now: number): Decision<boolean> {
  const entry = table.live(id, now);
  return entry === undefined
    ? { value: false, changes: [] }
    : { value: true, changes: decideDrop([entry.record.stateId]) };
}

/** The changes that end sessions. */
export function decideDrop(stateIds: Iterable<string>): Change[] {
  return Array.from(stateIds, (stateId) => ({ kind: "drop", stateId }));
}

/** Decides what `transact` does with a transaction that was checked; runs its function once. */
export function decideTransact<T>(
  table: Table,
  id: string,
  transaction: ReturnType<typeof checkTransaction<T>>,
  { now, limits }: Terms,
): Decision<Committed<T> | undefined> {
  const entry = table.live(id, now);
  if (entry === undefined) return { value: undefined, changes: [] };
  const before = entry.record;
  const session = used(before, transaction);
  const state = new Map<string, Json>();
  for (const key of transaction.keys) {
    const json = entry.state?.get(key);
    if (json !== undefined) state.set(key, JSON.parse(json));
  }
  const { value, set } = transaction.update(state, copyRecord(session));
  const writes = encodeUpdate(set);
  const { stateId } = before;
  const { toolCalls, expiresAt } = session;
  let made: readonly Change[] = [];
  if (writes.length > 0) {
    const bytes = table.bytesAfter(entry, writes);
    // What makes it smaller is welcome, however large it still is.
    const growth = bytes - entry.bytes;
    if (growth > 0 && bytes > limits.bytesPerSession) throw sessionTooLarge(limits.bytesPerSession);
    const room = makeRoom(table, growth, { now, limits });
    if ("refusal" in room) return room;
    made = room.changes;
  }
  const idle = writes.length === 0 && toolCalls === before.toolCalls &&
    expiresAt === before.expiresAt;
  return {
    value: { session, value },
    changes: idle ? [] : [...made, { kind: "use", stateId, toolCalls, expiresAt, writes }],
  };
}

/** Ends the expired sessions that have to go before the states of all can be so much larger. */
function makeRoom(
  table: Table,
  growth: number,
  { now, limits }: Terms,
): Granted<undefined> | Refused {
  const wanted = growth > 0 ? table.bytes + growth - limits.bytes : 0;
  const { stateIds, bytes } = table.firstExpiredHolding(wanted, now, SWEPT_FOR_BYTES);
  const changes = decideDrop(stateIds);
  return bytes < wanted
    ? { changes, refusal: stateFull(limits.bytes) }
    : { changes, value: undefined };
}
