/** Explorer: looks for a schedule of calls whose outcome no order of them, one after the other, explains. */

import { assert, assertEquals } from "@std/assert";
import {
  MemoryStore,
  type SessionRecord,
  type SessionStore,
  StoreError,
  type StoreLimits,
} from "../../../../store/mod.ts";
import { RowStore } from "../../../../store/rows/row_store.ts";
import type { Rows } from "../../../../store/rows/rows.ts";
import { BEGIN, FaultyRows } from "../faulty_rows.ts";
import { MemoryPlace, MemoryRows } from "../memory_rows.ts";
import { allSchedules, Schedule } from "./schedule.ts";

export type Call = (store: SessionStore) => Promise<unknown>;

export interface Scenario {
  readonly limits?: Partial<StoreLimits>;
  /** What is made before, one after the other. */
  readonly before: readonly Call[];
  /** The calls of each store, one after the other. */
  readonly programs: readonly (readonly Call[])[];
}

export interface ExploreOptions {
  /** The most switches from a store that could go on, and lost answers. */
  readonly mostCost: number;
  /** So many more schedules are random. */
  readonly random: number;
  /** Opens the rows of each store. @default MemoryRows */
  readonly open?: (place: MemoryPlace) => Rows;
}

/** A call as it was seen. */
interface Seen {
  readonly name: string;
  readonly call: Call;
  readonly begin: number;
  readonly end: number;
  readonly result: string;
}

const OWNERS = ["alice", null];
const DAY_MS = 24 * 60 * 60 * 1_000;
const MOST_READS = 1_000;
const UNSURE = resultOf("unavailable");

function resultOf(value: unknown): string {
  return JSON.stringify(value) ?? "undefined";
}

async function outcome(call: Call, store: SessionStore): Promise<string> {
  try {
    return resultOf(await call(store));
  } catch (error) {
    if (error instanceof StoreError) return resultOf(error.code);
    throw error;
  }
}

/** All that is in a store, whose clock shows zero, by stateId; without what a sweep may have removed. */
async function contents(store: SessionStore): Promise<string> {
  const found: [SessionRecord, unknown][] = [];
  for (const owner of OWNERS) {
    for (const record of await store.list({ owner, limit: 99 })) {
      if (record.expiresAt < BEGIN - DAY_MS) continue;
      found.push([record, await store.entries(record.id, { limit: 99 })]);
    }
  }
  return found.map(resultOf).sort().join("\n");
}

/** Orders of calls, those first that end first; none before one that had ended when it began. */
function* orders(left: readonly Seen[]): Generator<Seen[]> {
  if (left.length === 0) yield [];
  const firstEnd = Math.min(...left.map(({ end }) => end));
  for (const first of left.filter(({ begin }) => begin <= firstEnd)) {
    const rest = left.filter((each) => each !== first);
    for (const order of orders(rest)) yield [first, ...order];
    // It may never have been made.
    if (first.result === UNSURE) yield* orders(rest);
  }
}

export class Explorer {
  readonly #scenario: Scenario;
  readonly #options: ExploreOptions;
  readonly #explained = new Set<string>();
  #base: MemoryPlace | undefined;

  constructor(scenario: Scenario, options: ExploreOptions) {
    this.#scenario = scenario;
    this.#options = options;
  }

  /**
   * @returns How many schedules it has tried.
   * @throws {Error} for one whose outcome is not explained, with its choices for {@linkcode run}.
   */
  async explore(): Promise<number> {
    const { mostCost, random } = this.#options;
    const count = await allSchedules(mostCost, (choices) => this.run(choices));
    let seed = 1;
    const next = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let i = 0; i < random; i++) {
      await this.run([], (choices) => next() < 0.5 ? 0 : Math.floor(next() * choices));
    }
    return count + random;
  }

  /** Runs one schedule. @returns Its points. */
  async run(choices: readonly number[], choose?: (count: number) => number) {
    const place = await this.#prepared();
    const { open = (place) => new MemoryRows(place) } = this.#options;
    const { limits, programs } = this.#scenario;
    using schedule = new Schedule(choices, choose);
    const { points, log } = schedule;
    const seen: Seen[] = [];
    const running = programs.map((calls, index) => {
      const rows = new FaultyRows(open(place), schedule.way(index));
      const store = storeOf(rows, BEGIN, limits);
      const perform = async () => {
        for (const [number, call] of calls.entries()) {
          const begin = points.length;
          const result = await outcome(call, store);
          const end = result === UNSURE ? Infinity : points.length;
          seen.push({ name: `${index}.${number}`, call, begin, end, result });
          log.push(`store ${index}: ${call} gave ${result}`);
        }
      };
      return perform();
    });
    try {
      await schedule.run();
      assertEquals(seen.length, programs.flat().length, "calls that have ended");
      await Promise.all(running);
      const after = await this.#audit(place);
      if (!await this.#isExplained(seen, after)) throw new Error(`Nothing explains\n${after}`);
    } catch (cause) {
      const taken = points.map(({ chosen }) => chosen);
      throw new Error(`Choices [${taken}]:\n${log.join("\n")}`, { cause });
    }
    return points;
  }

  /** A place with what was made before. */
  async #prepared(): Promise<MemoryPlace> {
    const place = new MemoryPlace();
    if (this.#base === undefined) {
      const store = storeOf(new MemoryRows(place), 0);
      for (const call of this.#scenario.before) await call(store);
      await store.close();
      this.#base = place;
    }
    const copy = new MemoryPlace();
    for (const [name, rows] of this.#base.parts) copy.parts.set(name, new Map(rows));
    for (const [name, sum] of this.#base.counts) copy.counts.set(name, sum);
    copy.changes = this.#base.changes;
    return copy;
  }

  /** The contents of a place, whose rows and counters must be theirs alone. */
  async #audit(place: MemoryPlace): Promise<string> {
    let reads = 0;
    const read = <T>(_: unknown, make: () => Promise<T>) => {
      // Rows that point to each other would be followed for ever.
      assert(++reads < MOST_READS, "rows that lead nowhere");
      return make();
    };
    const store = storeOf(new FaultyRows(new MemoryRows(place), { read }), 0);
    const found = await contents(store);
    for (const owner of OWNERS) {
      for (const { id, alias } of await store.list({ owner, limit: 99 })) {
        if (alias !== null) assertEquals((await store.get({ owner, alias }))?.id, id);
        await store.delete(id);
      }
    }
    for (const [name, sum] of place.counts) assertEquals(sum, 0, name);
    for (const [name, rows] of place.parts) assertEquals([...rows], [], name);
    return found;
  }

  /** Whether some order of the calls has their results, and leaves what is there. */
  async #isExplained(seen: readonly Seen[], after: string): Promise<boolean> {
    const key = resultOf([after, seen]);
    if (this.#explained.has(key)) return true;
    for (const order of orders(seen)) {
      const clock = { now: 0 };
      const { limits } = this.#scenario;
      const store = new MemoryStore({ ...(limits && { limits }), now: () => clock.now });
      for (const call of this.#scenario.before) await call(store);
      clock.now = BEGIN;
      let isSame = true;
      for (const { call, result } of order) {
        const now = await outcome(call, store);
        isSame &&= result === UNSURE || now === result;
      }
      clock.now = 0;
      if (isSame && await contents(store) === after) {
        this.#explained.add(key);
        return true;
      }
    }
    return false;
  }
}

function storeOf(rows: Rows, now: number, limits?: Partial<StoreLimits>): RowStore {
  return new RowStore({ name: "The test", rows, countsBytes: true }, { limits, now: () => now });
}
