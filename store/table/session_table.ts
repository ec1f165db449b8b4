/**
 * The sessions in memory, with every index that a store answers from. The file store can make it again
 * from its journal.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import { utf8Length } from "../../runtime/utf8.ts";
import { copyRecord, writeBytes } from "../validation.ts";
import { ExpiryQueue, isPurgeable } from "./expiry_queue.ts";
import { TextIndex } from "./text_index.ts";
import { bisect, compareUtf8 } from "../utf8_order.ts";
import { OwnerSessions } from "./owner_sessions.ts";
import {
  type EncodedWrite,
  INTERNAL_OWNER,
  type SessionAlias,
  type SessionListOptions,
  type SessionRecord,
  type StateEntriesOptions,
} from "../session_store.ts";

/** A change of a table. All values are absolute, so it is idempotent. */
export type Change =
  | { readonly kind: "put"; readonly record: SessionRecord }
  | {
    readonly kind: "use";
    readonly stateId: string;
    readonly toolCalls: number;
    readonly expiresAt: number;
    readonly writes: readonly EncodedWrite[];
  }
  | { readonly kind: "drop"; readonly stateId: string };

/** Undoes one change; changes are undone in reverse order. */
export type Undo = () => void;

/** A session in the table. Its values are JSON text, so that each read is a copy. */
export interface Row {
  record: SessionRecord;
  /** Absent until the first write: most sessions of a large store never have one. */
  state?: Map<string, string>;
  /** The sorted keys, until one is added or removed. */
  order?: string[];
  bytes: number;
  dropped: boolean;
}

/** The sessions of one namespace. */
export class SessionTable {
  readonly #rows = new TextIndex<Row>(({ record }) => record.stateId);
  readonly #byId = new TextIndex<Row>(({ record }) => record.id);
  readonly #byAlias = new Map<string | null, Map<string, Row>>();
  readonly #byOwner = new Map<string | null, OwnerSessions>();
  #bytes = 0;
  #sweep: Iterator<Row> | undefined;
  /** Made when it is first needed: only a full store needs it. */
  #byExpiry: ExpiryQueue<Row> | undefined;
  /** All sessions but a server's own records. Made when an inspector first needs it. */
  #byAge: OwnerSessions | undefined;
  /** Only sessions with a state, for a store that is full of bytes. */
  #byExpiryWithState: ExpiryQueue<Row> | undefined;

  /** The number of sessions, with the hidden ones: expired sessions that are still there. */
  get size(): number {
    return this.#rows.size;
  }

  /** The same without a server's own records, which are no sessions. */
  get sessions(): number {
    return this.size - this.countOf(INTERNAL_OWNER);
  }

  get bytes(): number {
    return this.#bytes;
  }

  *changes(): Generator<Change> {
    for (const { record, state } of this.#rows.values()) {
      yield { kind: "put", record };
      const { stateId, toolCalls, expiresAt } = record;
      for (const write of state ?? []) {
        yield { kind: "use", stateId, toolCalls, expiresAt, writes: [write] };
      }
    }
  }

  /** The session with this internal id, expired or not. */
  byStateId(stateId: string): Row | undefined {
    return this.#rows.get(stateId);
  }

  /** The session with this id or alias, expired or not. */
  find(by: string | SessionAlias): Row | undefined {
    if (typeof by === "string") return this.#byId.get(by);
    return this.#byAlias.get(by.owner)?.get(by.alias);
  }

  live(by: string | SessionAlias, now: number): Row | undefined {
    const row = this.find(by);
    return row !== undefined && row.record.expiresAt > now ? row : undefined;
  }

  countOf(owner: string | null): number {
    return this.#byOwner.get(owner)?.size ?? 0;
  }

  /** The bytes by which writes, each to another key, make a session's state grow. */
  growth({ state }: Row, writes: readonly EncodedWrite[]): number {
    let bytes = 0;
    for (const [key, json] of writes) {
      const before = state?.get(key);
      // As a rule the key stays.
      bytes += before === undefined || json === undefined
        ? writeBytes(key, json) - writeBytes(key, before)
        : utf8Length(json) - utf8Length(before);
    }
    return bytes;
  }

  get(by: string | SessionAlias, now: number): SessionRecord | undefined {
    const row = this.live(by, now);
    return row && copyRecord(row.record);
  }

  list({ owner, after, limit }: SessionListOptions, now: number): SessionRecord[] {
    const page: SessionRecord[] = [];
    if (limit === 0) return page;
    for (const { record } of this.#byOwner.get(owner)?.after(after) ?? []) {
      if (record.expiresAt <= now) continue;
      if (page.push(copyRecord(record)) === limit) break;
    }
    return page;
  }

  entries(
    id: string,
    { prefix = "", after, limit }: StateEntriesOptions,
    now: number,
  ): [string, Json][] | undefined {
    const row = this.live(id, now);
    if (row === undefined) return undefined;
    const state = row.state ?? new Map<string, string>();
    const keys = row.order ??= [...state.keys()].sort(compareUtf8);
    const start = bisect(
      keys,
      (key) =>
        compareUtf8(key, prefix) < 0 || (after !== undefined && compareUtf8(key, after) <= 0),
    );
    const page: [string, Json][] = [];
    for (let i = start; i < keys.length && page.length < limit; i++) {
      const key = keys[i]!;
      if (!key.startsWith(prefix)) break;
      page.push([key, JSON.parse(state.get(key)!)]);
    }
    return page;
  }

  /** Whoever has sessions, live or hidden, in no order. */
  owners(): (string | null)[] {
    return [...this.#byOwner.keys()];
  }

  /** Sessions by age, live or hidden: those of one owner, or of all but a server's own records. */
  byAge(owner: string | null | undefined, after: string | undefined): Iterable<Row> {
    if (owner !== undefined) return this.#byOwner.get(owner)?.after(after) ?? [];
    if (this.#byAge === undefined) {
      // Each is added at the end then.
      const rows = Array.from(this.#rows.values()).sort((a, b) =>
        compareUtf8(a.record.stateId, b.record.stateId)
      );
      this.#byAge = new OwnerSessions();
      for (const row of rows) if (row.record.owner !== INTERNAL_OWNER) this.#byAge.add(row);
    }
    return this.#byAge.after(after);
  }

  purgeable(now: number): string[] {
    const stateIds: string[] = [];
    for (const { record } of this.#rows.values()) {
      if (isPurgeable(record, now)) stateIds.push(record.stateId);
    }
    return stateIds;
  }

  /** The purgeable ones among the next `count` sessions. Many calls go round all of them. */
  *sweepPurgeable(now: number, count: number): Generator<Row> {
    for (let i = 0; i < count; i++) {
      this.#sweep ??= this.#rows.values();
      const { done, value } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
        return;
      }
      if (isPurgeable(value.record, now)) yield value;
    }
  }

  /** The expired sessions, earliest first. */
  hidden(now: number): Iterable<Row> {
    this.#byExpiry ??= new ExpiryQueue(this.#rows.values(), ({ dropped }) => !dropped);
    return this.#byExpiry.expired(now);
  }

  hiddenOf(owner: string, now: number): Iterable<Row> {
    return this.#byOwner.get(owner)?.hidden(now) ?? [];
  }

  hiddenWithState(now: number): Iterable<Row> {
    this.#byExpiryWithState ??= new ExpiryQueue(
      this.#rows.values().filter(({ bytes }) => bytes > 0),
      ({ dropped, bytes }) => !dropped && bytes > 0,
    );
    return this.#byExpiryWithState.expired(now);
  }

  /** Makes a change. A change of a missing session does nothing, so changes can be replayed. */
  apply(change: Change): Undo {
    const { kind } = change;
    switch (kind) {
      case "put":
        return this.#put(change.record);
      case "use":
        return this.#use(change);
      case "drop":
        return this.#drop(change.stateId);
      default:
        return kind satisfies never;
    }
  }

  #put(record: SessionRecord): Undo {
    const before = this.#rows.get(record.stateId);
    if (before === undefined) {
      this.#add({ record, bytes: 0, dropped: false });
      return () => void this.#drop(record.stateId);
    }
    this.#remove(before);
    this.#add({ ...before, record, dropped: false });
    return () => {
      this.#drop(record.stateId);
      this.#add(before);
    };
  }

  #use({ stateId, toolCalls, expiresAt, writes }: Change & { kind: "use" }): Undo {
    const row = this.#rows.get(stateId);
    if (row === undefined) return () => {};
    const { record } = row;
    const old: EncodedWrite[] = writes.map(([key]) => [key, row.state?.get(key)]);
    row.record = { ...record, toolCalls, expiresAt };
    this.#write(row, writes);
    return () => {
      row.record = record;
      this.#write(row, old);
      // The session expires earlier again.
      this.#queue(row);
    };
  }

  #write(row: Row, writes: readonly EncodedWrite[]) {
    const before = row.bytes;
    const grown = this.growth(row, writes);
    row.bytes += grown;
    this.#bytes += grown;
    const state = row.state ??= new Map();
    for (const [key, json] of writes) {
      if (state.has(key) !== (json !== undefined)) delete row.order;
      if (json === undefined) state.delete(key);
      else state.set(key, json);
    }
    if (state.size === 0) delete row.state;
    if (before === 0 && row.bytes > 0) this.#queue(row);
  }

  #queue(row: Row) {
    this.#byOwner.get(row.record.owner)?.queue(row);
    this.#byExpiry?.add(row);
    if (row.bytes > 0) this.#byExpiryWithState?.add(row);
    this.#trim();
  }

  /** Drops queues of mostly dropped rows: the next use makes new ones. */
  #trim() {
    const most = 2 * this.size;
    if (this.#byExpiry && this.#byExpiry.size > most) this.#byExpiry = undefined;
    if (this.#byExpiryWithState && this.#byExpiryWithState.size > most) {
      this.#byExpiryWithState = undefined;
    }
  }

  #drop(stateId: string): Undo {
    const row = this.#rows.get(stateId);
    if (row === undefined) return () => {};
    this.#remove(row);
    return () => this.#add(row);
  }

  #add(row: Row) {
    const { id, stateId, owner, alias } = row.record;
    row.dropped = false;
    this.#bytes += row.bytes;
    this.#rows.set(stateId, row);
    this.#byId.set(id, row);
    getOrAdd(this.#byOwner, owner, () => new OwnerSessions()).add(row);
    if (owner !== INTERNAL_OWNER) this.#byAge?.add(row);
    this.#queue(row);
    if (alias !== null) getOrAdd(this.#byAlias, owner, () => new Map()).set(alias, row);
  }

  #remove(row: Row) {
    const { id, stateId, owner, alias } = row.record;
    row.dropped = true;
    this.#bytes -= row.bytes;
    this.#rows.delete(stateId);
    if (this.#byId.get(id) === row) this.#byId.delete(id);
    if (this.#byOwner.get(owner)?.remove() === 0) this.#byOwner.delete(owner);
    if (owner !== INTERNAL_OWNER) this.#byAge?.remove();
    const aliases = this.#byAlias.get(owner);
    if (alias !== null && aliases?.get(alias) === row) {
      aliases.delete(alias);
      if (aliases.size === 0) this.#byAlias.delete(owner);
    }
    this.#trim();
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}
