/**
 * A lock between processes: a file of its own, which is never renamed.
 *
 * @module
 */

import { fileError, isSameFile, statIfAny } from "./_files.ts";
import { StoreError } from "./store.ts";

/** Held by one process at a time; within a process it is for one caller at a time to ask. */
export class FileLock {
  readonly #path: string;
  readonly #timeoutMs: number;
  #file: Deno.FsFile;
  #identity: Deno.FileInfo;
  /** The wait for a lock that someone else holds: it cannot be called off, only be left alone. */
  #granted: Promise<void> | undefined;
  #wanted = false;

  /** Opens the lock's file, and makes it if it is missing. */
  constructor(path: string, timeoutMs: number) {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
    this.#file = open(path);
    this.#identity = this.#file.statSync();
  }

  /** @throws {StoreError} `locked` if someone else holds it for longer than the time allowed. */
  async acquire(): Promise<void> {
    for (;;) {
      if (this.#granted !== undefined || !this.#file.tryLockSync(true)) await this.#wait();
      try {
        // Someone may have removed the file: then others already lock another one of its name.
        const named = statIfAny(this.#path);
        if (named !== undefined && isSameFile(named, this.#identity)) return;
        const file = open(this.#path);
        this.close();
        this.#file = file;
        this.#identity = file.statSync();
      } catch (error) {
        this.release();
        throw error;
      }
    }
  }

  /** Does no other process hold it? It must not be held by this one. */
  isFree(): boolean {
    if (this.#granted !== undefined || !this.#file.tryLockSync(true)) return false;
    this.release();
    return true;
  }

  /** Lets the next one have it. */
  release() {
    this.#file.unlockSync();
  }

  /**
   * How often it was stamped by any process, which costs a tenth of looking up a file's name: its
   * file is as long.
   */
  get stamps(): number {
    return this.#file.seekSync(0, Deno.SeekMode.End);
  }

  /** Stamps it, while it is held: tells all who look that what it is the lock of is another file. */
  stamp() {
    // This takes no room on the disk, of which there may be none.
    this.#file.truncateSync(this.stamps + 1);
  }

  /** Lets go of the file. The lock must not be held. */
  close() {
    this.#file.close();
  }

  async #wait() {
    const file = this.#file;
    this.#wanted = true;
    this.#granted ??= file.lock(true).then(
      () => {
        this.#granted = undefined;
        // It came after everyone had given up.
        if (!this.#wanted) file.unlockSync();
      },
      (cause) => {
        this.#granted = undefined;
        throw fileError(`Cannot lock ${this.#path}`, cause);
      },
    );
    // It may fail when nobody listens any more, as after `close`.
    this.#granted.catch(() => {});
    const { promise, resolve } = Promise.withResolvers<"timeout">();
    const timer = setTimeout(() => {
      this.#wanted = false;
      resolve("timeout");
    }, this.#timeoutMs);
    const first = await Promise.race([this.#granted, promise]).finally(() => clearTimeout(timer));
    if (first !== "timeout") return;
    throw new StoreError(
      "locked",
      `Another process has held ${this.#path} for more than ${this.#timeoutMs / 1000} seconds: ` +
        `find it, and end it if it hangs`,
    );
  }
}

function open(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
  } catch (cause) {
    throw fileError(`Cannot open the lock ${path}`, cause);
  }
}
