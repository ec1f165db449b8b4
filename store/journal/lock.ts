import { ownershipOf, setOwnership } from "./file_ownership.ts";
import { openSideFile } from "./side_files.ts";
import { errnoOf } from "./errno.ts";
import { fileError, isSameFile, statIfAny } from "./fs.ts";
import { JournalError } from "./journal_error.ts";

export interface FileLockOptions {
  readonly warn: (message: string) => void;
  readonly lockTimeoutMs: number;
  readonly modeMask: number;
}

/**
 * A lock between processes: an advisory lock on a file of its own, which is never renamed. Within a
 * process, one caller at a time may use it.
 */
export class FileLock {
  readonly #locked: string;
  readonly #path: string;
  readonly #options: FileLockOptions;
  /** `undefined` after the lock could only be released by closing its file. */
  #file: Deno.FsFile | undefined;
  #identity: Deno.FileInfo | undefined;
  /** The wait for a lock that another process holds: it cannot be aborted, only be abandoned. */
  #pendingLock: Promise<void> | undefined;
  #isWanted = false;
  readonly #warned = new Set<string>();

  /** Opens the lock of the file at `locked`, and makes it if it is missing. */
  constructor(locked: string, options: FileLockOptions) {
    this.#locked = locked;
    this.#path = `${locked}.lock`;
    this.#options = options;
    this.#open();
  }

  /**
   * @throws {JournalError} `locked` if another process holds it for longer than the timeout;
   * `unavailable` if the system has no locks to give.
   */
  async acquire(): Promise<void> {
    for (;;) {
      const file = this.#open();
      if (this.#pendingLock !== undefined || !this.#tryLock(file)) await this.#wait(file);
      try {
        // If the file was removed, other processes already lock another one of its name.
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
    if (this.#pendingLock !== undefined || !this.#tryLock(this.#open())) return false;
    this.release();
    return true;
  }

  /** Releases the lock, whatever happens. */
  release() {
    try {
      this.#file?.unlockSync();
    } catch (cause) {
      // Closing the file releases the lock too, and what was done under it is done.
      this.close();
      const { message } = fileError(`Cannot unlock ${this.#path}`, cause);
      this.#warnOnce(`${message} (its file was closed instead)`);
    }
  }

  /**
   * A number that all processes see, and that changes when the locked file is replaced. It is the
   * length of the lock's file, which costs a tenth of a stat of a path.
   */
  get epoch(): number {
    try {
      // While it waits for the lock, the file may be of use for nothing else: see JournalReader.syncFile.
      if (this.#pendingLock !== undefined) return statIfAny(this.#path)?.size ?? -1;
      return this.#open().seekSync(0, Deno.SeekMode.End);
    } catch (cause) {
      throw fileError(`Cannot read ${this.#path}`, cause);
    }
  }

  bumpEpoch() {
    // A longer file without content takes no room: it works on a full disk too.
    this.#open().truncateSync(this.epoch + 1);
  }

  share() {
    const ownership = ownershipOf(this.#locked, this.#options.modeMask);
    if (ownership === undefined || setOwnership(this.#path, this.#open(), ownership)) return;
    this.#warnOnce(
      `${this.#path} cannot be given the owner, group and mode of ${this.#locked}: whoever has those ` +
        `must do it, or may be kept out`,
    );
  }

  close() {
    this.#file?.close();
    this.#file = undefined;
  }

  #open(): Deno.FsFile {
    if (this.#file !== undefined) return this.#file;
    const ownership = ownershipOf(this.#locked, this.#options.modeMask);
    try {
      const { file, identity } = openSideFile(this.#path, { read: true, write: true }, ownership);
      this.#identity = identity;
      return this.#file = file;
    } catch (cause) {
      throw fileError(`Cannot open the lock ${this.#path}`, cause);
    }
  }

  #tryLock(file: Deno.FsFile): boolean {
    try {
      return file.tryLockSync(true);
    } catch (cause) {
      if (errnoOf(cause) === "EINTR") return false;
      throw fileError(`Cannot lock ${this.#path}`, cause);
    }
  }

  async #lock(file: Deno.FsFile) {
    for (;;) {
      try {
        return await file.lock(true);
      } catch (cause) {
        if (errnoOf(cause) !== "EINTR" || !this.#isWanted) {
          throw fileError(`Cannot lock ${this.#path}`, cause);
        }
      }
    }
  }

  async #wait(file: Deno.FsFile) {
    const { lockTimeoutMs } = this.#options;
    this.#isWanted = true;
    this.#pendingLock ??= this.#lock(file).then(
      () => {
        this.#pendingLock = undefined;
        // The lock was granted after the timeout.
        if (!this.#isWanted) this.release();
      },
      (error) => {
        this.#pendingLock = undefined;
        throw error;
      },
    );
    // A failure without a listener, as after `close`, must not end the process.
    this.#pendingLock.catch(() => {});
    const { promise, resolve } = Promise.withResolvers<"timeout">();
    const timer = setTimeout(() => {
      this.#isWanted = false;
      resolve("timeout");
    }, lockTimeoutMs);
    const first = await Promise.race([this.#pendingLock, promise])
      .finally(() => clearTimeout(timer));
    if (first !== "timeout") return;
    throw new JournalError(
      "locked",
      `Another process has held ${this.#path} for more than ${lockTimeoutMs / 1000} seconds: ` +
        `find it, and end it if it hangs`,
    );
  }

  #warnOnce(message: string) {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#options.warn(message);
  }
}
