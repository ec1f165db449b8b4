/**
 * Sessions in memory: every index that a store answers from. Memory keeps nothing else; the file
 * store keeps this and a journal that it can be made from again.
 *
 * @module
 */

import type { Json } from "../protocol.ts";
import { copyRecord, writeBytes } from "./_checks.ts";
import { ExpiryQueue } from "./_expiry.ts";
import { Index } from "./_index.ts";
import { bisect, compareUtf8 } from "./_order.ts";
import type {
  EncodedWrite,
  EntriesOptions,
  ListOptions,
  SessionAlias,
  SessionRecord,
} from "./store.ts";

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

  /** How many sessions there are, with the expired ones that nobody dropped yet. */
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

  /** How many sessions an owner has, with the expired ones that nobody dropped yet. */
  countOf(owner: string | null): number {
    return this.#byOwner.get(owner)?.size ?? 0;
  }

  /** Is this session, expired or not, of this owner? */
  isOf(stateId: string, owner: string | null): boolean {
    return this.#entries.get(stateId)?.record.owner === owner;
  }

  /** An owner's sessions that have expired, by their internal ids. */
  expiredOf(owner: string | null, now: number): string[] {
    const entries = this.#byOwner.get(owner)?.after(undefined) ?? [];
    return [...entries].filter(({ record }) => record.expiresAt <= now)
      .map(({ record }) => record.stateId);
  }

  /** How many bytes a session's state would take after these writes. */
  bytesAfter(entry: Entry, writes: readonly EncodedWrite[]): number {
    return entry.bytes + growth(entry, writes);
  }

  /** A page of one owner's live sessions. */
  list({ owner, after, limit }: ListOptions, now: number): SessionRecord[] {
    const page: SessionRecord[] = [];
    if (limit === 0) return page;
    for (const { record } of this.#byOwner.get(owner)?.after(after) ?? []) {
      if (record.expiresAt <= now) continue;
      if (page.push(copyRecord(record)) === limit) break;
    }
    return page;
  }

  /** A page of a session's state. */
  entries(entry: Entry, { prefix = "", after, limit }: EntriesOptions): [string, Json][] {
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

  /** Those that have expired among the next few sessions: over many calls it goes round them all. */
  someExpired(now: number, count: number): string[] {
    const stateIds: string[] = [];
    for (let i = 0; i < count; i++) {
      this.#sweep ??= this.#entries.values();
      const { done, value } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
        break;
      }
      if (value.record.expiresAt <= now) stateIds.push(value.record.stateId);
    }
    return stateIds;
  }

  /** Up to `count` sessions that have expired, by their internal ids: all, if they are fewer. */
  firstExpired(now: number, count: number): string[] {
    const stateIds: string[] = [];
    if (count <= 0) return stateIds;
    for (const { record } of this.#inExpiryOrder(now)) {
      if (stateIds.push(record.stateId) === count) break;
    }
    return stateIds;
  }

  /**
   * The first sessions to have expired whose states take `wanted` bytes together, by their internal
   * ids, and what they take: less, if there are none or `count` before it is enough.
   */
  firstExpiredHolding(
    wanted: number,
    now: number,
    count: number,
  ): { readonly stateIds: readonly string[]; readonly bytes: number } {
    const stateIds: string[] = [];
    let bytes = 0;
    if (wanted <= 0) return { stateIds, bytes };
    for (const entry of this.#inExpiryOrder(now)) {
      bytes += entry.bytes;
      if (stateIds.push(entry.record.stateId) === count || bytes >= wanted) break;
    }
    return { stateIds, bytes };
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

  #inExpiryOrder(now: number): Iterable<Entry> {
    this.#byExpiry ??= new ExpiryQueue(this.#entries.values());
    return this.#byExpiry.expired(now);
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
    this.#bytes += writeState(entry, writes);
    return () => {
      entry.record = record;
      this.#bytes += writeState(entry, old);
    };
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
    this.#byExpiry?.add(entry);
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
    // It holds on to dropped sessions: rather than to more than there are, it is made again.
    if (this.#byExpiry && this.#byExpiry.size > 2 * this.size) this.#byExpiry = undefined;
  }
}

/** One owner's sessions by age: appended at the end nearly always, and removed in bulk. */
class Shelf {
  #entries: Entry[] = [];
  #dropped = 0;

  get size(): number {
    return this.#entries.length - this.#dropped;
  }

  add(entry: Entry) {
    const { stateId } = entry.record;
    const last = this.#entries.at(-1);
    if (last === undefined || compareUtf8(last.record.stateId, stateId) < 0) {
      this.#entries.push(entry);
      return;
    }
    const index = this.#indexAfter(stateId);
    // One that was dropped and comes back takes its old place, whether or not it is the same.
    const replaced = this.#entries[index - 1]?.record.stateId === stateId;
    if (replaced) this.#dropped--;
    this.#entries.splice(replaced ? index - 1 : index, replaced ? 1 : 0, entry);
  }

  /** Called when one of its entries was dropped; gives the number of those left. */
  remove(): number {
    this.#dropped++;
    // Half at a time, so that dropping many costs no more than a few moves of each that stays.
    if (this.#dropped * 2 > this.#entries.length) {
      this.#entries = this.#entries.filter((entry) => !entry.dropped);
      this.#dropped = 0;
    }
    return this.size;
  }

  *after(stateId: string | undefined): Generator<Entry> {
    for (let i = stateId === undefined ? 0 : this.#indexAfter(stateId);; i++) {
      const entry = this.#entries[i];
      if (entry === undefined) return;
      if (!entry.dropped) yield entry;
    }
  }

  #indexAfter(stateId: string): number {
    return bisect(this.#entries, (entry) => compareUtf8(entry.record.stateId, stateId) <= 0);
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
