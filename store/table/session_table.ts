/**
 * Sessions in memory: every index that a store answers from. Memory keeps nothing else; the file
 * store keeps this and a journal that it can be made from again.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import { copyRecord, writeBytes } from "../validation.ts";
import { ExpiryQueue, isOver } from "./expiry_queue.ts";
import { Index } from "./text_index.ts";
import { bisect, compareUtf8 } from "../utf8_order.ts";
import { Shelf } from "./owner_sessions.ts";
import type {
  EncodedWrite,
  SessionAlias,
  SessionListOptions,
  SessionRecord,
  StateEntriesOptions,
} from "../session_store.ts";

/** One change of a table. All values are absolute, so that doing it twice does it once. */
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

/** Takes one change back; changes are taken back in the reverse of their order. */
export type Undo = () => void;

/** A session as the table holds it. Its values are JSON text: copies in and out for nothing. */
export interface Entry {
  record: SessionRecord;
  /** Absent until the first write: most sessions of a large store never have one. */
  state?: Map<string, string>;
  /** The keys in order, until one is added or removed. */
  order?: string[];
  /** What keys and values take. */
  bytes: number;
  dropped: boolean;
}

/** The sessions of one namespace. */
export class Table {
  readonly #entries = new Index<Entry>(({ record }) => record.stateId);
  readonly #byId = new Index<Entry>(({ record }) => record.id);
  readonly #byAlias = new Map<string | null, Map<string, Entry>>();
  readonly #byOwner = new Map<string | null, Shelf>();
  #bytes = 0;
  #sweep: Iterator<Entry> | undefined;
  /** Absent until somebody asks for it: only a store that is full needs it. */
  #byExpiry: ExpiryQueue<Entry> | undefined;
  /** Sessions with a state alone, for a store that is full of bytes. */
  #holding: ExpiryQueue<Entry> | undefined;

  /** How many sessions there are, with the hidden ones: those that expired, and are still there. */
  get size(): number {
    return this.#entries.size;
  }

  /** What the keys and values of all of them take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Every session and its state as the changes that make them. */
  *changes(): Generator<Change> {
    for (const { record, state } of this.#entries.values()) {
      yield { kind: "put", record };
      const { stateId, toolCalls, expiresAt } = record;
      for (const write of state ?? []) {
        yield { kind: "use", stateId, toolCalls, expiresAt, writes: [write] };
      }
    }
  }

  /** The session with this internal id, expired or not. */
  byStateId(stateId: string): Entry | undefined {
    return this.#entries.get(stateId);
  }

  /** The session with this id or alias, expired or not. */
  find(by: string | SessionAlias): Entry | undefined {
    if (typeof by === "string") return this.#byId.get(by);
    return this.#byAlias.get(by.owner)?.get(by.alias);
  }

  /** The session with this id or alias, if it has not expired. */
  live(by: string | SessionAlias, now: number): Entry | undefined {
    const entry = this.find(by);
    return entry !== undefined && entry.record.expiresAt > now ? entry : undefined;
  }

  /** How many sessions an owner has, with the hidden ones. */
  countOf(owner: string | null): number {
    return this.#byOwner.get(owner)?.size ?? 0;
  }

  /** How many bytes a session's state would take after these writes. */
  bytesAfter(entry: Entry, writes: readonly EncodedWrite[]): number {
    return entry.bytes + growth(entry, writes);
  }

  /** A page of one owner's live sessions. */
  list({ owner, after, limit }: SessionListOptions, now: number): SessionRecord[] {
    const page: SessionRecord[] = [];
    if (limit === 0) return page;
    for (const { record } of this.#byOwner.get(owner)?.after(after) ?? []) {
      if (record.expiresAt <= now) continue;
      if (page.push(copyRecord(record)) === limit) break;
    }
    return page;
  }

  /** A page of a session's state. */
  entries(entry: Entry, { prefix = "", after, limit }: StateEntriesOptions): [string, Json][] {
    const state = entry.state ?? new Map<string, string>();
    const keys = entry.order ??= [...state.keys()].sort(compareUtf8);
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

  /** All sessions that have expired, by their internal ids. */
  expired(now: number): string[] {
    const stateIds: string[] = [];
    for (const { record } of this.#entries.values()) {
      if (record.expiresAt <= now) stateIds.push(record.stateId);
    }
    return stateIds;
  }

  /** All sessions that are over, by their internal ids. */
  over(now: number): string[] {
    const stateIds: string[] = [];
    for (const { record } of this.#entries.values()) {
      if (isOver(record, now)) stateIds.push(record.stateId);
    }
    return stateIds;
  }

  /** Those that are over among the next few sessions: over many calls it goes round them all. */
  *someOver(now: number, count: number): Generator<Entry> {
    for (let i = 0; i < count; i++) {
      this.#sweep ??= this.#entries.values();
      const { done, value } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
        return;
      }
      if (isOver(value.record, now)) yield value;
    }
  }

  /** The sessions that have expired, earliest first. */
  hidden(now: number): Iterable<Entry> {
    this.#byExpiry ??= new ExpiryQueue(this.#entries.values(), ({ dropped }) => !dropped);
    return this.#byExpiry.expired(now);
  }

  /** One owner's sessions that have expired, earliest first. */
  hiddenOf(owner: string, now: number): Iterable<Entry> {
    return this.#byOwner.get(owner)?.hidden(now) ?? [];
  }

  /** Sessions with a state that have expired, earliest first. */
  hiddenHolding(now: number): Iterable<Entry> {
    this.#holding ??= new ExpiryQueue(
      this.#entries.values().filter(({ bytes }) => bytes > 0),
      ({ dropped, bytes }) => !dropped && bytes > 0,
    );
    return this.#holding.expired(now);
  }

  /** Makes a change. One to a session that is not there does nothing, so changes can be replayed. */
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
    const before = this.#entries.get(record.stateId);
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
    const entry = this.#entries.get(stateId);
    if (entry === undefined) return () => {};
    const { record } = entry;
    const old: EncodedWrite[] = writes.map(([key]) => [key, entry.state?.get(key)]);
    entry.record = { ...record, toolCalls, expiresAt };
    this.#write(entry, writes);
    return () => {
      entry.record = record;
      this.#write(entry, old);
      // It expires earlier again, so it has to be found earlier.
      this.#queue(entry);
    };
  }

  #write(entry: Entry, writes: readonly EncodedWrite[]) {
    const before = entry.bytes;
    this.#bytes += writeState(entry, writes);
    if (before === 0 && entry.bytes > 0) this.#queue(entry);
  }

  #queue(entry: Entry) {
    this.#byOwner.get(entry.record.owner)?.queue(entry);
    this.#byExpiry?.add(entry);
    if (entry.bytes > 0) this.#holding?.add(entry);
    this.#trim();
  }

  /** Queues hold on to what has left: rather than to more than there are, they are made again. */
  #trim() {
    const most = 2 * this.size;
    if (this.#byExpiry && this.#byExpiry.size > most) this.#byExpiry = undefined;
    if (this.#holding && this.#holding.size > most) this.#holding = undefined;
  }

  #drop(stateId: string): Undo {
    const entry = this.#entries.get(stateId);
    if (entry === undefined) return () => {};
    this.#remove(entry);
    return () => this.#add(entry);
  }

  #add(entry: Entry) {
    const { id, stateId, owner, alias } = entry.record;
    entry.dropped = false;
    this.#bytes += entry.bytes;
    this.#entries.set(stateId, entry);
    this.#byId.set(id, entry);
    getOrAdd(this.#byOwner, owner, () => new Shelf()).add(entry);
    this.#queue(entry);
    if (alias !== null) getOrAdd(this.#byAlias, owner, () => new Map()).set(alias, entry);
  }

  #remove(entry: Entry) {
    const { id, stateId, owner, alias } = entry.record;
    entry.dropped = true;
    this.#bytes -= entry.bytes;
    this.#entries.delete(stateId);
    if (this.#byId.get(id) === entry) this.#byId.delete(id);
    if (this.#byOwner.get(owner)?.remove() === 0) this.#byOwner.delete(owner);
    const aliases = this.#byAlias.get(owner);
    if (alias !== null && aliases?.get(alias) === entry) {
      aliases.delete(alias);
      if (aliases.size === 0) this.#byAlias.delete(owner);
    }
    this.#trim();
  }
}

/** Writes to a session's state, and gives how much larger it is for it. */
function writeState(entry: Entry, writes: readonly EncodedWrite[]): number {
  const grown = growth(entry, writes);
  entry.bytes += grown;
  const state = entry.state ??= new Map();
  for (const [key, json] of writes) {
    if (state.has(key) !== (json !== undefined)) delete entry.order;
    if (json === undefined) state.delete(key);
    else state.set(key, json);
  }
  if (state.size === 0) delete entry.state;
  return grown;
}

/** How much larger a session's state gets by writes, each to another key. */
function growth({ state }: Entry, writes: readonly EncodedWrite[]): number {
  let bytes = 0;
  for (const [key, json] of writes) {
    bytes += writeBytes(key, json) - writeBytes(key, state?.get(key));
  }
  return bytes;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}
