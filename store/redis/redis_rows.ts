/**
 * Rows in Redis.
 *
 * @module
 */

import { closedError } from "../errors.ts";
import { Batches } from "../rows/batches.ts";
import {
  type Commit,
  type Committed,
  NO_CHANGE,
  type Rows,
  type Snapshot,
  type Want,
} from "../rows/rows.ts";
import type { RedisConnection } from "./connection.ts";
import { type RedisSnapshot, ScriptArguments, snapshotOf } from "./encoding.ts";
import { redisError } from "./errors.ts";
import { RedisKeys } from "./keys.ts";
import { COMMIT_SCRIPT, READ_SCRIPT } from "./scripts.ts";

/** The most requests of one run of a script: others wait while Redis runs it. */
const MOST_AT_ONCE = 128;

/** Runs of a script under way: Redis works on one while this process prepares the next. */
const AT_ONCE = 2;

/** Why a commit was not made: a failed check, or the index of a counter that is full. */
type Refusal = RedisSnapshot | number;

export interface RedisRowsOptions {
  readonly namespace: string;
  /** The first letters of parts that are never read in pages. @default "" */
  readonly unordered?: string | undefined;
}

/** Each part is a hash, and a sorted set of its names; what waits at the same moment goes in one script. */
export class RedisRows implements Rows {
  readonly #connection: RedisConnection;
  readonly #keys: RedisKeys;
  readonly #reads: Batches<Want, RedisSnapshot>;
  readonly #accepted = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;
  readonly #commits: Batches<Commit, Refusal | undefined>;

  constructor(connection: RedisConnection, { namespace, unordered = "" }: RedisRowsOptions) {
    this.#connection = connection;
    this.#keys = new RedisKeys(namespace, unordered);
    const options = {
      most: MOST_AT_ONCE,
      atOnce: AT_ONCE,
    };
    this.#reads = new Batches((wants) => this.#read(wants), options);
    this.#commits = new Batches((commits) => this.#commit(commits), options);
  }

  async read(want: Want): Promise<Snapshot> {
    return snapshotOf(await this.#accept(() => this.#reads.add(want)));
  }

  async commit(commit: Commit): Promise<Committed> {
    const refusal = await this.#accept(() => this.#commits.add(commit));
    if (refusal === undefined) return { kind: "made", version: commit.mark };
    if (typeof refusal === "number") {
      return { kind: "full", counter: commit.counts![refusal]!.name };
    }
    return { kind: "lost", snapshot: snapshotOf(refusal) };
  }

  async checkWritable(): Promise<void> {
    await this.commit(NO_CHANGE);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close() {
    await Promise.allSettled(this.#accepted);
    this.#connection.close();
  }

  async #accept<T>(add: () => Promise<T>): Promise<T> {
    if (this.#closing) throw closedError();
    const accepted = add();
    this.#accepted.add(accepted);
    try {
      return await accepted;
    } finally {
      this.#accepted.delete(accepted);
    }
  }

  async #read(wants: readonly Want[]): Promise<(RedisSnapshot | Error)[]> {
    const args = new ScriptArguments(this.#keys);
    for (const want of wants) args.want(want);
    const answers = await this.#connection.run(READ_SCRIPT, args) as (RedisSnapshot | string)[];
    return answers.map(orError);
  }

  async #commit(commits: readonly Commit[]): Promise<(Refusal | undefined | Error)[]> {
    const args = new ScriptArguments(this.#keys);
    for (const commit of commits) args.commit(commit);
    const refusals = await this.#connection.run(COMMIT_SCRIPT, args) as (Refusal | string)[];
    const results = new Array<Refusal | undefined | Error>(commits.length).fill(undefined);
    for (let index = 0; index < refusals.length; index += 2) {
      results[Number(refusals[index]) - 1] = orError(refusals[index + 1]!);
    }
    return results;
  }
}

/** What a script answered for one of its requests, where a text is that of an error. */
function orError<T>(answer: T | string): T | Error {
  return typeof answer === "string" ? redisError(new Error(answer)) : answer;
}
