/**
 * What one process has read of a journal's file.
 *
 * @module
 */

import { fileError, isSameFile, readBytes } from "./_files.ts";
import { corrupt, type Header, parseHeader } from "./_header.ts";
import { isIntact, lastLineEnd, lineEnd, type ParsedLines, parseLines } from "./_lines.ts";
import type { StoreError } from "./store.ts";

/** What the lines of a journal mean to its owner; the journal itself doesn't know. */
export interface Meaning<S> {
  /** The name of the format, in the first line of the file. */
  readonly format: string;
  /** The version of the format that is written; a newer one is refused. */
  readonly version: number;
  /** What no lines at all mean. */
  empty(): S;
  /** Takes one line's content in. What makes no sense is an error: the line was not ours. */
  apply(state: S, content: unknown): void;
  /**
   * The lines' content, as JSON text, that makes this state. It is read in slices while the state
   * goes on changing; what changed meanwhile is applied once more after it.
   */
  snapshot(state: S): Iterable<string>;
  /** Takes out what is of no use any more; called before the file is written anew. */
  tidy(state: S): Entry;
}

/** What a journal's owner writes in one go. */
export interface Entry {
  /** The content of each line, as JSON text. None is fine. */
  readonly contents: readonly string[];
  /** Takes the change of the state back: it could not be written. */
  undo(): void;
}

/** How much is read at once: parsing costs the least at about this size. */
const CHUNK_BYTES = 1024 * 1024;

/** A file of the journal, opened, and the state that its lines make as far as they were read. */
export class View<S> {
  readonly path: string;
  readonly file: Deno.FsFile;
  readonly header: Header;
  readonly state: S;
  readonly #meaning: Meaning<S>;
  readonly #identity: Deno.FileInfo;
  /** How many bytes were read, all of them complete lines. */
  offset: number;
  /** How many lines that were. */
  lines: number;
  /** The number of the last line. */
  n: number;
  /** How much of the file its first line and snapshot take. */
  snapshotBytes: number;

  /** Takes over a file that was read, or written, up to `at`. */
  constructor(
    path: string,
    file: Deno.FsFile,
    meaning: Meaning<S>,
    at: Pick<View<S>, "header" | "state" | "offset" | "lines" | "n" | "snapshotBytes">,
  ) {
    this.path = path;
    this.file = file;
    this.header = at.header;
    this.state = at.state;
    this.#meaning = meaning;
    this.#identity = file.statSync();
    this.offset = at.offset;
    this.lines = at.lines;
    this.n = at.n;
    this.snapshotBytes = at.snapshotBytes;
  }

  /**
   * Opens the file and reads its first line.
   *
   * @throws {StoreError} if it cannot be opened, or is no file of this meaning.
   */
  static open<S>(path: string, meaning: Meaning<S>): View<S> {
    const file = openFile(path);
    try {
      const line = readBytes(path, file, 0, 4096);
      const offset = lineEnd(line, 0);
      const header = parseHeader(path, line.subarray(0, offset || line.length), meaning);
      const { n } = header;
      const state = meaning.empty();
      return new View(path, file, meaning, {
        header,
        state,
        offset,
        lines: 1,
        n,
        snapshotBytes: offset,
      });
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Is this the file that now has the name? As it is open, no other can have its inode. */
  isNamed(named: Deno.FileInfo): boolean {
    return isSameFile(named, this.#identity);
  }

  /** Is it as long as what was read of it? */
  isRead(): boolean {
    return this.file.seekSync(0, Deno.SeekMode.End) === this.offset;
  }

  /**
   * Reads the complete lines up to a place in the file, and takes a step for each chunk.
   *
   * @throws {StoreError} `corrupt` if a line is not as it was written; those before it were read.
   */
  *readTo(end: number): Generator<void> {
    let size = CHUNK_BYTES;
    while (this.offset < end) {
      const length = Math.min(size, end - this.offset);
      const chunk = readBytes(this.path, this.file, this.offset, length);
      const complete = lastLineEnd(chunk);
      if (complete === 0) {
        if (chunk.length < size) return;
        size *= 2;
        continue;
      }
      this.#take(chunk.subarray(0, complete));
      yield;
    }
  }

  /** The bytes from `start` to `end`. */
  bytes(start: number, end: number): Uint8Array {
    return readBytes(this.path, this.file, start, end - start);
  }

  /** Where the last complete line before `end` ends. */
  lastLineEnd(end: number): number {
    for (let high = end; high > this.offset;) {
      const low = Math.max(this.offset, high - CHUNK_BYTES);
      const found = lastLineEnd(this.bytes(low, high));
      if (found > 0) return low + found;
      high = low;
    }
    return this.offset;
  }

  /** Notes lines that this process has written itself. */
  wrote(bytes: number, lines: number) {
    this.offset += bytes;
    this.lines += lines;
    this.n += lines;
  }

  /** The error of a line that is not as it was written. */
  corrupt(line: number, start: number, length: number, cause?: unknown): StoreError {
    return corrupt(this.path, line, start, start + length, cause);
  }

  #take(chunk: Uint8Array) {
    const ends = this.#checkedEnds(chunk);
    let parsed: ParsedLines;
    try {
      parsed = parseLines(chunk, ends);
    } catch (cause) {
      if (ends.length === 1) throw this.corrupt(this.lines + 1, this.offset, chunk.length, cause);
      // One by one, to say which of them it is.
      const { offset } = this;
      for (const end of ends) this.#take(this.bytes(this.offset, offset + end));
      return;
    }
    let start = 0;
    for (const [index, end] of ends.entries()) {
      try {
        this.#takeLine(parsed.numbers[index]!, parsed.contents[index]);
      } catch (cause) {
        throw this.corrupt(this.lines + 1, this.offset, end - start, cause);
      }
      this.offset += end - start;
      this.lines++;
      if (this.n === this.header.n) this.snapshotBytes = this.offset;
      start = end;
    }
  }

  /** Where each line ends, if all are as they were written. */
  #checkedEnds(chunk: Uint8Array): number[] {
    const ends: number[] = [];
    for (let start = 0; start < chunk.length;) {
      const end = lineEnd(chunk, start);
      if (!isIntact(chunk.subarray(start, end - 1))) {
        // What stands before it is good, and a caller that only reads may go on with that.
        if (start > 0) this.#take(chunk.subarray(0, start));
        throw this.corrupt(this.lines + 1, this.offset, end - start);
      }
      ends.push(end);
      start = end;
    }
    return ends;
  }

  #takeLine(n: number, content: unknown) {
    // The lines of a snapshot all have the number of the last one that they stand for.
    const inSnapshot = this.n === this.header.n && n === this.n;
    if (!inSnapshot && n !== this.n + 1) throw new Error(`Line ${this.n + 1} is missing`);
    this.#meaning.apply(this.state, content);
    if (!inSnapshot) this.n++;
  }

  [Symbol.dispose]() {
    this.file.close();
  }
}

function openFile(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, append: true });
  } catch (cause) {
    throw fileError(`Cannot open ${path}`, cause);
  }
}
