/**
 * What each change of a store comes down to: a pure decision over a table, which memory carries out
 * at once and the file store writes to its journal first.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import {
  type checkTransaction,
  conflictError,
  copyRecord,
  ownerFull,
  sessionTooLarge,
  stateFull,
  storeFull,
  used,
} from "../validation.ts";
import type { Change, Entry, Table } from "./session_table.ts";
import {
  type CommittedTransaction,
  encodeUpdate,
  type SessionRecord,
  type StoreError,
  type StoreLimits,
} from "../session_store.ts";

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

// Each new session looks at more than one old one, so that those that are over go faster than new
// ones come, and nothing ever has to stop and look at all of them.
const SWEPT_PER_CREATE = 4;

/** What the caller gets of a decision that was carried out. */
export function outcomeOf<T>(decision: Decision<T>): T {
  if ("refusal" in decision) throw decision.refusal;
  return decision.value;
}

/** Decides what `create` does with a record that was checked. */
export function decideCreate(
  table: Table,
  record: SessionRecord,
  terms: Terms,
): Decision<SessionRecord> {
  return decideNew(table, record, { ...terms, bytes: 0 });
}

/** Decides on a new session, whose state is to have so many bytes. */
function decideNew(
  table: Table,
  record: SessionRecord,
  { now, limits, bytes }: Terms & { readonly bytes: number },
): Decision<SessionRecord> {
  const { id, stateId, owner, alias } = record;
  const ending = new Ending(table, now, owner);
  for (const entry of table.someOver(now, SWEPT_PER_CREATE)) ending.add(entry);
  for (const holder of [table.find(id), table.byStateId(stateId)]) {
    if (holder === undefined) continue;
    if (holder.record.expiresAt > now) throw conflictError();
    ending.add(holder);
  }
  const namesake = alias === null ? undefined : table.find({ owner, alias });
  if (namesake !== undefined && namesake.record.expiresAt > now) {
    return { value: copyRecord(namesake.record), changes: [] };
  }
  const refusal = ending.refusalOf(bytes, limits);
  if (refusal !== undefined) return { changes: ending.changes(), refusal };
  return {
    value: copyRecord(record),
    changes: [
      ...ending.changes(),
      ...namesake === undefined || ending.has(namesake) ? [] : [withoutAlias(namesake)],
      { kind: "put", record },
    ],
  };
}

/** Leaves the alias of a hidden session to a new one: it may come back, but not in its place. */
function withoutAlias({ record }: Entry): Change {
  return { kind: "put", record: { ...copyRecord(record), alias: null } };
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
  const decision = decideNew(table, record, { ...terms, bytes: entry.bytes });
  if ("refusal" in decision) return decision;
  const { value, changes } = decision;
  if (value.id !== record.id) throw conflictError();
  const { stateId, toolCalls, expiresAt } = record;
  const writes = [...entry.state ?? []];
  return { value, changes: [...changes, { kind: "use", stateId, toolCalls, expiresAt, writes }] };
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
): Decision<CommittedTransaction<T> | undefined> {
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
    const ending = new Ending(table, now, before.owner);
    const isFull = growth > 0 && !ending.makeBytes(growth, limits.bytes);
    made = ending.changes();
    if (isFull) return { changes: made, refusal: stateFull(limits.bytes) };
  }
  const idle = writes.length === 0 && toolCalls === before.toolCalls &&
    expiresAt === before.expiresAt;
  return {
    value: { session, value },
    changes: idle ? [] : [...made, { kind: "use", stateId, toolCalls, expiresAt, writes }],
  };
}

/**
 * The sessions that make room for something new. Hidden ones count in no quota: where they and the
 * live ones are too many, those that were the first to expire go early.
 */
class Ending {
  readonly #table: Table;
  readonly #now: number;
  readonly #owner: string | null;
  readonly #entries = new Set<Entry>();
  #ofOwner = 0;
  #bytes = 0;

  constructor(table: Table, now: number, owner: string | null) {
    this.#table = table;
    this.#now = now;
    this.#owner = owner;
  }

  add(entry: Entry) {
    if (this.#entries.has(entry)) return;
    this.#entries.add(entry);
    this.#bytes += entry.bytes;
    if (entry.record.owner === this.#owner) this.#ofOwner++;
  }

  has(entry: Entry): boolean {
    return this.#entries.has(entry);
  }

  changes(): Change[] {
    return decideDrop(this.#entries.values().map(({ record }) => record.stateId));
  }

  /** Makes room for a session with a state of so many bytes, or says why there is none. */
  refusalOf(bytes: number, limits: StoreLimits): StoreError | undefined {
    const [table, now, owner] = [this.#table, this.#now, this.#owner];
    const { sessions, sessionsPerOwner } = limits;
    if (owner !== null) {
      const isEnough = () => table.countOf(owner) - this.#ofOwner < sessionsPerOwner;
      if (!this.#take(() => table.hiddenOf(owner, now), isEnough)) {
        return ownerFull(sessionsPerOwner);
      }
    }
    const isEnough = () => table.size - this.#entries.size < sessions;
    if (!this.#take(() => table.hidden(now), isEnough)) return storeFull(sessions);
    return bytes === 0 || this.makeBytes(bytes, limits.bytes) ? undefined : stateFull(limits.bytes);
  }

  /** Makes room for so many bytes more. `false` if live sessions leave too little. */
  makeBytes(growth: number, limit: number): boolean {
    const isEnough = () => this.#table.bytes - this.#bytes + growth <= limit;
    return this.#take(() => this.#table.hiddenHolding(this.#now), isEnough);
  }

  /** Ends hidden sessions, one by one, until it is enough. `false` if they are too few. */
  #take(hidden: () => Iterable<Entry>, isEnough: () => boolean): boolean {
    if (isEnough()) return true;
    for (const entry of hidden()) {
      this.add(entry);
      if (isEnough()) return true;
    }
    return false;
  }
}
