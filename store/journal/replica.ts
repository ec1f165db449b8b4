/**
 * One process's replica of a journal that many write: it catches up with the file under a mutex and
 * the file lock, and only then are lines appended.
 *
 * @module
 */

import { Mutex } from "../../runtime/mutex.ts";
import { setImmediate } from "node:timers/promises";
import { randomHex } from "../../runtime/random_hex.ts";
import { createJournalFile } from "./compaction.ts";
import { ownershipOf, setOwnership } from "./file_ownership.ts";
import { openSideFile } from "./side_files.ts";
import { fileError, type JournalFile, statIfAny, writeAll } from "./fs.ts";
import type { Folders } from "./folder.ts";
import { corruptError, encodeHeader } from "./header.ts";
import { FileLock, type FileLockOptions } from "./lock.ts";
import { SyncMarks } from "./sync_marks.ts";
import { tailOf } from "./torn_tail.ts";
import { JournalReader, type StateMachine } from "./journal_reader.ts";
import { JournalError } from "./journal_error.ts";

export interface ReplicaOptions extends FileLockOptions {
  readonly wrap: (file: Deno.FsFile) => JournalFile;
  readonly folders: Folders;
}

/** The most that a process reads while it holds the lock: what is more is read before. */
const BEHIND_BYTES = 1024 * 1024;

/** The mode of a file for one user alone: to restrict it to that needs no warning. */
const PRIVATE_MASK = 0o600;

/** The time for which a stat of the path is cached, in milliseconds. */
const STAT_CACHE_MS = 1;

export class Replica<S> {
  readonly #path: string;
  readonly #machine: StateMachine<S>;
  readonly #options: ReplicaOptions;
  readonly #lock: FileLock;
  #reader: JournalReader<S> | undefined;
  /** The reader of a file that replaced the other, until it has caught up. */
  #next: JournalReader<S> | undefined;
  /** The mutex within this process; the lock is one between processes. */
  readonly #mutex = new Mutex();
  /** The time of the last stat of the path for a read. */
  #statAt = -Infinity;
  #epoch = 0;
  /** The last failure to acquire the lock. */
  #lockFailure: { readonly at: number; readonly error: unknown } | undefined;

  constructor(path: string, machine: StateMachine<S>, options: ReplicaOptions) {
    this.#path = path;
    this.#machine = machine;
    this.#options = options;
    this.#lock = new FileLock(path, options);
  }

  get reader(): JournalReader<S> {
    if (this.#reader === undefined) throw new Error("The file was not read yet");
    return this.#reader;
  }

  /**
   * Whether all lines of the file are read. Lines of other processes are seen at once: a compacted file
   * is written to only after the lock's epoch has changed. A read may miss for a moment, while a stat is
   * cached, that the file was moved away; a write never does.
   */
  isCurrent(): boolean {
    const now = performance.now();
    const epoch = this.#lockEpoch();
    if (now - this.#statAt < STAT_CACHE_MS && epoch === this.#epoch) return this.reader.isRead();
    const named = this.#stat();
    this.#statAt = now;
    this.#epoch = epoch;
    return this.reader.isNamed(named) && named.size === this.reader.offset;
  }

  /** Runs `action` while no other process writes, with a reader that has caught up. */
  exclusive<T>(action: (reader: JournalReader<S>) => T | Promise<T>): Promise<T> {
    const asked = performance.now();
    return this.#mutex.run(() => {
      // All callers that waited meanwhile fail with the first: one by one, the last would wait for hours.
      const failure = this.#lockFailure;
      if (failure !== undefined && asked <= failure.at) throw failure.error;
      return this.#exclusive(action);
    });
  }

  /** Does the same unless another process holds the lock. @returns Whether `action` ran. */
  tryExclusive(action: (reader: JournalReader<S>) => void): Promise<boolean> {
    return this.#mutex.run(async () => {
      if (!this.#lock.isFree()) return false;
      await this.#exclusive(action);
      return true;
    });
  }

  /** Takes the bits outside the mask from the file's mode, and gives the lock the file's ownership. */
  restrictMode() {
    const { modeMask, warn } = this.#options;
    this.#lock.share();
    const { file } = this.reader;
    const wanted = ownershipOf(this.#path, modeMask);
    const mode = modeOf(file);
    if (wanted === undefined || (mode & ~modeMask) === 0) return;
    setOwnership(this.#path, file, wanted);
    const now = modeOf(file);
    if (now === mode) {
      warn(
        `Others can use ${this.#path}, and this user may not change that: whoever owns it must ` +
          `change its mode from ${octal(mode)} to ${octal(wanted.mode)}`,
      );
    } else if (modeMask !== PRIVATE_MASK) {
      warn(`Others could use ${this.#path}: its mode was ${octal(mode)}, and is ${octal(now)} now`);
    }
  }

  replace(reader: JournalReader<S>) {
    try {
      this.#lock.bumpEpoch();
    } catch {
      // Without a new epoch, others notice when their cached stat has ended.
      const never = new Int32Array(new SharedArrayBuffer(4));
      Atomics.wait(never, 0, 0, 3 * STAT_CACHE_MS);
    }
    this.#reader?.[Symbol.dispose]();
    this.#reader = reader;
  }

  async close() {
    await this.#mutex.idle();
    this.#reader?.[Symbol.dispose]();
    this.#next?.[Symbol.dispose]();
    this.#lock.close();
  }

  async #exclusive<T>(action: (reader: JournalReader<S>) => T | Promise<T>): Promise<T> {
    for (;;) {
      await this.#acquire();
      let behind: { readonly reader: JournalReader<S>; readonly end: number } | undefined;
      try {
        if (this.#isNew()) await this.#createJournalFile();
        behind = this.#catchUp();
        if (behind === undefined) {
          const result = action(this.reader);
          // To await what is no promise would only hold the lock for longer.
          return result instanceof Promise ? await result : result;
        }
      } finally {
        this.#lock.release();
      }
      // Far behind, as when opening: lines that were complete under the lock never change, so they are
      // read without it, and without blocking this process either.
      for (const _ of behind.reader.readTo(behind.end)) await setImmediate();
    }
  }

  async #acquire() {
    try {
      await this.#lock.acquire();
    } catch (error) {
      // If the whole folder is gone, #stat says so.
      if (this.#reader !== undefined) this.#stat();
      this.#lockFailure = { at: performance.now(), error };
      throw error;
    }
  }

  #lockEpoch(): number {
    try {
      return this.#lock.epoch;
    } catch (error) {
      // If the whole folder is gone, #stat says so.
      this.#stat();
      throw error;
    }
  }

  #isNew(): boolean {
    return this.#reader === undefined && this.#next === undefined && !statIfAny(this.#path)?.size;
  }

  #createJournalFile(): Promise<void> {
    const { format, version, mark } = this.#machine;
    const header = encodeHeader({ format, version, id: randomHex(16), generation: 1, n: 0 });
    const marks = mark && new SyncMarks(mark);
    const end = marks?.encode({ n: 0, through: 0, digest: 0 }) ?? "";
    return createJournalFile(this.#path, header + end, this.#options);
  }

  /** Reads what others wrote, or gives how far to read without the lock first. */
  #catchUp() {
    const named = this.#stat();
    const { size } = named;
    const reader = this.#readerOf(named);
    if (size < reader.offset) {
      throw new JournalError(
        "unavailable",
        `${this.#path} was cut to ${size} bytes while it was in use: stop all that use it, ` +
          `put back a copy, and start them again`,
      );
    }
    // Damage is read under the lock, while no process writes.
    if (reader.damage === undefined && size - reader.offset > BEHIND_BYTES) {
      const end = reader.lastLineEnd(size);
      if (end - reader.offset > BEHIND_BYTES) return { reader, end };
    }
    for (const _ of reader.readTo(size));
    this.#recoverTail(reader, size);
    if (reader === this.#next) {
      this.#next = undefined;
      this.replace(reader);
    }
    return undefined;
  }

  #stat(): Deno.FileInfo {
    const named = statIfAny(this.#path);
    if (named !== undefined) return named;
    this.#statAt = -Infinity;
    throw new JournalError(
      "unavailable",
      `${this.#path} was removed while it was in use: put it back, or restart to begin anew`,
    );
  }

  /** The reader of the file that has the path now: another process may have compacted it. */
  #readerOf(named: Deno.FileInfo): JournalReader<S> {
    const reader = this.#next ?? this.#reader;
    if (reader?.isNamed(named)) return reader;
    const next = JournalReader.open(this.#path, this.#machine);
    const known = reader?.header;
    if (known && (next.header.id !== known.id || next.header.generation <= known.generation)) {
      next[Symbol.dispose]();
      throw new JournalError(
        "unavailable",
        `${this.#path} was replaced by another file while it was in use: put it back, or restart ` +
          `to go on with the other`,
      );
    }
    this.#next?.[Symbol.dispose]();
    this.#next = next;
    return next;
  }

  #recoverTail(reader: JournalReader<S>, size: number) {
    const tail = tailOf(reader, size);
    const { kind } = tail;
    switch (kind) {
      case "none":
        return;
      case "torn":
        return this.#setAside(reader, size, "ended in an unfinished line, as after a kill");
      case "unsynced": {
        // A power cut leaves it so, and that would have ended this process.
        if (this.#reader !== undefined) throw corruptError(this.#path, tail.damage);
        const { line } = tail.damage;
        const what = `was not on disk from line ${line} on, as after a power cut`;
        return this.#setAside(reader, size, what);
      }
      case "damaged":
        throw corruptError(this.#path, tail.damage);
      default:
        return kind satisfies never;
    }
  }

  /** Moves bytes that were never acknowledged from the file's end to a file beside it. */
  #setAside(reader: JournalReader<S>, size: number, what: string) {
    const { offset } = reader;
    const bytes = reader.bytes(offset, size);
    const torn = `${this.#path}.torn`;
    try {
      const ownership = ownershipOf(this.#path, this.#options.modeMask);
      using file = openSideFile(torn, { append: true }, ownership).file;
      writeAll(file, bytes);
      file.syncDataSync();
      this.#options.folders.sync(torn);
      this.#options.wrap(reader.file).truncateSync(offset);
    } catch (cause) {
      throw fileError(`Cannot set aside the unfinished end of ${this.#path}`, cause);
    }
    this.#options.warn(
      `${this.#path} ${what}: its ${bytes.length} bytes from ` +
        `${offset} on are now in ${torn}; nothing that was acknowledged is lost`,
    );
  }
}

function modeOf(file: Deno.FsFile): number {
  return (file.statSync().mode ?? 0) & 0o777;
}

function octal(mode: number): string {
  return mode.toString(8);
}
