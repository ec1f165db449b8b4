/**
 * Room: expired sessions are hidden, and removed when they are past their retention, or in the way of new
 * ones.
 *
 * @module
 */

import { isPurgeable } from "../table/expiry_queue.ts";
import { ownerFull, stateFull, storeFull } from "../errors.ts";
import { type Marker, textOf } from "./marks.ts";
import type { Operation } from "./operation.ts";
import type { At, Commit, Committed, Row, Rows } from "./rows.ts";
import {
  at,
  counter,
  dueTime,
  foundIn,
  type FoundSession,
  liveAt,
  part,
  removal,
  writtenRow,
} from "./session_rows.ts";
import {
  INTERNAL_OWNER,
  type SessionRecord,
  type StoreError,
  type StoreLimits,
} from "../session_store.ts";

/** The sessions that each new one sweeps: more than one, so that purgeable ones do not pile up. */
const SWEPT_PER_CREATE = 4;
const MAX_SWEPT = 500;
const PAGE = 100;

export interface RoomOptions {
  readonly rows: Rows;
  readonly marker: Marker;
  readonly now: () => number;
  readonly limits: StoreLimits;
  readonly countsBytes: boolean;
}

/** A counter that is to grow by so much. */
interface Wanted {
  readonly name: string;
  readonly most: number;
  readonly by: number;
  /** What the counter has of a session. */
  readonly sizeOf: (found: FoundSession) => number;
  /** Why it cannot. */
  readonly error: StoreError;
}

type DueRow = readonly [name: string, row: Row];

export class Room {
  readonly #options: RoomOptions;
  /** Where the next sweep goes on, by part. */
  readonly #swept = new Map<string, string>();
  /** The counters that nothing hidden counts in any more, by the operation that has removed it. */
  readonly #refused = new WeakMap<Operation, string>();

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** The session with this id, live or hidden. */
  async find(operation: Operation, id: string): Promise<FoundSession | undefined> {
    const [found] = await this.findEach(operation, [id]);
    return found;
  }

  async findEach(
    operation: Operation,
    ids: readonly string[],
  ): Promise<(FoundSession | undefined)[]> {
    if (ids.length === 0) return [];
    const places = ids.map(at.session);
    return (await operation.call(() => this.#options.rows.read({ at: places }))).at.map(foundIn);
  }

  /**
   * The session with this stateId, live or hidden. `found` is what was found under the id that it has or had.
   */
  async findState(
    operation: Operation,
    stateId: string,
    found?: FoundSession,
  ): Promise<FoundSession | undefined> {
    // It may get another id after each look.
    while (found?.record.stateId !== stateId) {
      const want = { at: [at.id(stateId)] };
      const [row] = (await operation.call(() => this.#options.rows.read(want))).at;
      if (row === undefined) return undefined;
      found = await this.find(operation, row.text);
    }
    return found;
  }

  /** Removes a session, unless it has changed. */
  async remove(operation: Operation, found: FoundSession): Promise<boolean> {
    const { rows, marker, countsBytes } = this.#options;
    const { deletes, ...removed } = removal(found, countsBytes);
    const commit = {
      ...removed,
      deletes: [...deletes, at.turn(found.record.stateId)],
      mark: textOf(marker.next()),
      checks: [[at.session(found.record.id), found.version] as const],
    };
    return (await operation.call(() => rows.commit(commit))).kind === "made";
  }

  /**
   * Removes hidden sessions, those first that expired first, so that one with a state of `bytes` fits.
   *
   * @throws {StoreError} `full` if live ones left no room the last time either.
   */
  async make(
    operation: Operation,
    full: string,
    { owner }: SessionRecord,
    bytes: number,
  ): Promise<void> {
    const { limits } = this.#options;
    if (full === counter.bytes) return await this.makeForBytes(operation, owner, bytes);
    const isOwners = full !== counter.sessions(owner);
    const most = isOwners ? limits.sessionsPerOwner : limits.sessions;
    const hidden = isOwners && owner !== null
      ? this.#hiddenOf(operation, owner)
      : this.#hidden(operation, part.due(owner));
    const sizeOf = () => 1;
    const error = isOwners || owner === INTERNAL_OWNER ? ownerFull(most) : storeFull(most);
    await this.#makeFor(operation, { name: full, most, by: 1, sizeOf, error }, hidden);
  }

  /**
   * Removes a hidden session. A change by another, as when its row by expiry is moved, does not let the next
   * one go in its place.
   *
   * @returns It as it was, unless it is live or gone.
   */
  async #evict(operation: Operation, found: FoundSession): Promise<FoundSession | undefined> {
    let hidden: FoundSession | undefined = found;
    while (hidden !== undefined && !await this.remove(operation, hidden)) {
      const again = await this.#again(operation, hidden);
      hidden = liveAt(this.#options.now(), again) === undefined ? again : undefined;
    }
    return hidden;
  }

  /** A session after a change by another, unless it is gone. */
  async #again(operation: Operation, { record }: FoundSession): Promise<FoundSession | undefined> {
    const again = await this.find(operation, record.id);
    return again?.record.stateId === record.stateId ? again : undefined;
  }

  /** Removes hidden sessions with a state, so that so many more bytes fit. */
  async makeForBytes(operation: Operation, owner: string | null, bytes: number): Promise<void> {
    const most = this.#options.limits.bytes;
    const hidden = this.#hidden(operation, part.due(owner));
    const sizeOf = ({ bytes }: FoundSession) => bytes;
    const wanted = { name: counter.bytes, most, by: bytes, sizeOf, error: stateFull(most) };
    await this.#makeFor(operation, wanted, hidden);
  }

  /**
   * Removes hidden sessions until a counter can grow. Others make room too, for themselves, and by a sweep:
   * that is no reason for one more to go, but to try the commit again.
   *
   * If all are gone, it is tried once more: only one that still checks, and has no room then, fails. What it
   * makes may be there by now, or what it changes may have ended or shrunk.
   */
  async #makeFor(
    operation: Operation,
    { name, most, by, sizeOf, error }: Wanted,
    hidden: AsyncIterable<FoundSession>,
  ): Promise<void> {
    if (this.#refused.get(operation) === name) throw error;
    let excess: number | undefined;
    for await (const found of hidden) {
      if (sizeOf(found) === 0) continue;
      excess ??= await this.#count(operation, name) + by - most;
      if (excess <= 0) return;
      const evicted = await this.#evict(operation, found);
      if (evicted === undefined) return;
      // Where a limit was lowered, all who make room take away the same excess.
      excess = excess > by ? undefined : excess - sizeOf(evicted);
    }
    this.#refused.set(operation, name);
  }

  /**
   * Removes what is purgeable among the sessions of a part that expire first, for so many new ones; many
   * calls go round all of those.
   */
  async sweep(operation: Operation, name: string, created: number): Promise<void> {
    const { rows } = this.#options;
    const limit = Math.min(SWEPT_PER_CREATE * created, MAX_SWEPT);
    const page = { part: name, after: this.#swept.get(name), limit };
    const due = (await operation.call(() => rows.read({ page }))).page;
    const last = due.at(-1)?.[0];
    const isOver = last === undefined || due.length < limit ||
      dueTime(last) > this.#options.now();
    if (isOver) this.#swept.delete(name);
    else this.#swept.set(name, last);
    for (const found of await this.#expired(operation, name, due)) {
      if (isPurgeable(found.record, this.#options.now())) await this.remove(operation, found);
    }
  }

  async #count(operation: Operation, name: string): Promise<number> {
    const { rows } = this.#options;
    return (await operation.call(() => rows.read({ counts: [name] }))).counts[0] ?? 0;
  }

  /** The hidden sessions of a part in the order of expiry. */
  async *#hidden(operation: Operation, name: string): AsyncGenerator<FoundSession> {
    const { rows, now } = this.#options;
    let after: string | undefined;
    for (;;) {
      const page = { part: name, after, limit: PAGE };
      const due = (await operation.call(() => rows.read({ page }))).page;
      yield* await this.#expired(operation, name, due);
      after = due.at(-1)?.[0];
      if (after === undefined || due.length < PAGE || dueTime(after) > now()) return;
    }
  }

  /** The hidden sessions of an owner, those first that expired first. */
  async *#hiddenOf(operation: Operation, owner: string): AsyncGenerator<FoundSession> {
    const { rows, now } = this.#options;
    const hidden: FoundSession[] = [];
    let after: string | undefined;
    for (;;) {
      const page = { part: part.owned(owner), after, limit: PAGE };
      const owned = (await operation.call(() => rows.read({ page }))).page;
      const each = await this.findEach(operation, owned.map(([, { text }]) => text));
      for (const found of each) {
        if (found !== undefined && liveAt(now(), found) === undefined) hidden.push(found);
      }
      after = owned.at(-1)?.[0];
      if (after === undefined || owned.length < PAGE) break;
    }
    yield* hidden.sort((a, b) => a.record.expiresAt - b.record.expiresAt);
  }

  /**
   * The expired sessions among rows by expiry, in their order, but for those whose row belongs further on.
   * Rows that are wrong by now are mended.
   */
  async #expired(
    operation: Operation,
    name: string,
    due: readonly DueRow[],
  ): Promise<FoundSession[]> {
    const now = this.#options.now();
    const past = due.filter(([name]) => dueTime(name) <= now);
    // Those of the rest are met later.
    const end = past.length < due.length ? now : dueTime(due.at(-1)?.[0] ?? "");
    const each = await this.findEach(operation, past.map(([, { text }]) => text));
    const expired: FoundSession[] = [];
    for (const [index, [rowName, { version }]] of past.entries()) {
      const found = each[index];
      // Also that of a session which another has moved since the page was read.
      if (found === undefined || at.due(found)[1] !== rowName) {
        await this.#removeRow(operation, [name, rowName], version);
      }
      if (found === undefined) continue;
      const placed = await this.#moveRow(operation, found);
      const isLast = due.length < PAGE || (placed?.due ?? 0) <= end;
      if (placed !== undefined && placed.due <= now && isLast) expired.push(placed);
    }
    return expired.sort((a, b) => a.due - b.due);
  }

  async #removeRow(operation: Operation, place: At, version: string): Promise<void> {
    const { rows, marker } = this.#options;
    const mark = textOf(marker.next());
    await operation.call(() =>
      rows.commit({ mark, checks: [[place, version]], deletes: [place], durable: false })
    );
  }

  /**
   * Moves the row of a session that was renewed since to where it belongs, unless it is gone. One that is
   * live may be in use all the time: it is tried once.
   */
  async #moveRow(operation: Operation, renewed: FoundSession): Promise<FoundSession | undefined> {
    const { rows, marker, now } = this.#options;
    let found: FoundSession | undefined = renewed;
    while (found !== undefined && found.record.expiresAt !== found.due) {
      const { record, version } = found;
      const row = writtenRow({ ...found, due: record.expiresAt });
      const commit: Commit = {
        mark: textOf(marker.next()),
        checks: [[at.session(record.id), version]],
        sets: [[at.session(record.id), row.text], [at.due(row), record.id]],
        deletes: [at.due(found)],
        durable: false,
      };
      const committed: Committed = await operation.call(() => rows.commit(commit));
      if (committed.kind === "made") return { ...row, version: committed.version };
      const again: FoundSession | undefined = await this.#again(operation, found);
      found = liveAt(now(), again) === undefined ? again : undefined;
    }
    return found;
  }
}
