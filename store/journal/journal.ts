/**
 * A journal: an append-only file of checksummed JSON lines that several processes write at once. The
 * meaning of the lines is its owner's.
 *
 * Beside the file there may be `.lock`, which is held for moments; `.new` and `.first`, during a
 * compaction; and `.torn`, with what a kill or a power cut left unfinished.
 *
 * @module
 */

import { CompactedFile } from "./compaction.ts";
import { errnoOf } from "./errno.ts";
import { fileError, type JournalFile, refuseOtherRuntimes } from "./fs.ts";
import { Folders } from "./folder.ts";
import { GroupCommit } from "./group_commit.ts";
import { JournalError } from "./journal_error.ts";
import { checkNames, followLinks } from "./links.ts";
import { hidesLines, rescue, type Rescued } from "./rescue.ts";
import { Replica } from "./replica.ts";
import type { Append, JournalReader, StateMachine } from "./journal_reader.ts";

export type { Append, JournalFile, Rescued, StateMachine };
export { hidesLines, JournalError, rescue };

/** Options of a {@linkcode Journal}. */
export interface JournalOptions {
  /** Told in one line of what was found and mended. */
  readonly warn: (message: string) => void;
  /** The longest wait for another process that holds the lock, in milliseconds. @default 10_000 */
  readonly lockTimeoutMs?: number | undefined;
  /** Compaction begins past this size, and past twice the last compacted one. @default 1 MiB */
  readonly compactBytes?: number | undefined;
  /** Wraps the open file for all writes and fsyncs, as tests do. @default the file itself */
  readonly wrap?: { file(opened: JournalFile): JournalFile }["file"] | undefined;
  /** The bits of a file's mode that stay; whom the others let in is kept out. @default 0o770 */
  readonly modeMask?: number | undefined;
}

/** The growth of a file before another compaction is tried, when one failed. */
const RETRY_BYTES = 256 * 1024;

/** An open journal, and the state that its lines make so far. */
export class Journal<S> {
  readonly #path: string;
  readonly #machine: StateMachine<S>;
  readonly #warn: (message: string) => void;
  readonly #compactBytes: number;
  readonly #wrap: NonNullable<JournalOptions["wrap"]>;
  readonly #modeMask: number;
  readonly #folders: Folders;
  readonly #replica: Replica<S>;
  readonly #commits: GroupCommit<S>;
  #compacting: Promise<void> | undefined;
  /** Whether `warn` was told that the file is mounted by itself. */
  #isMounted = false;
  #complaint: string | undefined;
  /** The file and its size at the last compaction that was tried. */
  #tried: { readonly reader: JournalReader<S>; readonly offset: number } | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Opens the journal at `path`, and makes it and its folder if they are missing.
   *
   * @throws {JournalError} `corrupt` if a line is damaged that may have been acknowledged, or the file
   * is another program's; `locked`; `full`; `unavailable` for what else the system refuses.
   */
  static async open<S>(
    path: string,
    machine: StateMachine<S>,
    options: JournalOptions,
  ): Promise<Journal<S>> {
    refuseOtherRuntimes(path);
    let journal: Journal<S> | undefined;
    try {
      // Compaction renames a file over this one: behind a symbolic link, not instead of it.
      const file = followLinks(path);
      const folders = new Folders(options.warn);
      folders.make(file);
      const isMounted = checkNames(file, options.warn);
      journal = new Journal(file, machine, options, folders);
      journal.#isMounted = isMounted;
      await journal.#replica.exclusive(() => {});
      journal.#replica.restrictMode();
      await journal.#commits.markLegacyFile();
      return journal;
    } catch (error) {
      if (journal !== undefined) await journal.#replica.close();
      throw fileError(`Cannot open ${path}`, error);
    }
  }

  private constructor(
    path: string,
    machine: StateMachine<S>,
    options: JournalOptions,
    folders: Folders,
  ) {
    const { warn, lockTimeoutMs = 10_000, wrap = (file) => file, modeMask = 0o770 } = options;
    this.#path = path;
    this.#machine = machine;
    this.#warn = warn;
    this.#compactBytes = options.compactBytes ?? 1024 * 1024;
    this.#wrap = wrap;
    this.#modeMask = modeMask;
    this.#folders = folders;
    this.#replica = new Replica(path, machine, { warn, lockTimeoutMs, wrap, modeMask, folders });
    this.#commits = new GroupCommit(path, this.#replica, wrap, () => this.#compactIfDue());
  }

  /**
   * The state that all lines so far make, with those of other processes. Use it before the next
   * `await`.
   *
   * @throws {JournalError} as {@linkcode Journal.append} does.
   */
  async read(): Promise<S> {
    const error = this.#error();
    if (error !== undefined) throw error;
    try {
      if (!this.#replica.isCurrent()) await this.#replica.exclusive(() => {});
    } catch (cause) {
      throw fileError(`Cannot read ${this.#path}`, cause);
    }
    return this.#replica.reader.state;
  }

  /**
   * Decides what to append, under the lock and with the lines of all other processes applied, and
   * writes it with the next group commit.
   *
   * `decide` changes the state and says how to undo that. It sees what others in the same batch decided
   * before it. If it throws, it must not have changed anything.
   *
   * @returns When it is fsynced, or if not `durable`, when the operating system has it.
   * @throws {JournalError} `closed`; `locked` if another process holds the lock too long; `full`, until
   * there is room; `corrupt` or `unavailable` if the file is not what it was, or its fsync failed.
   */
  append(decide: (state: S) => Append, { durable }: { readonly durable: boolean }): Promise<void> {
    const error = this.#error();
    return error === undefined ? this.#commits.append(decide, durable) : Promise.reject(error);
  }

  /** Takes out of the state, and of the file, what is of no use any more. */
  tidy(): Promise<void> {
    return this.append((state) => this.#machine.tidy(state), { durable: false });
  }

  /** Finishes what was accepted and closes the files. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close() {
    await this.#commits.idle();
    await this.#compacting;
    try {
      await this.#commits.close();
    } finally {
      await this.#replica.close();
    }
  }

  #error(): JournalError | undefined {
    return this.#closing
      ? new JournalError("closed", `${this.#path} was closed: open it again`)
      : this.#commits.failure;
  }

  #compactIfDue() {
    const { reader } = this.#replica;
    const tried = this.#tried?.reader === reader ? this.#tried.offset + RETRY_BYTES : 0;
    const limit = Math.max(this.#compactBytes, 2 * reader.snapshotBytes, tried);
    if (reader.offset <= limit || this.#compacting || this.#closing) return;
    this.#tried = { reader, offset: reader.offset };
    this.#compacting = this.#compact().then(
      () => this.#complaint = undefined,
      (cause) => this.#complain(reader, cause),
    ).finally(() => this.#compacting = undefined);
  }

  /** Says why a compaction failed, unless the one before failed for the same reason. */
  #complain(reader: JournalReader<S>, cause: unknown) {
    if (this.#closing) return;
    const what = `Cannot compact ${this.#path}`;
    let { message } = fileError(what, cause);
    if (cause instanceof JournalError) message = `${what}: ${message}`;
    if (errnoOf(cause) === "EBUSY") {
      // Another try would cost as much, and fail until it is mounted in another way.
      this.#tried = { reader, offset: Infinity };
      if (this.#isMounted) return;
      message += `; if it is mounted by itself, mount the folder that it is in instead`;
    }
    if (message !== this.#complaint) this.#warn(message);
    this.#complaint = message;
  }

  /** Replaces the file by a compacted one, while all processes go on writing to the old one. */
  async #compact() {
    await this.tidy();
    const { reader } = this.#replica;
    using compacted = CompactedFile.begin(reader, this.#wrap, this.#modeMask);
    if (compacted === undefined) return;
    const contents = this.#machine.snapshot(reader.state);
    if (!await compacted.writeSnapshot(contents, () => this.#closing !== undefined)) return;
    await compacted.copyTail(reader);
    await this.#replica.exclusive(async (current) => {
      if (current !== reader) return;
      await compacted.copyTail(reader);
      // All that is needed is open before the rename: after it, only the fsync itself may fail.
      using folder = this.#folders.open(this.#path);
      this.#replica.replace(compacted.replaceOld(reader, this.#modeMask));
      try {
        folder.sync();
        this.#commits.noteFsync(reader.lastEntry);
      } catch (cause) {
        // Lines in a file that a power cut could take away again are not durable.
        throw this.#commits.fail(`fsync of the compacted ${this.#path} failed`, cause);
      }
    });
  }
}
