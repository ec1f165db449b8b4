/**
 * An append-only file of checked JSON lines that several processes write at once. It knows nothing
 * of sessions: what the lines mean is its owner's.
 *
 * Beside the file there may be `.lock`, which is held for moments; `.new` and `.first`, while the
 * file is written anew; and `.torn`, with what a kill or a power cut left unfinished.
 *
 * @module
 */

import { denoFault } from "../../runtime/deno_version.ts";
import { Draft } from "./compaction.ts";
import { errnoOf } from "./errno.ts";
import { fileError, type JournalFile, writeAll } from "./fs.ts";
import { Folders } from "./folder.ts";
import { encodeEntry } from "./line_codec.ts";
import { checkNames, followLinks } from "./links.ts";
import { hidesLines, rescue, type Rescued } from "./rescue.ts";
import { SharedFile } from "./shared_file.ts";
import type { Entry, Meaning, View } from "./journal_reader.ts";
import { StoreError } from "../session_store.ts";

export type { Entry, JournalFile, Meaning, Rescued };
export { hidesLines, rescue };

/** How a {@linkcode Journal} is opened. */
export interface JournalOptions {
  /** Told in one line of what was found and mended. */
  readonly warn: (message: string) => void;
  /** How long another process may hold the lock, in milliseconds. @default 10_000 */
  readonly lockTimeoutMs?: number | undefined;
  /** A file is written anew when it is larger, and twice what it last came to. @default 1 MiB */
  readonly compactBytes?: number | undefined;
  /** What writes go through. @default the file itself */
  readonly wrap?: ((file: Deno.FsFile) => JournalFile) | undefined;
  /** The bits of a file's mode that stay; whom the others let in is kept out. @default 0o770 */
  readonly modeMask?: number | undefined;
}

/** One call of `append` on its way to the disk. */
interface Job<S> {
  readonly durable: boolean;
  readonly decide: (state: S) => Entry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** How much text of one batch is gathered before it is written. */
const BATCH_CHARS = 4 * 1024 * 1024;
/** How much a file must grow before another try, when it could not be written anew. */
const RETRY_BYTES = 256 * 1024;

/** How long nothing is written before a mark is, if the last lines have none. */
const MARK_MS = 50;

/** The file, and what its lines mean so far. */
export class Journal<S> {
  readonly #path: string;
  readonly #meaning: Meaning<S>;
  readonly #warn: (message: string) => void;
  readonly #compactBytes: number;
  readonly #wrap: (file: Deno.FsFile) => JournalFile;
  readonly #modeMask: number;
  readonly #folders: Folders;
  readonly #shared: SharedFile<S>;
  #queue: Job<S>[] = [];
  #writing: Promise<void> | undefined;
  #compacting: Promise<void> | undefined;
  /** Was it said that the file is mounted by itself? */
  #isMounted = false;
  /** Why the file could not be written anew when that was last tried. */
  #complaint: string | undefined;
  /** Where it was last tried to write the file anew. */
  #tried: { readonly view: View<S>; readonly offset: number } | undefined;
  /** Up to which number lines are known to be on the disk. */
  #durable = 0;
  #markTimer: ReturnType<typeof setTimeout> | undefined;
  /** Why nothing can be written, or believed, until the file is opened again. */
  #broken: StoreError | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Opens the journal at `path`, and makes it and its folder if they are missing.
   *
   * @throws {StoreError} `corrupt` if a line is not as it was written that may have been
   * acknowledged, or the file is another program's; `locked`; `full`; `unavailable` for what else the system refuses.
   */
  static async open<S>(
    path: string,
    meaning: Meaning<S>,
    options: JournalOptions,
  ): Promise<Journal<S>> {
    const fault = denoFault();
    if (fault !== undefined) throw new StoreError("unavailable", `Cannot open ${path}: ${fault}`);
    let journal: Journal<S> | undefined;
    try {
      // The file is replaced by renaming: behind a symbolic link, not instead of it.
      const file = followLinks(path);
      const folders = new Folders(options.warn);
      folders.make(file);
      const isMounted = checkNames(file, options.warn);
      journal = new Journal(file, meaning, options, folders);
      journal.#isMounted = isMounted;
      await journal.#shared.locked(() => {});
      journal.#shared.restrict();
      await journal.#markFirst();
      return journal;
    } catch (error) {
      if (journal !== undefined) await journal.#shared.close();
      throw fileError(`Cannot open ${path}`, error);
    }
  }

  private constructor(
    path: string,
    meaning: Meaning<S>,
    options: JournalOptions,
    folders: Folders,
  ) {
    const { warn, lockTimeoutMs = 10_000, wrap = (file) => file, modeMask = 0o770 } = options;
    this.#path = path;
    this.#meaning = meaning;
    this.#warn = warn;
    this.#compactBytes = options.compactBytes ?? 1024 * 1024;
    this.#wrap = wrap;
    this.#modeMask = modeMask;
    this.#folders = folders;
    const shared = { warn, lockTimeoutMs, wrap, modeMask, folders };
    this.#shared = new SharedFile(path, meaning, shared);
  }

  /**
   * What all lines mean, with those that other processes have written by now. Look at it before the
   * next `await`.
   *
   * @throws {StoreError} as {@linkcode Journal.append} does.
   */
  async read(): Promise<S> {
    this.#check();
    try {
      if (!this.#shared.isCurrent()) await this.#shared.locked(() => {});
    } catch (cause) {
      throw fileError(`Cannot read ${this.#path}`, cause);
    }
    return this.#shared.view.state;
  }

  /**
   * Decides what to write, under the lock and with all that others wrote taken in, and writes it.
   *
   * `decide` changes the state and says how to take that back. It sees what others in the same
   * batch decided before it. If it throws, it must not have changed anything.
   *
   * @returns When it is on disk, or if not `durable`, when the operating system has it.
   * @throws {StoreError} `closed`; `locked` if another process holds the lock too long; `full`, and
   * then it goes on when there is room; `corrupt` or `unavailable` if the file is not what it was,
   * or could not be brought to the disk.
   */
  append(decide: (state: S) => Entry, { durable }: { readonly durable: boolean }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#check();
      this.#queue.push({ durable, decide, resolve, reject });
      this.#writing ??= this.#writeQueue();
    });
  }

  /** Takes out of the state, and of the file, what is of no use any more. */
  tidy(): Promise<void> {
    return this.append((state) => this.#meaning.tidy(state), { durable: false });
  }

  /** Finishes what was accepted and lets go of the files. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close() {
    await this.#writing;
    await this.#compacting;
    clearTimeout(this.#markTimer);
    try {
      if (this.#broken) return;
      await this.#syncAll();
      await this.#mark();
    } finally {
      await this.#shared.close();
    }
  }

  #check() {
    if (this.#closing) throw new StoreError("closed", `${this.#path} was closed: open it again`);
    if (this.#broken) throw this.#broken;
  }

  /** Writes what is queued; what comes while one batch is being synced is the next. */
  async #writeQueue() {
    // Calls of one turn of the event loop go together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const jobs = this.#queue;
      this.#queue = [];
      try {
        if (this.#broken) throw this.#broken;
        const { written, synced } = await this.#shared.locked((view) => this.#write(view, jobs));
        for (const { durable, resolve } of written) if (!durable) resolve();
        await synced;
        for (const { resolve } of written) resolve();
        this.#compactIfDue();
      } catch (cause) {
        const error = fileError(`Cannot use ${this.#path}`, cause);
        for (const { reject } of jobs) reject(error);
      }
    }
    this.#writing = undefined;
    this.#markSoon();
  }

  /** Writes a batch, all of it or none, and begins to sync it; the lock is not held for that. */
  #write(view: View<S>, jobs: readonly Job<S>[]) {
    const file = this.#wrap(view.file);
    const written: Job<S>[] = [];
    const undos: (() => void)[] = [];
    const mark = this.#unmarked(view);
    let text = "";
    let bytes = 0;
    let lines = 0;
    const flush = () => {
      const batch = encoder.encode(text);
      writeAll(file, batch);
      bytes += batch.length;
      text = "";
    };
    try {
      for (const job of jobs) {
        let entry: Entry;
        try {
          entry = job.decide(view.state);
        } catch (error) {
          job.reject(error);
          continue;
        }
        written.push(job);
        undos.push(() => entry.undo());
        if (lines === 0 && entry.contents.length > 0 && mark !== undefined) {
          text += mark.line;
          lines++;
        }
        for (const content of entry.contents) text += encodeEntry(view.n + ++lines, content);
        if (text.length > BATCH_CHARS) flush();
      }
      flush();
    } catch (cause) {
      for (const undo of undos.reverse()) undo();
      this.#cutBack(view, file);
      throw fileError(`Cannot write to ${this.#path}`, cause);
    }
    if (lines > 0) view.wrote(bytes, lines, mark?.through);
    const durable = lines > 0 && written.some((job) => job.durable);
    const synced = durable ? this.#syncAll() : Promise.resolve();
    // It is awaited a few turns later, and may have failed by then.
    synced.catch(() => {});
    return { written, synced };
  }

  #cutBack(view: View<S>, file: JournalFile) {
    try {
      file.truncateSync(view.offset);
    } catch (cause) {
      // The next one to read the file finds an unfinished end, and sets it aside.
      this.#break(`${this.#path} has an unfinished end that cannot be cut off`, cause);
    }
  }

  /** Brings to the disk what is in the file, and notes that it is there. */
  async #syncAll() {
    const { syncFile, lastEntry } = this.#shared.view;
    try {
      await this.#wrap(syncFile).syncData();
    } catch (cause) {
      // The system may have dropped what it could not write: a second try would succeed, and lie.
      throw this.#break(`${this.#path} could not be brought to the disk`, cause);
    }
    this.#durable = Math.max(this.#durable, lastEntry);
  }

  /** The mark that is to be written next, if there are entries on the disk that have none. */
  #unmarked({ marks, marked = -1, header, n }: View<S>) {
    const through = Math.max(this.#durable, header.n);
    if (marks === undefined || through <= marked) return undefined;
    return { through, line: marks.encode({ n: n + 1, through, digest: undefined }) };
  }

  /** Writes the mark that is due. It is worth neither a wait nor an error: the next batch has it. */
  async #mark() {
    const write = (view: View<S>) => {
      const mark = this.#unmarked(view);
      if (mark === undefined) return;
      const file = this.#wrap(view.file);
      const line = encoder.encode(mark.line);
      try {
        writeAll(file, line);
      } catch {
        return this.#cutBack(view, file);
      }
      view.wrote(line.length, 1, mark.through);
    };
    const wasFree = await this.#shared.lockedIfFree(write).catch(() => true);
    if (!wasFree) this.#markSoon();
  }

  /** Gives a file that a version without marks wrote its first one, and brings it to the disk. */
  async #markFirst() {
    const { marks, marked } = this.#shared.view;
    if (marks === undefined || marked !== undefined) return;
    await this.#syncAll();
    await this.#mark();
    await this.#syncAll();
  }

  /** Writes the mark that is due when nobody has anything else to write. */
  #markSoon() {
    if (this.#markTimer !== undefined || this.#closing || this.#broken) return;
    if (this.#unmarked(this.#shared.view) === undefined) return;
    const timer = setTimeout(() => {
      this.#markTimer = undefined;
      if (!this.#writing && !this.#closing) this.#mark();
    }, MARK_MS);
    // It is written when the file is closed, too.
    Deno.unrefTimer(timer);
    this.#markTimer = timer;
  }

  #break(what: string, cause: unknown): StoreError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${what} (${reason}): look after the disk, then restart`;
    return this.#broken ??= new StoreError("unavailable", message, { cause });
  }

  #compactIfDue() {
    const { view } = this.#shared;
    const tried = this.#tried?.view === view ? this.#tried.offset + RETRY_BYTES : 0;
    const limit = Math.max(this.#compactBytes, 2 * view.snapshotBytes, tried);
    if (view.offset <= limit || this.#compacting || this.#closing) return;
    this.#tried = { view, offset: view.offset };
    this.#compacting = this.#compact().then(
      () => this.#complaint = undefined,
      (cause) => this.#complain(view, cause),
    ).finally(() => this.#compacting = undefined);
  }

  /** Says why the file could not be written anew, unless that is why it could not be before. */
  #complain(view: View<S>, cause: unknown) {
    if (this.#closing) return;
    const what = `Cannot write ${this.#path} anew to make it smaller`;
    let message = cause instanceof StoreError
      ? `${what}: ${cause.message}`
      : fileError(what, cause).message;
    if (errnoOf(cause) === "EBUSY") {
      // To try again would cost as much, and change nothing before it is mounted in another way.
      this.#tried = { view, offset: Infinity };
      if (this.#isMounted) return;
      message += `; if it is mounted by itself, mount the folder that it is in instead`;
    }
    if (message !== this.#complaint) this.#warn(message);
    this.#complaint = message;
  }

  /** Writes the file anew, while others and this process go on writing to the old one. */
  async #compact() {
    await this.tidy();
    const { view } = this.#shared;
    using draft = Draft.begin(view, { wrap: this.#wrap, modeMask: this.#modeMask });
    if (draft === undefined) return;
    const contents = this.#meaning.snapshot(view.state);
    if (!await draft.writeSnapshot(contents, () => this.#closing !== undefined)) return;
    await draft.copyTail(view);
    await this.#shared.locked(async (current) => {
      if (current !== view) return;
      await draft.copyTail(view);
      // All that the step needs is open before it: after it, only the sync itself may fail.
      using folder = this.#folders.open(this.#path);
      this.#shared.replace(draft.takePlace(view, this.#meaning, this.#modeMask));
      try {
        folder.sync();
        this.#durable = view.lastEntry;
        this.#markSoon();
      } catch (cause) {
        // Lines in a file that a power cut could take away again are not on the disk.
        throw this.#break(`The new ${this.#path} could not be brought to the disk`, cause);
      }
    });
  }
}

const encoder = new TextEncoder();
