/**
 * What each change of a store comes down to: a pure decision over a table, which memory carries out
 * at once and the file store writes to its journal first.
 *
 * @module
 */

import { type checkTransaction, conflictError, copyRecord } from "./_checks.ts";
import type { Change, Table } from "./_table.ts";
import { type Committed, encodeUpdate, type SessionRecord } from "./store.ts";

/** What is to be changed, all of it or none, and what the caller gets when it has been. */
export interface Decision<T> {
  readonly value: T;
  readonly changes: readonly Change[];
}

// Each new session looks at more than one old one, so that expired ones go faster than new ones
// come, and nothing ever has to stop and look at all of them.
const SWEPT_PER_CREATE = 4;

/** Decides what `create` does with a record that was checked. */
export function decideCreate(
  table: Table,
  record: SessionRecord,
  now: number,
): Decision<SessionRecord> {
  const { id, stateId, owner, alias } = record;
  const gone = table.someExpired(now, SWEPT_PER_CREATE);
  for (const holder of [table.find(id), table.byStateId(stateId)]) {
    if (holder === undefined) continue;
    if (holder.record.expiresAt > now) throw conflictError();
    gone.push(holder.record.stateId);
  }
  if (alias !== null) {
    const holder = table.find({ owner, alias });
    if (holder !== undefined) {
      if (holder.record.expiresAt > now) return { value: copyRecord(holder.record), changes: [] };
      gone.push(holder.record.stateId);
    }
  }
  return {
    value: copyRecord(record),
    changes: [...decideDrop(new Set(gone)), { kind: "put", record }],
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
  now: number,
): Decision<Committed<T> | undefined> {
  const entry = table.live(id, now);
  if (entry === undefined) return { value: undefined, changes: [] };
  const before = entry.record;
  const toolCalls = before.toolCalls + transaction.calls;
  const expiresAt = Math.max(before.expiresAt, transaction.expiresAt);
  const session = { ...before, toolCalls, expiresAt };
  const state = new Map(
    transaction.keys.flatMap((key) => {
      const json = entry.state?.get(key);
      return json === undefined ? [] : [[key, JSON.parse(json)]];
    }),
  );
  const { value, set } = transaction.update(state, copyRecord(session));
  const writes = encodeUpdate(set);
  const idle = writes.length === 0 && toolCalls === before.toolCalls &&
    expiresAt === before.expiresAt;
  return {
    value: { session: copyRecord(session), value },
    changes: idle ? [] : [{ kind: "use", stateId: before.stateId, toolCalls, expiresAt, writes }],
  };
}
