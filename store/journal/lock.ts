/**
 * A lock between processes: a file of its own, which is never renamed.
 *
 * @module
 */

import { accessTo, giveAccess } from "./file_access.ts";
import { openBeside } from "./side_files.ts";
import { errnoOf } from "./errno.ts";
import { fileError, isSameFile, statIfAny } from "./fs.ts";
import { StoreError } from "../session_store.ts";

/** How a {@linkcode FileLock} is made. */
export interface FileLockOptions {
  readonly warn: (message: string) => void;
  readonly lockTimeoutMs: number;
  readonly modeMask: number;
}

/** Held by one process at a time; within a process it is for one caller at a time to ask. */
export class FileLock {
  readonly #locked: string;
  readonly #path: string;
  readonly #options: FileLockOptions;
  /** `undefined` after the lock could be given back in no other way than by closing its file. */
  #file: Deno.FsFile | undefined;
  #identity: Deno.FileInfo | undefined;
  /** The wait for a lock that someone else holds: it cannot be called off, only be left alone. */
  #granted: Promise<void> | undefined;
  #wanted = false;
  /** The complaints that were made: each is made once. */
  readonly #said = new Set<string>();

  /** Opens the lock of the file at `locked`, and makes it if it is missing. */
  constructor(locked: string, options: FileLockOptions) {
    this.#locked = locked;
    this.#path = `${locked}.lock`;
    this.#options = options;
    this.#opened();
  }

  /**
   * @throws {StoreError} `locked` if someone else holds it for longer than the time allowed;
   * `unavailable` if the system has no locks to give.
   */
  async acquire(): Promise<void> {
    for (;;) {
      const file = this.#opened();
      if (this.#granted !== undefined || !this.#try(file)) await this.#wait(file);
      try {
        // Someone may have removed the file: then others already lock another one of its name.
        const named = statIfAny(this.#path);
        if (named && this.#identity && isSameFile(named, this.#identity)) return;
      } catch (error) {
        this.release();
        throw error;
      }
      this.release();
      this.close();
    }
  }

  /** Whether no other process holds it. This one must not hold it. */
  isFree(): boolean {
    if (this.#granted !== undefined || !this.#try(this.#opened())) return false;
    this.release();
    return true;
  }

  /** Lets the next one have it, whatever happens. */
  release() {
    try {
      this.#file?.unlockSync();
    } catch (cause) {
      // To close the file gives the lock back too, and what was done under it is done.
      this.close();
      const { message } = fileError(`Cannot unlock ${this.#path}`, cause);
      this.#say(`${message} (its file was closed instead)`);
    }
  }

  /**
   * How often it was stamped by any process, which costs a tenth of looking up a file's name: its
   * file is as long.
   */
  get stamps(): number {
    try {
      // While the lock is waited for, the file may be of use for nothing else: see View.syncFile.
      if (this.#granted !== undefined) return statIfAny(this.#path)?.size ?? -1;
      return this.#opened().seekSync(0, Deno.SeekMode.End);
    } catch (cause) {
      throw fileError(`Cannot read ${this.#path}`, cause);
    }
  }

  /** Stamps it, while it is held: tells all who look that what it is the lock of is another file. */
  stamp() {
    // This takes no room on the disk, of which there may be none.
    this.#opened().truncateSync(this.stamps + 1);
  }

  /** Lets whoever may use the file that it is the lock of use the lock as well. */
  share() {
    const access = accessTo(this.#locked, this.#options.modeMask);
    if (access === undefined || giveAccess(this.#path, this.#opened(), access)) return;
    this.#say(
      `${this.#path} cannot be given the owner, group and mode of ${this.#locked}: whoever has those ` +
        `must do it, or may be kept out`,
    );
  }

  /** Lets go of the file. */
  close() {
    this.#file?.close();
    this.#file = undefined;
  }

  #opened(): Deno.FsFile {
    if (this.#file !== undefined) return this.#file;
    const access = accessTo(this.#locked, this.#options.modeMask);
    try {
      const { file, identity } = openBeside(this.#path, { read: true, write: true }, access);
      this.#identity = identity;
      return this.#file = file;
    } catch (cause) {
      throw fileError(`Cannot open the lock ${this.#path}`, cause);
    }
  }

  #try(file: Deno.FsFile): boolean {
    try {
      return file.tryLockSync(true);
    } catch (cause) {
      if (errnoOf(cause) === "EINTR") return false;
      throw fileError(`Cannot lock ${this.#path}`, cause);
    }
  }

  async #ask(file: Deno.FsFile) {
    for (;;) {
      try {
        return await file.lock(true);
      } catch (cause) {
        if (errnoOf(cause) !== "EINTR" || !this.#wanted) {
          throw fileError(`Cannot lock ${this.#path}`, cause);
        }
      }
    }
  }

  async #wait(file: Deno.FsFile) {
    const { lockTimeoutMs } = this.#options;
    this.#wanted = true;
    this.#granted ??= this.#ask(file).then(
      () => {
        this.#granted = undefined;
        // It came after everyone had given up.
        if (!this.#wanted) this.release();
      },
      (error) => {
        this.#granted = undefined;
        throw error;
      },
    );
    // It may fail when nobody listens any more, as after `close`.
    this.#granted.catch(() => {});
    const { promise, resolve } = Promise.withResolvers<"timeout">();
    const timer = setTimeout(() => {
      this.#wanted = false;
      resolve("timeout");
    }, lockTimeoutMs);
    const first = await Promise.race([this.#granted, promise]).finally(() => clearTimeout(timer));
    if (first !== "timeout") return;
    throw new StoreError(
      "locked",
      `Another process has held ${this.#path} for more than ${lockTimeoutMs / 1000} seconds: ` +
        `find it, and end it if it hangs`,
    );
  }

  #say(message: string) {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#options.warn(message);
  }
}
