/**
 * What the scripts of rows are sent, and what they answer.
 *
 * @module
 */

import { StoreError } from "../session_store.ts";
import { compareUtf8 } from "../utf8_order.ts";
import type { At, Commit, Row, RowPage, Snapshot, Want } from "../rows/rows.ts";
import type { RedisKeys } from "./keys.ts";

/** Stands between a row's version and its text. */
const END_OF_VERSION = "\n";

/** The most names of one command: Lua can give 8,000 arguments to a function. */
const MAX_RUN = 1000;

/** The keys and arguments of one run of a script. */
export class ScriptArguments {
  readonly keys: string[] = [];
  readonly args: string[] = [];
  readonly #of: RedisKeys;
  /** The indexes of keys, as texts. */
  readonly #indexes = new Map<string, string>();
  readonly #parts = new Map<string, string>();

  constructor(of: RedisKeys) {
    this.#of = of;
  }

  /** Adds a wish. */
  want(want: Want) {
    const start = this.args.push("");
    this.#want(this.args, want);
    this.args[start - 1] = String(this.args.length - start);
  }

  /** Adds a commit. */
  commit(commit: Commit) {
    const { args } = this;
    const start = args.push("", "");
    this.#checks(commit);
    this.#removals(commit);
    this.#sets(commit);
    for (const { name, by } of commit.counts ?? []) args.push("i", this.#counters, name, `${by}`);
    args[start - 2] = String(args.length - start);
    const wish: string[] = [];
    if (commit.orElse !== undefined) this.#want(wish, commit.orElse);
    args[start - 1] = JSON.stringify(wish);
  }

  #checks({ checks, counts = [] }: Commit) {
    for (const [[part, name], version] of checks) {
      if (version === null) this.args.push("n", this.#rows(part), name);
      else this.args.push("v", this.#rows(part), name, version + END_OF_VERSION);
    }
    for (const [index, { name, by, most }] of counts.entries()) {
      if (most === undefined || most === Infinity || by <= 0) continue;
      this.args.push("f", this.#counters, name, `${by}`, `${most}`, `${index}`);
    }
  }

  #removals({ deletes = [], drop, copy }: Commit) {
    for (const [part, names] of runs(deletes)) {
      this.args.push("d", this.#rows(part), this.#order(part), `${names.length}`, ...names);
    }
    if (drop !== undefined) this.args.push("u", this.#rows(drop), this.#orderOrRows(drop));
    if (copy === undefined) return;
    const { from, to } = copy;
    this.args.push("k", this.#rows(from), this.#orderOrRows(from));
    this.args.push(this.#rows(to), this.#orderOrRows(to));
  }

  #sets({ mark, sets = [] }: Commit) {
    const version = mark + END_OF_VERSION;
    for (let index = 0; index < sets.length;) {
      const [[part, name], text] = sets[index]!;
      const end = endOfRun(sets, index);
      const order = this.#order(part);
      if (end - index > 1) {
        this.args.push("m", this.#rows(part), order, `${2 * (end - index)}`);
        for (; index < end; index++) {
          const [[, name], text] = sets[index]!;
          this.args.push(name, version + text);
        }
      } else {
        if (order === "0") this.args.push("s", this.#rows(part), name, version + text);
        else this.args.push("S", this.#rows(part), order, name, version + text);
        index++;
      }
    }
  }

  #want(args: string[], { at = [], page, counts = [] }: Want) {
    for (const [part, names] of runs(at)) {
      if (names.length === 1) args.push("g", this.#rows(part), names[0]!);
      else args.push("m", this.#rows(part), `${names.length}`, ...names);
    }
    if (page !== undefined) this.#page(args, page);
    if (counts.length > 0) args.push("c", this.#counters, `${counts.length}`, ...counts);
  }

  #page(args: string[], { part, prefix = "", after, limit }: RowPage) {
    const order = this.#order(part);
    if (order === "0") throw new TypeError("A part without an order cannot be read in pages");
    const isAfterPrefix = after !== undefined && compareUtf8(after, prefix) >= 0;
    const min = isAfterPrefix ? `(${after}` : `[${prefix}`;
    args.push("p", this.#rows(part), order, min, prefix, `${limit}`);
  }

  get #counters(): string {
    return this.#key(this.#of.counters);
  }

  /** The index of a part's rows. */
  #rows(part: string): string {
    const known = this.#parts.get(part);
    if (known !== undefined) return known;
    const index = this.#key(this.#of.rows(part));
    this.#parts.set(part, index);
    return index;
  }

  #order(part: string): string {
    const key = this.#of.order(part);
    return key === undefined ? "0" : this.#key(key);
  }

  /** For commands to which a key that is named twice does no harm. */
  #orderOrRows(part: string): string {
    const order = this.#order(part);
    return order === "0" ? this.#rows(part) : order;
  }

  #key(key: string): string {
    let index = this.#indexes.get(key);
    if (index === undefined) {
      index = String(this.keys.push(key));
      this.#indexes.set(key, index);
    }
    return index;
  }
}

/** Names one after the other that are of one part. */
function* runs(places: readonly At[]): Generator<[part: string, names: string[]]> {
  for (let index = 0; index < places.length;) {
    const [part, name] = places[index++]!;
    const names = [name];
    for (; places[index]?.[0] === part && names.length < MAX_RUN; index++) {
      names.push(places[index]![1]);
    }
    yield [part, names];
  }
}

function endOfRun(sets: NonNullable<Commit["sets"]>, start: number): number {
  const part = sets[start]![0][0];
  let end = start + 1;
  while (sets[end]?.[0][0] === part && end - start < MAX_RUN) end++;
  return end;
}

/** A snapshot as the scripts give it. */
export type RedisSnapshot = readonly [
  rows: readonly (string | null)[],
  names: readonly string[],
  texts: readonly (string | null)[],
  counts: readonly (string | null)[],
];

export function snapshotOf([rows, names, texts, counts]: RedisSnapshot): Snapshot {
  return {
    at: rows.map((text) => text === null ? undefined : rowOf(text)),
    // Redis may have evicted the rows of a part, and not their order, if it is allowed to.
    page: names.flatMap((name, index) => {
      const text = texts[index] ?? null;
      return text === null ? [] : [[name, rowOf(text)] as const];
    }),
    counts: counts.map((count) => Number(count ?? 0)),
  };
}

function rowOf(stored: string): Row {
  const end = stored.indexOf(END_OF_VERSION);
  if (end === -1) {
    throw new StoreError(
      "corrupt",
      "A row in Redis is damaged: another program has written to the keys of this store",
    );
  }
  return { version: stored.slice(0, end), text: stored.slice(end + END_OF_VERSION.length) };
}
