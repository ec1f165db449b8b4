/**
 * Rows in Deno KV.
 *
 * @module
 */

import { within } from "../../runtime/time_limit.ts";
import { decodeText, encodeText, KvKeys, lastText } from "./kv_keys.ts";
import { KvCommits } from "./kv_commits.ts";
import { MAX_CHECKS, MAX_KEYS_READ } from "./kv_limits.ts";
import type { KvCommit } from "./kv_groups.ts";
import { smallOf } from "./kv_small.ts";
import { kvError } from "./kv_error.ts";
import { LIST_BATCH } from "./kv_batch.ts";
import { KvParts, type KvWrites } from "./kv_parts.ts";
import type { At, Commit, Committed, Row, RowPage, Rows, Snapshot, Want } from "../rows/rows.ts";
import { closedError } from "../errors.ts";
import { StoreError } from "../session_store.ts";

export interface KvRowsOptions {
  /** The server's name: rows of other names in the same KV are not seen. */
  readonly namespace: string;
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** The longest that closing waits for what goes on behind commits, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
  /** Whether closing closes the KV. @default false */
  readonly closesKv?: boolean | undefined;
  /** The part that begins with a row that is not there yet, if one does. It may have been dropped before. */
  readonly begins?: ((at: At) => string | undefined) | undefined;
}

/** Attempts to read more keys than that while others write. */
const READS = 5;
/** Those of a commit's mark and of a part. */
const MAX_OWN_CHECKS = 2;
const SWEEP_MS = 60_000;
const VERSION = /^[0-9a-f]{20}$/;
/** One that no row has. */
const NO_VERSION = "0".repeat(20);

/** Rows whose versions are KV's versionstamps. */
export class KvRows implements Rows {
  readonly keys: KvKeys;
  readonly parts: KvParts;
  readonly #commits: KvCommits;
  readonly #kv: Deno.Kv;
  readonly #now: () => number;
  readonly #timeoutMs: number;
  readonly #closesKv: boolean;
  readonly #begins: (at: At) => string | undefined;
  readonly #background = new Set<Promise<void>>();
  readonly #running = new Set<Promise<unknown>>();
  #lastStart = 0;
  #sweptAt: number | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    kv: Deno.Kv,
    { namespace, now = Date.now, timeoutMs = 10_000, closesKv = false, begins = () => undefined }:
      KvRowsOptions,
  ) {
    this.#kv = kv;
    this.#now = now;
    this.#timeoutMs = timeoutMs;
    this.#closesKv = closesKv;
    this.keys = new KvKeys(namespace);
    this.parts = new KvParts(kv, this.keys, now);
    this.#commits = new KvCommits(kv, this.keys, now);
    this.#begins = begins;
  }

  async read(want: Want): Promise<Snapshot> {
    return await this.#run(this.#read(want));
  }

  async commit(commit: Commit): Promise<Committed> {
    return await this.commitWith(commit, []);
  }

  async checkWritable(): Promise<void> {
    this.#checkOpen();
    // KV writes for each commit that is made, so this one is not: whether others have a file's lock stays unseen.
    const check = { key: this.keys.row(["", ""]), versionstamp: NO_VERSION };
    await this.#run(this.#kv.atomic().check(check).commit());
  }

  /** Makes a commit with more writes than those of rows. */
  async commitWith(commit: Commit, writes: readonly KvWrites[]): Promise<Committed> {
    return await this.#run(this.#commit(commit, writes));
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close() {
    await within(this.#left(), Promise.allSettled(this.#running));
    // What goes on in the background begins with what was running.
    await within(this.#left(), Promise.allSettled(this.#background));
    await within(this.#left(), this.#commits.clear().catch(() => {}));
    if (this.#closesKv) this.#kv.close();
  }

  /** The time that the last work may still take: nobody waits for more of it. */
  #left(): number {
    return Math.max(0, this.#lastStart + this.#timeoutMs - performance.now());
  }

  async #run<T>(work: Promise<T>): Promise<T> {
    this.#lastStart = performance.now();
    this.#running.add(work);
    try {
      return await work;
    } catch (error) {
      throw kvError(error);
    } finally {
      this.#running.delete(work);
    }
  }

  async #read(want: Want): Promise<Snapshot> {
    this.#checkOpen();
    return await this.#snapshot(want);
  }

  async #snapshot({ at = [], page, counts = [] }: Want): Promise<Snapshot> {
    const rows = page === undefined ? [] : await this.#page(page);
    const keys = [
      ...at.map((each) => this.keys.row(each)),
      ...counts.map((name) => this.keys.counter(name)),
    ];
    const entries = await this.#entries(keys);
    return {
      at: entries.slice(0, at.length).map(rowIn),
      page: rows,
      counts: entries.slice(at.length).map(countIn),
    };
  }

  async #page(page: RowPage): Promise<[name: string, row: Row][]> {
    const selector = page.limit === 0 ? undefined : this.keys.page(page);
    if (selector === undefined) return [];
    const { limit } = page;
    const options = { limit, batchSize: Math.min(limit, LIST_BATCH) };
    const rows: [string, Row][] = [];
    for await (const entry of this.#kv.list<Uint8Array>(selector, options)) {
      rows.push([lastText(entry.key), rowIn(entry)!]);
    }
    return rows;
  }

  /**
   * The first key guards the others: a session's record is written with all its values. So it is read
   * with each of them, and must be the same.
   */
  async #entries(keys: readonly Deno.KvKey[]): Promise<Deno.KvEntryMaybe<unknown>[]> {
    const [guard, ...others] = keys;
    if (guard === undefined) return [];
    for (let reads = 0; reads < READS; reads++) {
      const chunks: Promise<Deno.KvEntryMaybe<unknown>[]>[] = [];
      for (let from = 0; from === 0 || from < others.length; from += MAX_KEYS_READ - 1) {
        const some = others.slice(from, from + MAX_KEYS_READ - 1);
        chunks.push(this.#kv.getMany<unknown[]>([guard, ...some]));
      }
      const found = await Promise.all(chunks);
      const first = found[0]![0]!;
      if (found.every(([entry]) => entry?.versionstamp === first.versionstamp)) {
        return [first, ...found.flatMap((chunk) => chunk.slice(1))];
      }
    }
    throw new StoreError("locked", "Others changed what was read each time: try again");
  }

  async #commit(commit: Commit, more: readonly KvWrites[]): Promise<Committed> {
    const { checks, copy, drop, orElse = {} } = commit;
    this.#checkOpen();
    const lost = async (): Promise<Committed> => ({
      kind: "lost",
      snapshot: await this.#snapshot(orElse),
    });
    // KV throws if it is asked for a version that it cannot have.
    if (checks.some(([, version]) => version !== null && !VERSION.test(version))) {
      return await lost();
    }
    const { full, gone } = await this.#counters(commit);
    if (full !== undefined) {
      return await this.#hold(checks) ? { kind: "full", counter: full } : await lost();
    }
    const writes = [...more];
    if (copy !== undefined) {
      writes.push(await this.parts.copy(this.keys.part(copy.from), copy.to));
    }
    if (drop !== undefined) writes.push(await this.parts.drop(drop, checks.length > 0));
    // A copy looks after its part by itself.
    const begun = copy !== undefined || more.length > 0
      ? []
      : checks.flatMap(([at, version]) => version === null ? this.#begins(at) ?? [] : []);
    // What was dropped under the same name must be gone before.
    if (begun.length > 0) writes.push({ checks: begun.map((part) => this.parts.absent(part)) });
    let version = await this.#make(commit, writes, gone);
    if (version === undefined && begun.length > 0 && await this.parts.clearEach(begun)) {
      version = await this.#make(commit, writes, gone);
    }
    if (version !== undefined) {
      for (const { made } of writes) if (made) this.#inBackground(made(version));
      this.#sweepSometimes();
      return { kind: "made", version };
    }
    for (const { lost } of writes) if (lost) this.#inBackground(lost());
    return await lost();
  }

  async #make(
    commit: Commit,
    writes: readonly KvWrites[],
    gone: ReadonlyMap<string, Deno.AtomicCheck>,
  ): Promise<string | undefined> {
    const version = await this.#commits.make(this.#kvCommit(commit, writes, gone));
    if (version !== undefined || gone.size === 0) return version;
    // A sum does not lose a race: a counter that has changed just now stays, even at 0.
    return await this.#commits.make(this.#kvCommit(commit, writes, NONE));
  }

  #kvCommit(
    { checks, sets = [], deletes = [], counts = [] }: Commit,
    writes: readonly KvWrites[],
    gone: ReadonlyMap<string, Deno.AtomicCheck>,
  ): KvCommit {
    return {
      // Two that both bring a counter to 0 cannot be right.
      small: gone.size > 0 ? undefined : smallOf({ checks, sets, deletes }, writes),
      checks: [
        ...checks.map(([at, versionstamp]) => ({ key: this.keys.row(at), versionstamp })),
        ...gone.values(),
        ...writes.flatMap(({ checks = [] }) => checks),
      ],
      write: (atomic) => {
        for (const [at, text] of sets) atomic.set(this.keys.row(at), encodeText(text));
        for (const at of deletes) atomic.delete(this.keys.row(at));
        for (const { name, by } of counts) {
          if (!gone.has(name)) atomic.sum(this.keys.counter(name), BigInt.asUintN(64, BigInt(by)));
        }
        for (const { key } of gone.values()) atomic.delete(key);
        for (const { sets = [], deletes = [], sums = [] } of writes) {
          for (const [key, by] of sums) atomic.sum(key, by);
          for (const [key, value] of sets) atomic.set(key, value);
          for (const key of deletes) atomic.delete(key);
        }
      },
    };
  }

  /** The first counter that would pass its `most`, or those that would be 0 and take no room. */
  async #counters(
    { checks, counts = [] }: Commit,
  ): Promise<{ full?: string; gone: ReadonlyMap<string, Deno.AtomicCheck> }> {
    const asked = counts.filter(({ by, most = Infinity }) => by < 0 || most < Infinity);
    const keys = asked.map(({ name }) => this.keys.counter(name));
    if (keys.length === 0) return { gone: NONE };
    const entries = await this.#entries(keys);
    const gone = new Map<string, Deno.AtomicCheck>();
    const room = MAX_CHECKS - MAX_OWN_CHECKS - checks.length;
    for (const [index, { name, by, most = Infinity }] of asked.entries()) {
      const entry = entries[index]!;
      const count = countIn(entry) + by;
      if (by > 0 && count > most) return { full: name, gone: NONE };
      if (count === 0 && entry.versionstamp !== null && gone.size < room) gone.set(name, entry);
    }
    return { gone };
  }

  async #hold(checks: Commit["checks"]): Promise<boolean> {
    const { at } = await this.#snapshot({ at: checks.map(([at]): At => at) });
    return checks.every(([, version], index) => (at[index]?.version ?? null) === version);
  }

  #checkOpen() {
    if (this.#closing) throw closedError();
  }

  /** What a killed process has left pending; the first commit looks, and one now and then. */
  #sweepSometimes() {
    const now = this.#now();
    if (this.#sweptAt !== undefined && Math.abs(now - this.#sweptAt) < SWEEP_MS) return;
    this.#sweptAt = now;
    this.#inBackground(this.parts.sweep());
    this.#inBackground(this.#commits.sweep());
  }

  #inBackground(work: Promise<void>) {
    this.#lastStart = performance.now();
    // What fails is swept later.
    const done = work.catch(() => {}).then(() => void this.#background.delete(done));
    this.#background.add(done);
  }
}

const NONE: ReadonlyMap<string, Deno.AtomicCheck> = new Map();

function rowIn({ value, versionstamp }: Deno.KvEntryMaybe<unknown>): Row | undefined {
  if (versionstamp === null) return undefined;
  if (!(value instanceof Uint8Array)) {
    throw new StoreError(
      "corrupt",
      "Deno KV has another value than a row's bytes: it was written by another program",
    );
  }
  return { text: decodeText(value), version: versionstamp };
}

/** The value of a counter. */
export function countIn({ value }: Deno.KvEntryMaybe<unknown>): number {
  return value instanceof Deno.KvU64 ? Number(BigInt.asIntN(64, value.value)) : 0;
}
