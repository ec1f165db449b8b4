/**
 * Rows in an SQLite database. What waits at the same moment goes into one transaction, with one fsync.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import { Batches } from "../rows/batches.ts";
import { closedError } from "../errors.ts";
import {
  type Commit,
  type Committed,
  NO_CHANGE,
  type Rows,
  type Snapshot,
  type Want,
} from "../rows/rows.ts";
import { sqliteError } from "./sqlite_error.ts";
import type { Table } from "./table.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";

/** The most commits of one transaction. */
const MAX_BATCH = 128;
/** The driver holds up all else. After this time, further commits and reads wait until that had its turn. */
const COMMITS_MS = 20;
const READS_MS = 2;

export class SqliteRows implements Rows {
  readonly #connection: Connection;
  readonly #commits: Batches<Commit, Committed>;
  readonly #running = new Set<Promise<unknown>>();
  /** The time that reads have taken since others had their turn. */
  #readMs = 0;
  #closing: Promise<void> | undefined;

  constructor(database: DatabaseSync, options: ConnectionOptions) {
    this.#connection = new Connection(database, options);
    this.#commits = new Batches((commits) => this.#commitAll(commits), { most: MAX_BATCH });
  }

  read(want: Want): Promise<Snapshot> {
    return this.#run(async () => {
      if (this.#readMs > READS_MS) await this.#nextTurn();
      return await this.#connection.read((table) => this.#timed(() => table.snapshot(want)));
    });
  }

  commit(commit: Commit): Promise<Committed> {
    return this.#run(() => this.#commits.add(commit));
  }

  async checkWritable(): Promise<void> {
    await this.commit(NO_CHANGE);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close() {
    await Promise.allSettled(this.#running);
    this.#connection.close();
  }

  async #run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#closing) throw closedError();
    const running = action();
    this.#running.add(running);
    try {
      return await running;
    } catch (cause) {
      throw sqliteError(this.#connection.place, cause);
    } finally {
      this.#running.delete(running);
    }
  }

  async #commitAll(commits: readonly Commit[]): Promise<(Committed | Error)[]> {
    const results: (Committed | Error)[] = [];
    try {
      while (results.length < commits.length) {
        // All else has its turn between two transactions, and what it commits waits together.
        await this.#nextTurn();
        results.push(...await this.#commitSome(commits.slice(results.length)));
      }
    } catch (cause) {
      const error = sqliteError(this.#connection.place, cause);
      while (results.length < commits.length) results.push(error);
    }
    return results;
  }

  async #nextTurn() {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#readMs = 0;
  }

  #timed<T>(action: () => T): T {
    const start = performance.now();
    try {
      return action();
    } finally {
      this.#readMs += performance.now() - start;
    }
  }

  /** Commits as many as one transaction has time for, at least one. */
  #commitSome(commits: readonly Commit[]): Promise<Committed[]> {
    const isDurable = commits.some(({ durable = true }) => durable);
    return this.#connection.write({ isDurable }, (table) => {
      const end = performance.now() + COMMITS_MS;
      const results: Committed[] = [];
      do {
        results.push(commitOne(table, commits[results.length]!));
      } while (results.length < commits.length && performance.now() < end);
      return results;
    });
  }
}

function commitOne(table: Table, commit: Commit): Committed {
  const { checks, sets = [], deletes = [], counts = [], drop, copy, orElse = {} } = commit;
  if (checks.some(([at, version]) => table.version(at) !== version)) {
    return { kind: "lost", snapshot: table.snapshot(orElse) };
  }
  const full = counts.find(({ name, by, most = Infinity }) =>
    by > 0 && table.count(name) + by > most
  );
  if (full !== undefined) return { kind: "full", counter: full.name };
  const version = commit.mark;
  if (copy !== undefined) table.copy(copy.from, copy.to, version);
  if (drop !== undefined) table.drop(drop);
  for (const at of deletes) table.delete(at);
  for (const [at, text] of sets) table.set(at, text, version);
  for (const change of counts) table.addCount(change);
  return { kind: "made", version };
}
