/**
 * A journal's file as it is shared: each process waits its turn, reads what the others have
 * written, and only then writes.
 *
 * @module
 */

import { setImmediate } from "node:timers/promises";
import { Mutex } from "../../runtime/mutex.ts";
import { randomHex } from "../../runtime/random_hex.ts";
import { createFile } from "./compaction.ts";
import { accessTo, giveAccess } from "./file_access.ts";
import { openBeside } from "./side_files.ts";
import { fileError, type JournalFile, statIfAny, writeAll } from "./fs.ts";
import type { Folders } from "./folder.ts";
import { encodeHeader } from "./header.ts";
import { FileLock } from "./lock.ts";
import { Marks } from "./sync_marks.ts";
import { restOf } from "./tail.ts";
import { type Meaning, View } from "./journal_reader.ts";
import { StoreError } from "../session_store.ts";

/** How a {@linkcode SharedFile} is made. */
export interface SharedFileOptions {
  readonly warn: (message: string) => void;
  readonly lockTimeoutMs: number;
  readonly wrap: (file: Deno.FsFile) => JournalFile;
  /** Which bits of the file's mode stay. */
  readonly modeMask: number;
  readonly folders: Folders;
}

/** How far behind a process may be and still catch up while it holds the lock. */
const BEHIND_BYTES = 1024 * 1024;

/** The mode of a file for one user alone: to give it that is nothing new to say. */
const PRIVATE_MASK = 0o600;

/** For how long the file that had the name is taken for the one that has it. */
const TRUSTED_MS = 1;

/** One process's hold on the file: the lock, and the view of what it has read. */
export class SharedFile<S> {
  readonly #path: string;
  readonly #meaning: Meaning<S>;
  readonly #options: SharedFileOptions;
  readonly #lock: FileLock;
  #view: View<S> | undefined;
  /** The file that took the other's place, while it is being read. */
  #next: View<S> | undefined;
  /** The end of the last turn within this process: the lock is for one caller at a time. */
  readonly #mutex = new Mutex();
  /** When the name was last looked up for a read. */
  #lookedUp = -Infinity;
  /** How often the lock had been stamped by then. */
  #stamps = 0;
  /** When the lock could last not be had, and why. */
  #refused: { readonly at: number; readonly error: unknown } | undefined;

  constructor(path: string, meaning: Meaning<S>, options: SharedFileOptions) {
    this.#path = path;
    this.#meaning = meaning;
    this.#options = options;
    this.#lock = new FileLock(path, options);
  }

  /** What was read so far. */
  get view(): View<S> {
    if (this.#view === undefined) throw new Error("The file was not read yet");
    return this.#view;
  }

  /**
   * Has this process read all there is? What other processes do is seen at once: a file that takes
   * this one's place is written to only after the lock was stamped. That somebody moved the file away
   * may take a read a moment to find out, but never a write.
   */
  isCurrent(): boolean {
    const now = performance.now();
    const stamps = this.#stamped();
    if (now - this.#lookedUp < TRUSTED_MS && stamps === this.#stamps) return this.view.isRead();
    const named = this.#stat();
    this.#lookedUp = now;
    this.#stamps = stamps;
    return this.view.isNamed(named) && named.size === this.view.offset;
  }

  /** Runs `action` while no other process writes, with a view of all that they have written. */
  locked<T>(action: (view: View<S>) => T | Promise<T>): Promise<T> {
    const asked = performance.now();
    return this.#mutex.run(() => {
      // They all wait for one lock: one after the other would make the last one wait for hours.
      if (this.#refused !== undefined && asked <= this.#refused.at) throw this.#refused.error;
      return this.#locked(action);
    });
  }

  /** The same for what is not worth a wait: does nothing, and says so, if another process writes. */
  lockedIfFree(action: (view: View<S>) => void): Promise<boolean> {
    return this.#mutex.run(async () => {
      if (!this.#lock.isFree()) return false;
      await this.#locked(action);
      return true;
    });
  }

  /** Keeps out whom the file's mode must not let in, and lets the others use the lock as well. */
  restrict() {
    const { modeMask, warn } = this.#options;
    this.#lock.share();
    const { file } = this.view;
    const wanted = accessTo(this.#path, modeMask);
    const mode = modeOf(file);
    if (wanted === undefined || (mode & ~modeMask) === 0) return;
    giveAccess(this.#path, file, wanted);
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

  /** Goes on with a file that this process has put in the other's place. */
  replace(view: View<S>) {
    try {
      this.#lock.stamp();
    } catch {
      // Without a stamp, others find out when they look up the name again.
      const never = new Int32Array(new SharedArrayBuffer(4));
      Atomics.wait(never, 0, 0, 3 * TRUSTED_MS);
    }
    this.#view?.[Symbol.dispose]();
    this.#view = view;
  }

  /** Waits for the last turn and lets go of the files. */
  async close() {
    await this.#mutex.idle();
    this.#view?.[Symbol.dispose]();
    this.#next?.[Symbol.dispose]();
    this.#lock.close();
  }

  async #locked<T>(action: (view: View<S>) => T | Promise<T>): Promise<T> {
    for (;;) {
      await this.#acquire();
      let behind: { readonly view: View<S>; readonly end: number } | undefined;
      try {
        if (this.#isNew()) await this.#createFile();
        behind = this.#catchUp();
        if (behind === undefined) {
          const result = action(this.view);
          // Awaiting what is there already would only hold the lock for longer.
          return result instanceof Promise ? await result : result;
        }
      } finally {
        this.#lock.release();
      }
      // Far behind, as when opening: what was complete under the lock stays as it is, so it can be
      // read without, and without holding up this process either.
      for (const _ of behind.view.readTo(behind.end)) await setImmediate();
    }
  }

  async #acquire() {
    try {
      await this.#lock.acquire();
    } catch (error) {
      // Where the whole folder is gone, there is more to say.
      if (this.#view !== undefined) this.#stat();
      this.#refused = { at: performance.now(), error };
      throw error;
    }
  }

  #stamped(): number {
    try {
      return this.#lock.stamps;
    } catch (error) {
      // Where the whole folder is gone, there is more to say.
      this.#stat();
      throw error;
    }
  }

  #isNew(): boolean {
    return this.#view === undefined && this.#next === undefined && !statIfAny(this.#path)?.size;
  }

  #createFile(): Promise<void> {
    const { format, version, mark } = this.#meaning;
    const header = encodeHeader({ format, version, id: randomHex(16), generation: 1, n: 0 });
    const end = mark === undefined ? "" : new Marks(mark).encode({ n: 0, through: 0, digest: 0 });
    return createFile(this.#path, header + end, this.#options);
  }

  /** Reads what others wrote, or says what is better read without the lock. */
  #catchUp() {
    const named = this.#stat();
    const { size } = named;
    const view = this.#named(named);
    if (size < view.offset) {
      throw new StoreError(
        "unavailable",
        `${this.#path} was cut to ${size} bytes while it was in use: stop all that use it, ` +
          `put back a copy, and start them again`,
      );
    }
    // Damage is looked at while nobody writes.
    if (view.damage === undefined && size - view.offset > BEHIND_BYTES) {
      const end = view.lastLineEnd(size);
      if (end - view.offset > BEHIND_BYTES) return { view, end };
    }
    for (const _ of view.readTo(size));
    this.#settleRest(view, size);
    if (view === this.#next) {
      this.#next = undefined;
      this.replace(view);
    }
    return undefined;
  }

  #stat(): Deno.FileInfo {
    const named = statIfAny(this.#path);
    if (named !== undefined) return named;
    this.#lookedUp = -Infinity;
    throw new StoreError(
      "unavailable",
      `${this.#path} was removed while it was in use: put it back, or restart to begin anew`,
    );
  }

  /** The view of the file that has the name now: another process may have written it anew. */
  #named(named: Deno.FileInfo): View<S> {
    const view = this.#next ?? this.#view;
    if (view?.isNamed(named)) return view;
    const next = View.open(this.#path, this.#meaning);
    const known = view?.header;
    if (known && (next.header.id !== known.id || next.header.generation <= known.generation)) {
      next[Symbol.dispose]();
      throw new StoreError(
        "unavailable",
        `${this.#path} was replaced by another file while it was in use: put it back, or restart ` +
          `to go on with the other`,
      );
    }
    this.#next?.[Symbol.dispose]();
    this.#next = next;
    return next;
  }

  /** Deals with what stands after the last line that could be read. */
  #settleRest(view: View<S>, size: number) {
    const rest = restOf(view, size);
    const { kind } = rest;
    switch (kind) {
      case "none":
        return;
      case "unfinished":
        return this.#setAside(view, size, "ended in an unfinished line, as after a kill");
      case "unsynced": {
        // A power cut leaves it so, and that would have ended this process.
        if (this.#view !== undefined) throw view.corrupt(rest.damage);
        const { line } = rest.damage;
        const what = `had never got to the disk from line ${line} on, as after a power cut`;
        return this.#setAside(view, size, what);
      }
      case "damaged":
        throw view.corrupt(rest.damage);
      default:
        return kind satisfies never;
    }
  }

  /** Keeps what nobody was told of in a file beside this one, and cuts it off here. */
  #setAside(view: View<S>, size: number, what: string) {
    const { offset } = view;
    const rest = view.bytes(offset, size);
    const aside = `${this.#path}.torn`;
    try {
      const access = accessTo(this.#path, this.#options.modeMask);
      using file = openBeside(aside, { append: true }, access).file;
      writeAll(file, rest);
      file.syncDataSync();
      this.#options.folders.sync(aside);
      this.#options.wrap(view.file).truncateSync(offset);
    } catch (cause) {
      throw fileError(`Cannot set aside the unfinished end of ${this.#path}`, cause);
    }
    this.#options.warn(
      `${this.#path} ${what}: its ${rest.length} bytes from ` +
        `${offset} on are now in ${aside}; nothing that was acknowledged is lost`,
    );
  }
}

function modeOf(file: Deno.FsFile): number {
  return (file.statSync().mode ?? 0) & 0o777;
}

function octal(mode: number): string {
  return mode.toString(8);
}
