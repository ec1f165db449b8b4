/**
 * Rows in PostgreSQL. What waits at the same moment goes to it in one function call, which is a
 * transaction by itself: it takes one round trip and one fsync, and no connection is bound to it.
 *
 * @module
 */

import { Batches } from "../rows/batches.ts";
import { closedError } from "../errors.ts";
import { COMMIT_SQL, CommitCall, groupsOf, needsRead, type Numbered } from "./commit_batch.ts";
import { postgresError, TIMEOUT_IN_QUEUE } from "./postgres_errors.ts";
import { READ_SQL, readArguments, snapshotsOf } from "./read_batch.ts";
import { StoreError } from "../session_store.ts";
import type { PostgresPool } from "./postgres_pool.ts";
import {
  type Commit,
  type Committed,
  NO_CHANGE,
  type Rows,
  type Snapshot,
  type Want,
} from "../rows/rows.ts";

/** More at once wait for each other in PostgreSQL, and make batches smaller. */
const COMMITS = { most: 128, atOnce: 2 };
const READS = { most: 128, atOnce: 2 };

/** Texts, whatever parsers the pool has. */
const AS_THEY_COME = { getTypeParser: () => (text: string) => text };

export interface PostgresRowsOptions {
  /** The database, as it begins a sentence. */
  readonly name: string;
  readonly namespace: string;
  /** The timeout of a function call, in milliseconds, after which its connection is given up. */
  readonly timeoutMs: number;
  /** Makes what is missing, before the first call; again before the next one if it rejects. */
  readonly prepare?: () => Promise<void>;
  /** Closes what belongs to these rows. */
  readonly close: () => Promise<void>;
}

/** What waits, and until when. */
interface Waiting<T> {
  readonly item: T;
  readonly deadline: number;
}

export class PostgresRows implements Rows {
  readonly #pool: PostgresPool;
  readonly #options: PostgresRowsOptions;
  readonly #namespace: string;
  readonly #commits: Batches<Waiting<Commit>, Committed>;
  readonly #reads: Batches<Waiting<Want>, Snapshot>;
  readonly #running = new Set<Promise<unknown>>();
  #preparing: Promise<void> | undefined;
  #isPrepared: boolean;
  /** Prepared statements take a third less of the server's time. */
  #isNamed = true;
  #closing: Promise<void> | undefined;

  /** Makes rows of an open pool or client. */
  constructor(pool: PostgresPool, options: PostgresRowsOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#isPrepared = options.prepare === undefined;
    const { namespace } = options;
    this.#namespace = namespacePrefix(namespace);
    this.#commits = new Batches(
      (batch) => this.#inTime(batch, (some) => this.#commit(some)),
      COMMITS,
    );
    this.#reads = new Batches((batch) => this.#inTime(batch, (some) => this.#read(some)), READS);
  }

  read(want: Want): Promise<Snapshot> {
    return this.#run(() => this.#reads.add(this.#wait(want)));
  }

  commit(commit: Commit): Promise<Committed> {
    return this.#run(() => this.#commits.add(this.#wait(commit)));
  }

  async checkWritable(): Promise<void> {
    await this.commit(NO_CHANGE);
  }

  close(): Promise<void> {
    return this.#closing ??= (async () => {
      await Promise.allSettled(this.#running);
      await this.#options.close();
    })();
  }

  #wait<T>(item: T): Waiting<T> {
    return { item, deadline: performance.now() + this.#options.timeoutMs };
  }

  async #run<T>(start: () => Promise<T>): Promise<T> {
    if (this.#closing) throw closedError();
    const running = this.#isPrepared ? start() : this.#prepared().then(start);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #prepared(): Promise<void> {
    const preparing = this.#preparing ??= this.#options.prepare?.();
    try {
      await preparing;
      this.#isPrepared = true;
    } catch (error) {
      if (this.#preparing === preparing) this.#preparing = undefined;
      throw error;
    }
  }

  async #read(wants: readonly Want[]): Promise<Snapshot[]> {
    const rows = await this.#query(READ_SQL, readArguments(wants, this.#namespace));
    return snapshotsOf(wants, rows);
  }

  async #commit(commits: readonly Commit[]): Promise<(Committed | Error)[]> {
    const results: (Committed | Error)[] = [];
    for (const group of groupsOf(commits, this.#namespace)) {
      for (const [index, result] of (await this.#commitGroup(group)).entries()) {
        results[group[index]!.number] = result;
      }
    }
    return results;
  }

  async #commitGroup(group: readonly Numbered[]): Promise<(Committed | Error)[]> {
    try {
      return await this.#commitAll(group);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // What one of them is refused for must not cost the others.
      const isOnes = error.code === "too_large" || error.code === "corrupt";
      if (!isOnes || group.length === 1) return group.map(() => error);
      const results = [];
      for (const one of group) results.push(...await this.#commitGroup([one]));
      return results;
    }
  }

  async #commitAll(group: readonly Numbered[]): Promise<Committed[]> {
    const call = new CommitCall(group, this.#namespace);
    const outcomes = call.outcomes(await this.#query(COMMIT_SQL, call.arguments()));
    for (const [index, { commit }] of group.entries()) {
      if (outcomes[index]?.kind !== "lost" || !needsRead(commit)) continue;
      const snapshot = await this.#reads.add(this.#wait(commit.orElse!));
      outcomes[index] = { kind: "lost", snapshot };
    }
    return outcomes;
  }

  /** Makes one call. A connection that does not answer in time is not used again. */
  async #query(text: string, values: unknown[]): Promise<readonly unknown[]> {
    const name = this.#isNamed ? nameOf(text) : undefined;
    try {
      return await this.#send(text, values, name);
    } catch (error) {
      if (name === undefined || !isNotPrepared(error)) {
        throw postgresError(this.#options.name, error);
      }
    }
    this.#isNamed = false;
    return await this.#query(text, values);
  }

  async #send(
    text: string,
    values: unknown[],
    name: string | undefined,
  ): Promise<readonly unknown[]> {
    const { rows } = await this.#pool.query({
      text,
      values,
      ...(name === undefined ? {} : { name }),
      rowMode: "array",
      types: AS_THEY_COME,
      query_timeout: this.#options.timeoutMs,
    });
    return rows;
  }

  /** Runs those of a batch that have not waited too long: nobody waits for the others any more. */
  async #inTime<T, R>(
    batch: readonly Waiting<T>[],
    run: (items: readonly T[]) => Promise<readonly (R | Error)[]>,
  ): Promise<(R | Error)[]> {
    const now = performance.now();
    const fresh = batch.filter(({ deadline }) => deadline > now);
    const results = fresh.length === 0 ? [] : await run(fresh.map(({ item }) => item));
    let next = 0;
    return batch.map(({ deadline }) => {
      return deadline > now
        ? results[next++]!
        : postgresError(this.#options.name, new Error(TIMEOUT_IN_QUEUE));
    });
  }
}

/** Begins the names of all parts and counters: its length first, so that none begins another. */
export function namespacePrefix(namespace: string): string {
  return String.fromCharCode(namespace.length) + namespace;
}

/** The name of a function, with its version, is that of its prepared statement. */
function nameOf(text: string): string {
  return /mcp_sessions\.\w+/.exec(text)?.[0] ?? text;
}

/**
 * Whether a prepared statement was not there, or was already, so that nothing was done: behind a pooler
 * in transaction mode that knows none, each call may have another connection.
 */
function isNotPrepared(error: unknown): boolean {
  const code: unknown = Reflect.get(Object(error), "code");
  return code === "26000" || code === "42P05";
}
