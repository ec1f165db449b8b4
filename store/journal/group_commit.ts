/**
 * Group commit: all appends that wait while one batch is written and fsynced are the next batch, so
 * one lock, one write and one fsync serve them all.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { fileError, type JournalFile, writeAll } from "./fs.ts";
import { JournalError } from "./journal_error.ts";
import type { Append, JournalReader } from "./journal_reader.ts";
import { encodeEntry } from "./line_codec.ts";
import type { Replica } from "./replica.ts";

interface PendingAppend<S> {
  readonly durable: boolean;
  readonly decide: (state: S) => Append;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The text of a batch is written when it has so many characters, and at its end. */
const BATCH_CHARS = 4 * 1024 * 1024;
/** The time without a write after which a sync mark is written, in milliseconds. */
const MARK_MS = 50;

/** Writes a journal's lines in batches, and sync marks for those that are fsynced. */
export class GroupCommit<S> {
  readonly #path: string;
  readonly #replica: Replica<S>;
  readonly #wrap: (file: Deno.FsFile) => JournalFile;
  readonly #onCommit: () => void;
  #queue: PendingAppend<S>[] = [];
  #committing: Promise<void> | undefined;
  /** The number of the last line that is known to be fsynced. */
  #fsynced = 0;
  #markTimer: ReturnType<typeof setTimeout> | undefined;
  #failure: JournalError | undefined;
  #isClosed = false;

  /** `onCommit` is called after each batch. */
  constructor(
    path: string,
    replica: Replica<S>,
    wrap: (file: Deno.FsFile) => JournalFile,
    onCommit: () => void,
  ) {
    this.#path = path;
    this.#replica = replica;
    this.#wrap = wrap;
    this.#onCommit = onCommit;
  }

  /** Why nothing can be written, or believed, until the file is opened again. */
  get failure(): JournalError | undefined {
    return this.#failure;
  }

  /** Appends with the next batch; see {@linkcode Journal.append}. */
  append(decide: (state: S) => Append, durable: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ durable, decide, resolve, reject });
      this.#committing ??= this.#commitQueue();
    });
  }

  async idle() {
    await this.#committing;
  }

  /** Fsyncs all that was written, and marks it. */
  async close() {
    this.#isClosed = true;
    clearTimeout(this.#markTimer);
    if (this.#failure) return;
    await this.#fsync();
    await this.#writeMark();
  }

  /** Notes that the file is fsynced up to the line with this number. */
  noteFsync(n: number) {
    this.#fsynced = n;
    this.#markSoon();
  }

  fail(what: string, cause: unknown): JournalError {
    const reason = messageOf(cause);
    const message = `${what} (${reason}): check the disk, then restart`;
    return this.#failure ??= new JournalError("unavailable", message, { cause });
  }

  /** Writes the first sync mark of a file from a version without marks, and fsyncs it. */
  async markLegacyFile() {
    const { marks, marked } = this.#replica.reader;
    if (marks === undefined || marked !== undefined) return;
    await this.#fsync();
    await this.#writeMark();
    await this.#fsync();
  }

  async #commitQueue() {
    // Calls within one turn of the event loop share a batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        if (this.#failure) throw this.#failure;
        const write = (reader: JournalReader<S>) => this.#write(reader, batch);
        const { written, fsynced } = await this.#replica.exclusive(write);
        for (const { durable, resolve } of written) if (!durable) resolve();
        await fsynced;
        for (const { resolve } of written) resolve();
        this.#onCommit();
      } catch (cause) {
        const error = fileError(`Cannot use ${this.#path}`, cause);
        for (const { reject } of batch) reject(error);
      }
    }
    this.#committing = undefined;
    this.#markSoon();
  }

  /** Writes a batch, all of it or none, and begins its fsync, for which the lock is not held. */
  #write(reader: JournalReader<S>, batch: readonly PendingAppend<S>[]) {
    const file = this.#wrap(reader.file);
    const written: PendingAppend<S>[] = [];
    const undos: (() => void)[] = [];
    const refusals: (() => void)[] = [];
    const mark = this.#dueMark(reader);
    let text = "";
    let bytes = 0;
    let lines = 0;
    const flush = () => {
      const encoded = encoder.encode(text);
      writeAll(file, encoded);
      bytes += encoded.length;
      text = "";
    };
    try {
      for (const pending of batch) {
        let append: Append;
        try {
          append = pending.decide(reader.state);
        } catch (error) {
          // Decided from what is written before it: it stands when that does.
          refusals.push(() => pending.reject(error));
          continue;
        }
        written.push(pending);
        undos.push(() => append.undo());
        if (lines === 0 && append.contents.length > 0 && mark !== undefined) {
          text += mark.line;
          lines++;
        }
        for (const content of append.contents) text += encodeEntry(reader.n + ++lines, content);
        if (text.length > BATCH_CHARS) flush();
      }
      flush();
    } catch (cause) {
      for (const undo of undos.reverse()) undo();
      this.#truncate(reader, file);
      throw fileError(`Cannot write to ${this.#path}`, cause);
    }
    for (const refuse of refusals) refuse();
    if (lines > 0) reader.wrote(bytes, lines, mark?.through);
    const isDurable = lines > 0 && written.some(({ durable }) => durable);
    const fsynced = isDurable ? this.#fsync() : Promise.resolve();
    // The fsync may have failed before it is awaited, a few turns later.
    fsynced.catch(() => {});
    return { written, fsynced };
  }

  #truncate(reader: JournalReader<S>, file: JournalFile) {
    try {
      file.truncateSync(reader.offset);
    } catch (cause) {
      // The next process to read the file finds a torn line, and sets it aside.
      this.fail(`${this.#path} ends in a torn line that cannot be cut off`, cause);
    }
  }

  /** Fsyncs the lines that are written so far. */
  async #fsync() {
    const { syncFile, lastEntry } = this.#replica.reader;
    try {
      await this.#wrap(syncFile).syncData();
    } catch (cause) {
      // The system may have dropped what it could not write: a second fsync would succeed, and lie.
      throw this.fail(`fsync of ${this.#path} failed`, cause);
    }
    this.#fsynced = Math.max(this.#fsynced, lastEntry);
  }

  /** The sync mark to write next, if there are fsynced lines without one. */
  #dueMark({ marks, marked = -1, header, n }: JournalReader<S>) {
    const through = Math.max(this.#fsynced, header.n);
    if (marks === undefined || through <= marked) return undefined;
    return { through, line: marks.encode({ n: n + 1, through, digest: undefined }) };
  }

  /** Writes the mark that is due. It is worth neither a wait nor an error: the next batch has it. */
  async #writeMark() {
    const write = (reader: JournalReader<S>) => {
      const mark = this.#dueMark(reader);
      if (mark === undefined) return;
      const file = this.#wrap(reader.file);
      const line = encoder.encode(mark.line);
      try {
        writeAll(file, line);
      } catch {
        return this.#truncate(reader, file);
      }
      reader.wrote(line.length, 1, mark.through);
    };
    const wasFree = await this.#replica.tryExclusive(write).catch(() => true);
    if (!wasFree) this.#markSoon();
  }

  /** Writes the mark that is due once there is nothing else to write. */
  #markSoon() {
    if (this.#markTimer !== undefined || this.#isClosed || this.#failure) return;
    if (this.#dueMark(this.#replica.reader) === undefined) return;
    const timer = setTimeout(() => {
      this.#markTimer = undefined;
      if (!this.#committing && !this.#isClosed) this.#writeMark();
    }, MARK_MS);
    // A process that ends writes it as it closes the file.
    Deno.unrefTimer(timer);
    this.#markTimer = timer;
  }
}

const encoder = new TextEncoder();
