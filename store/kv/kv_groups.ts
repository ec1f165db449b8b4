/**
 * Groups of commits: small ones that wait at the same moment go to KV as one.
 *
 * @module
 */

/** A commit as KV takes it. */
export interface KvCommit {
  readonly checks: readonly Deno.AtomicCheck[];
  readonly write: (atomic: Deno.AtomicOperation) => void;
  /** Of a small one, which may go together with others of other rows. */
  readonly small?: Small | undefined;
}

interface Small {
  readonly rows: readonly string[];
  readonly keys: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

interface Waiting {
  readonly commit: KvCommit;
  readonly resolve: (version: string | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Well within the 1,000 mutations, 80 KiB of keys and 800 KiB in all that a commit takes. */
const MAX_KEYS = 800;
const MAX_KEY_BYTES = 64 * 1024;
const MAX_VALUE_BYTES = 512 * 1024;
/** A large group that lost is made in smaller ones first. */
const FEW = 4;
/** While so many are under way, others wait for them, but no longer than this. */
const AT_ONCE = 2;
const LONGEST_WAIT_MS = 20;

export class KvGroups {
  readonly #make: (commit: KvCommit) => Promise<string | undefined>;
  readonly #maxChecks: number;
  #waiting: Waiting[] = [];
  /** Those under way since the last time that waiting took too long: the others may hang for ever. */
  readonly #running = new Set<readonly Waiting[]>();
  #isScheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `make` makes a commit with at most `maxChecks`, and gives its version; `undefined` if one failed. */
  constructor(make: (commit: KvCommit) => Promise<string | undefined>, maxChecks: number) {
    this.#make = make;
    this.#maxChecks = maxChecks;
  }

  add(commit: KvCommit): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ commit, resolve, reject });
      this.#schedule();
    });
  }

  /** Later in this turn, so that all that is added now goes together. */
  #schedule() {
    if (this.#isScheduled) return;
    if (this.#running.size >= AT_ONCE) {
      this.#timer ??= setTimeout(() => {
        this.#running.clear();
        this.#runAll();
      }, LONGEST_WAIT_MS);
      return;
    }
    this.#isScheduled = true;
    queueMicrotask(() => this.#runAll());
  }

  #runAll() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isScheduled = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const group of groupsOf(waiting, this.#maxChecks)) void this.#run(group);
  }

  async #run(group: readonly Waiting[]) {
    this.#running.add(group);
    await this.#settle(group);
    this.#running.delete(group);
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** A lost race costs only its own commit. */
  async #settle(group: readonly Waiting[]): Promise<void> {
    try {
      const version = await this.#make(merged(group));
      if (version === undefined && group.length > 1) {
        const size = group.length > FEW ? FEW : 1;
        const parts: Promise<void>[] = [];
        for (let from = 0; from < group.length; from += size) {
          parts.push(this.#settle(group.slice(from, from + size)));
        }
        await Promise.all(parts);
      } else {
        for (const { resolve } of group) resolve(version);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}

function* groupsOf(waiting: readonly Waiting[], maxChecks: number): Generator<Waiting[]> {
  let group: Waiting[] = [];
  let [checks, keys, keyBytes, valueBytes] = [0, 0, 0, 0];
  const taken = new Set<string>();
  for (const each of waiting) {
    const { checks: { length }, small } = each.commit;
    const fits = small !== undefined && checks + length <= maxChecks &&
      keys + small.keys <= MAX_KEYS && keyBytes + small.keyBytes <= MAX_KEY_BYTES &&
      valueBytes + small.valueBytes <= MAX_VALUE_BYTES &&
      !small.rows.some((row) => taken.has(row));
    if (!fits && group.length > 0) {
      yield group;
      group = [];
      [checks, keys, keyBytes, valueBytes] = [0, 0, 0, 0];
      taken.clear();
    }
    group.push(each);
    checks += length;
    // Nothing goes together with one that is not small.
    keys += small?.keys ?? Infinity;
    keyBytes += small?.keyBytes ?? 0;
    valueBytes += small?.valueBytes ?? 0;
    for (const row of small?.rows ?? []) taken.add(row);
  }
  if (group.length > 0) yield group;
}

function merged(group: readonly Waiting[]): KvCommit {
  const [first] = group;
  if (group.length === 1) return first!.commit;
  return {
    checks: group.flatMap(({ commit }) => commit.checks),
    write(atomic) {
      for (const { commit } of group) commit.write(atomic);
    },
  };
}
