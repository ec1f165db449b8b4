/**
 * Inspects a file store beside those that use it: it reads along as the file grows, takes no lock, and
 * writes nothing.
 *
 * @module
 */

import { setImmediate } from "node:timers/promises";
import { Mutex } from "../../runtime/mutex.ts";
import { rethrow } from "../errors.ts";
import type { StoreInspector } from "../inspection.ts";
import { fileError, refuseOtherRuntimes, statIfAny } from "../journal/fs.ts";
import { corruptError } from "../journal/header.ts";
import { JournalError } from "../journal/journal_error.ts";
import { JournalReader } from "../journal/journal_reader.ts";
import { tailOf } from "../journal/torn_tail.ts";
import { TableInspector } from "../table/table_inspector.ts";
import { sessionStateMachine, type Tables } from "./state_machine.ts";

/**
 * Opens an inspector of the file at `path`.
 *
 * @throws {StoreError} `corrupt` if it is damaged, or another program's; `unavailable` if there is none, or
 * the system refuses it.
 */
export async function inspectFile(path: string, now: () => number): Promise<StoreInspector> {
  const follower = new FileFollower(path, now);
  const options = { tables: () => follower.tables(), now, close: () => follower.close() };
  try {
    await follower.tables();
  } catch (error) {
    await follower.close();
    throw error;
  }
  return new TableInspector(options);
}

class FileFollower {
  readonly #path: string;
  readonly #now: () => number;
  readonly #mutex = new Mutex();
  #reader: JournalReader<Tables> | undefined;
  /** What has not begun yet. */
  #next: Promise<Tables> | undefined;

  constructor(path: string, now: () => number) {
    this.#path = path;
    this.#now = now;
  }

  /** The tables of all complete lines. */
  tables(): Promise<Tables> {
    // All that ask before it begins share one.
    return this.#next ??= this.#mutex.run(() => {
      this.#next = undefined;
      return this.#catchUp();
    }).catch(rethrow);
  }

  async close(): Promise<void> {
    await this.#mutex.idle();
    this.#reader?.[Symbol.dispose]();
  }

  async #catchUp(): Promise<Tables> {
    refuseOtherRuntimes(this.#path);
    // Whoever reads in a loop must not hold up all else.
    await setImmediate();
    const named = statIfAny(this.#path);
    if (named === undefined) {
      throw new JournalError("unavailable", `There is no store at ${this.#path}: check the path`);
    }
    // Opening a pipe would wait for somebody who writes to it.
    if (!named.isFile) {
      throw new JournalError("unavailable", `Cannot read ${this.#path}: it is not a regular file`);
    }
    // A store that is made just now.
    if (named.size === 0) return new Map();
    const reader = this.#readerOf(named);
    const { size } = reader.file.statSync();
    for (const _ of reader.readTo(size)) await setImmediate();
    // What is being written just now, or was never acknowledged, is for a store that opens it.
    const tail = tailOf(reader, size);
    if (tail.kind === "damaged") throw corruptError(this.#path, tail.damage);
    return reader.state;
  }

  /** The reader of the file that has the path now: a server may have compacted it. */
  #readerOf(named: Deno.FileInfo): JournalReader<Tables> {
    const reader = this.#reader;
    if (reader?.isNamed(named) && named.size >= reader.offset) return reader;
    const opened = openReader(this.#path, this.#now);
    reader?.[Symbol.dispose]();
    return this.#reader = opened;
  }
}

function openReader(path: string, now: () => number): JournalReader<Tables> {
  let file: Deno.FsFile | undefined;
  try {
    file = Deno.openSync(path);
    return JournalReader.open(path, sessionStateMachine(now), file);
  } catch (cause) {
    file?.close();
    throw fileError(`Cannot read ${path}`, cause);
  }
}
