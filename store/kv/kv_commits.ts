/**
 * Idempotent commits to Deno KV: each is made once, also if Deno sends it again.
 *
 * @module
 */

import { randomHex } from "../../runtime/random_hex.ts";
import { kvError } from "./kv_error.ts";
import { isInFile, MAX_CHECKS, MAX_CHECKS_IN_FILE } from "./kv_limits.ts";
import { type KvCommit, KvGroups } from "./kv_groups.ts";
import type { KvKeys } from "./kv_keys.ts";

/** A row for the marks of commits that are made one after the other. */
interface Slot {
  readonly key: Deno.KvKey;
  version: string | null;
}

type Mark = readonly [time: number, number: number];

/** The age of a mark whose process has ended, or can do without it. */
const LEFT_MS = 24 * 60 * 60 * 1000;
const SWEPT_AT_ONCE = 500;

/**
 * Deno sends a commit to a remote KV again when its answer did not come, though it may have been made:
 * then its checks fail, or a sum is added twice. So each writes a mark, and checks the one that it
 * replaces. A commit whose own mark is there has been made. None is needed for a KV in a file.
 */
export class KvCommits {
  readonly #kv: Deno.Kv;
  readonly #keys: KvKeys;
  readonly #now: () => number;
  /** Unique to these rows of this process. */
  readonly #name = randomHex(8);
  readonly #isInFile: boolean;
  readonly #groups: KvGroups;
  readonly #free: Slot[] = [];
  #slots = 0;
  #commits = 0;

  constructor(kv: Deno.Kv, keys: KvKeys, now: () => number) {
    this.#kv = kv;
    this.#keys = keys;
    this.#now = now;
    this.#isInFile = isInFile(kv);
    const maxChecks = this.#isInFile ? MAX_CHECKS_IN_FILE : MAX_CHECKS - 1;
    this.#groups = new KvGroups((commit) => this.#make(commit), maxChecks);
  }

  /** Makes a commit. @returns Its version; `undefined` if a check failed. */
  make(commit: KvCommit): Promise<string | undefined> {
    return commit.small === undefined ? this.#make(commit) : this.#groups.add(commit);
  }

  async #make(commit: KvCommit): Promise<string | undefined> {
    if (!this.#isInFile) return await this.#makeMarked(commit);
    const result = await this.#atomic(commit).commit();
    return result.ok ? result.versionstamp : undefined;
  }

  #atomic({ checks, write }: KvCommit): Deno.AtomicOperation {
    const atomic = this.#kv.atomic();
    for (const { key, versionstamp } of checks) atomic.check({ key, versionstamp });
    write(atomic);
    return atomic;
  }

  async #makeMarked(commit: KvCommit): Promise<string | undefined> {
    const slot = this.#free.pop() ??
      { key: this.#keys.mark(this.#name, this.#slots++), version: null };
    const number = ++this.#commits;
    const mark: Mark = [this.#now(), number];
    for (;;) {
      const { key, version: before } = slot;
      const atomic = this.#atomic(commit).check({ key, versionstamp: before }).set(key, mark);
      let result: Deno.KvCommitResult | Deno.KvCommitError;
      try {
        result = await atomic.commit();
      } catch (error) {
        // A slot whose last commit may still be made is of no more use.
        if (kvError(error).code === "locked") this.#free.push(slot);
        throw error;
      }
      if (result.ok) {
        slot.version = result.versionstamp;
        this.#free.push(slot);
        return slot.version;
      }
      const found = await this.#kv.get<Mark>(key);
      slot.version = found.versionstamp;
      const isMade = found.versionstamp !== null && found.value[1] === number;
      // If others have swept the mark, it was that check that failed.
      if (!isMade && slot.version !== before) continue;
      this.#free.push(slot);
      return isMade ? found.versionstamp : undefined;
    }
  }

  /** Removes the marks of these rows, which make no more commits. */
  async clear(): Promise<void> {
    const prefix = this.#keys.marks(this.#name);
    if (this.#commits === 0) return;
    const marks = this.#kv.list({ prefix }, { limit: SWEPT_AT_ONCE, batchSize: SWEPT_AT_ONCE });
    const atomic = this.#kv.atomic();
    for await (const { key } of marks) atomic.delete(key);
    await atomic.commit();
  }

  /** Removes marks that killed processes have left, among some of all. */
  async sweep(): Promise<void> {
    const now = this.#now();
    const prefix = this.#keys.marks();
    const selector = { prefix, start: [...prefix, randomHex(8)] };
    const options = { limit: SWEPT_AT_ONCE, batchSize: SWEPT_AT_ONCE };
    for await (const entry of this.#kv.list<Mark>(selector, options)) {
      const { key, value: [time] } = entry;
      if (Math.abs(now - time) < LEFT_MS) continue;
      await this.#kv.atomic().check(entry).delete(key).commit();
    }
  }
}
