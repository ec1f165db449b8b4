/**
 * Commands: each change of a store as a pure decision over a table. The memory store applies it at
 * once, the file store appends it to its journal first.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import { conflictError, ownerFull, sessionTooLarge, stateFull, storeFull } from "../errors.ts";
import { type checkTransaction, copyRecord, used } from "../validation.ts";
import type { Change, Row, SessionTable } from "./session_table.ts";
import {
  type CommittedTransaction,
  encodeUpdate,
  INTERNAL_OWNER,
  type SessionRecord,
  type StoreError,
  type StoreLimits,
} from "../session_store.ts";

/**
 * The changes to make, all of them or none, and the result for the caller. With an error too, evicted
 * sessions are dropped, so that the next write need not look at them.
 */
export type Decision<T> =
  & { readonly changes: readonly Change[] }
  & ({ readonly value: T } | { readonly error: StoreError });

export interface Context {
  readonly table: SessionTable;
  readonly now: number;
  readonly limits: StoreLimits;
}

// Each create sweeps more than one old session, so that purgeable ones go faster than new ones come,
// and nothing ever has to stop and look at all of them.
const SWEPT_PER_CREATE = 4;

/** The result of a decision whose changes are made; throws the error of a rejected one. */
export function unwrap<T>(decision: Decision<T>): T {
  if ("error" in decision) throw decision.error;
  return decision.value;
}

/** Decides a `create` of a checked record, with a state of `bytes`. */
export function decideCreate(
  context: Context,
  record: SessionRecord,
  bytes = 0,
): Decision<SessionRecord> {
  const { table, now } = context;
  const { id, stateId, owner, alias } = record;
  const eviction = new Eviction(context, owner);
  for (const row of table.sweepPurgeable(now, SWEPT_PER_CREATE)) eviction.add(row);
  for (const holder of [table.find(id), table.byStateId(stateId)]) {
    if (holder === undefined) continue;
    if (holder.record.expiresAt > now) throw conflictError();
    eviction.add(holder);
  }
  const namesake = alias === null ? undefined : table.find({ owner, alias });
  if (namesake !== undefined && namesake.record.expiresAt > now) {
    return { value: copyRecord(namesake.record), changes: [] };
  }
  const error = eviction.makeRoom(bytes);
  if (error !== undefined) return { changes: eviction.changes(), error };
  return {
    value: copyRecord(record),
    changes: [
      ...eviction.changes(),
      ...namesake === undefined || eviction.has(namesake) ? [] : [withoutAlias(namesake)],
      { kind: "put", record },
    ],
  };
}

/** Takes the alias from a hidden session, which may come back without it. */
function withoutAlias({ record }: Row): Change {
  return { kind: "put", record: { ...copyRecord(record), alias: null } };
}

export function decideRegenerate(
  { table, now }: Context,
  id: string,
  newId: string,
): Decision<SessionRecord | undefined> {
  const row = table.live(id, now);
  if (row === undefined) return { value: undefined, changes: [] };
  const holder = table.find(newId);
  if (holder !== undefined && holder.record.expiresAt > now) throw conflictError();
  const record = { ...copyRecord(row.record), id: newId };
  const expired = holder === undefined ? [] : [holder.record.stateId];
  return { value: record, changes: [...decideDrop(expired), { kind: "put", record }] };
}

export function decideFork(
  context: Context,
  id: string,
  record: SessionRecord,
): Decision<SessionRecord | undefined> {
  const row = context.table.live(id, context.now);
  if (row === undefined) return { value: undefined, changes: [] };
  const decision = decideCreate(context, record, row.bytes);
  if ("error" in decision) return decision;
  const { value, changes } = decision;
  if (value.id !== record.id) throw conflictError();
  const { stateId, toolCalls, expiresAt } = record;
  const writes = [...row.state ?? []];
  return { value, changes: [...changes, { kind: "use", stateId, toolCalls, expiresAt, writes }] };
}

export function decideDelete({ table, now }: Context, id: string): Decision<boolean> {
  const row = table.live(id, now);
  return row === undefined
    ? { value: false, changes: [] }
    : { value: true, changes: decideDrop([row.record.stateId]) };
}

export function decideDrop(stateIds: Iterable<string>): Change[] {
  return Array.from(stateIds, (stateId) => ({ kind: "drop", stateId }));
}

/** Decides a checked transaction, whose function it runs once. */
export function decideTransact<T>(
  context: Context,
  id: string,
  transaction: ReturnType<typeof checkTransaction<T>>,
): Decision<CommittedTransaction<T> | undefined> {
  const { table, now, limits } = context;
  const row = table.live(id, now);
  if (row === undefined) return { value: undefined, changes: [] };
  const before = row.record;
  const session = used(before, transaction);
  const state = new Map<string, Json>();
  for (const key of transaction.keys) {
    const json = row.state?.get(key);
    if (json !== undefined) state.set(key, JSON.parse(json));
  }
  const { value, set } = transaction.update(state, copyRecord(session));
  const writes = encodeUpdate(set);
  const { stateId } = before;
  const { toolCalls, expiresAt } = session;
  let made: readonly Change[] = [];
  const growth = table.growth(row, writes);
  // A write that shrinks the state is accepted, however large it still is.
  if (growth > 0) {
    if (row.bytes + growth > limits.bytesPerSession) throw sessionTooLarge(limits.bytesPerSession);
    if (table.bytes + growth > limits.bytes) {
      const eviction = new Eviction(context, before.owner);
      const hasRoom = eviction.makeRoomForBytes(growth);
      made = eviction.changes();
      if (!hasRoom) return { changes: made, error: stateFull(limits.bytes) };
    }
  }
  const idle = writes.length === 0 && toolCalls === before.toolCalls &&
    expiresAt === before.expiresAt;
  return {
    value: { session, value },
    changes: idle ? [] : [...made, { kind: "use", stateId, toolCalls, expiresAt, writes }],
  };
}

/**
 * The sessions to drop for something new. Hidden ones count in no quota: where they and the live ones
 * are too many, those that expired first are evicted.
 */
class Eviction {
  readonly #context: Context;
  readonly #owner: string | null;
  readonly #rows = new Set<Row>();
  #ofOwner = 0;
  #sessions = 0;
  #bytes = 0;

  constructor(context: Context, owner: string | null) {
    this.#context = context;
    this.#owner = owner;
  }

  add(row: Row) {
    if (this.#rows.has(row)) return;
    this.#rows.add(row);
    this.#bytes += row.bytes;
    if (row.record.owner === this.#owner) this.#ofOwner++;
    if (row.record.owner !== INTERNAL_OWNER) this.#sessions++;
  }

  has(row: Row): boolean {
    return this.#rows.has(row);
  }

  changes(): Change[] {
    return decideDrop(this.#rows.values().map(({ record }) => record.stateId));
  }

  /** Makes room for a session with a state of `bytes`. @returns The error if there is none. */
  makeRoom(bytes: number): StoreError | undefined {
    const { table, now, limits } = this.#context;
    const { sessions, sessionsPerOwner } = limits;
    const owner = this.#owner;
    if (owner !== null) {
      const most = owner === INTERNAL_OWNER ? sessions : sessionsPerOwner;
      const isEnough = () => table.countOf(owner) - this.#ofOwner < most;
      if (!this.#evict(() => table.hiddenOf(owner, now), isEnough)) return ownerFull(most);
    }
    const isEnough = () => owner === INTERNAL_OWNER || table.sessions - this.#sessions < sessions;
    if (!this.#evict(() => table.hidden(now), isEnough)) return storeFull(sessions);
    if (bytes > 0 && !this.makeRoomForBytes(bytes)) return stateFull(limits.bytes);
    return undefined;
  }

  /** Makes room for so many more bytes. `false` if live sessions leave too little. */
  makeRoomForBytes(growth: number): boolean {
    const { table, now, limits } = this.#context;
    const isEnough = () => table.bytes - this.#bytes + growth <= limits.bytes;
    return this.#evict(() => table.hiddenWithState(now), isEnough);
  }

  /** Evicts hidden sessions, one by one, until it is enough. `false` if they are too few. */
  #evict(hidden: () => Iterable<Row>, isEnough: () => boolean): boolean {
    if (isEnough()) return true;
    for (const row of hidden()) {
      // A server's own records are in no session's way, and still of use where a clock is behind.
      if (row.record.owner === INTERNAL_OWNER && this.#owner !== INTERNAL_OWNER) continue;
      this.add(row);
      if (isEnough()) return true;
    }
    return false;
  }
}
