/** Rows with faults between a store and its database. */

import { assert, assertEquals } from "@std/assert";
import { MemoryPlace, MemoryRows } from "./memory_rows.ts";
import { utf8Length } from "../../../runtime/utf8.ts";
import { StoreError, type StoreLimits } from "../../../store/mod.ts";
import { RowStore, type RowStoreOptions } from "../../../store/rows/row_store.ts";
import {
  type At,
  type Commit,
  type Committed,
  MAX_CHECKS,
  NO_CHANGE,
  type Rows,
  type Snapshot,
  type Want,
} from "../../../store/rows/rows.ts";

/** What happens on the way to the rows and back. */
export interface Way {
  commit?(commit: Commit, make: () => Promise<Committed>): Promise<Committed>;
  read?(want: Want, make: () => Promise<Snapshot>): Promise<Snapshot>;
}

export class FaultyRows implements Rows {
  /** What happens from now on. */
  way: Way;
  readonly commits: Commit[] = [];
  readonly reads: Want[] = [];
  readonly #rows: Rows;

  constructor(rows: Rows, way: Way = {}) {
    this.#rows = rows;
    this.way = way;
  }

  async read(want: Want): Promise<Snapshot> {
    this.reads.push(want);
    for (const place of want.at ?? []) check(place);
    const make = () => this.#rows.read(want);
    return await (this.way.read?.(want, make) ?? make());
  }

  async commit(commit: Commit): Promise<Committed> {
    this.commits.push(commit);
    const { checks, sets = [], deletes = [], orElse = {} } = commit;
    assert(checks.length <= MAX_CHECKS, `${checks.length} checks`);
    const written = [...sets.map(([place]) => place), ...deletes];
    const checked = checks.map(([place]) => place);
    for (const place of [...written, ...checked, ...orElse.at ?? []]) check(place);
    for (const places of [written, checked]) {
      assertEquals(new Set(places.map((each) => JSON.stringify(each))).size, places.length);
    }
    const make = () => this.#rows.commit(commit);
    return await (this.way.commit?.(commit, make) ?? make());
  }

  async checkWritable(): Promise<void> {
    await this.commit(NO_CHANGE);
  }

  close(): Promise<void> {
    return this.#rows.close();
  }
}

function check([part, name]: At) {
  assert(utf8Length(part) <= 1100 && utf8Length(name) <= 1024, "a name that no backend takes");
}

export function lostAnswer(): StoreError {
  return new StoreError("unavailable", "The test has cut the connection");
}

/** Cuts one answer: `when` the commit is made, or is not. */
export function cut(rows: FaultyRows, when: "after" | "before", of = isOfSession): void {
  rows.way = {
    commit: async (commit, make) => {
      if (!of(commit)) return await make();
      rows.way = {};
      if (when === "after") await make();
      throw lostAnswer();
    },
  };
}

/** Whether a commit changes a session, rather than who has the turn. */
export function isOfSession({ sets = [], deletes = [] }: Commit): boolean {
  return [...sets.map(([at]) => at), ...deletes].some(([part]) => part === "s");
}

export interface FaultyStore {
  readonly store: RowStore;
  readonly rows: FaultyRows;
}

/** Opens a store in a place, with what is between them. */
export function openFaulty(
  place: MemoryPlace,
  way: Way = {},
  options: RowStoreOptions = {},
): FaultyStore {
  const rows = new FaultyRows(new MemoryRows(place), way);
  return { rows, store: new RowStore({ name: "The test", rows, countsBytes: true }, options) };
}

/** The time at which a world begins. */
export const BEGIN = 1_800_000_000_000;

/** A place, its clock, and stores that are opened there. */
export class World implements AsyncDisposable {
  readonly place = new MemoryPlace();
  now = BEGIN;
  readonly #stores = new AsyncDisposableStack();

  open(limits: Partial<StoreLimits> = {}) {
    const opened = openFaulty(this.place, {}, { limits, now: () => this.now });
    this.#stores.use(opened.store);
    return opened;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stores.disposeAsync();
  }

  /** The ids of all sessions that are there, live or hidden. */
  get ids(): string[] {
    return [...this.place.part("s").keys()].sort();
  }

  /** Asserts that each session has one row by expiry, at the time of its record or earlier. */
  checkIndex() {
    const due = [...this.place.part("x")].map((
      [name, { text }],
    ) => [text, Number(name.slice(0, 16))]);
    assertEquals(due.map(([id]) => id).sort(), this.ids);
    for (const [id, time] of due) {
      const { expiresAt } = JSON.parse(this.place.part("s").get(`${id}`)!.text);
      assert(Number(time) <= expiresAt, `${id} is indexed at ${time}, and expires at ${expiresAt}`);
    }
  }
}
