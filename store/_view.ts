/**
 * What one process has read of a journal's file.
 *
 * @module
 */

import { fileError, isSameFile } from "./_files.ts";
import { encodeLine, isIntact, lastLineEnd, lineEnd, parseLines } from "./_lines.ts";
import { StoreError } from "./store.ts";

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

/** The first line of a file. */
export interface Header {
  readonly format: string;
  readonly version: number;
  /** Which journal this is, whatever the file's name. */
  readonly id: string;
  /** How often the file was written anew. */
  readonly generation: number;
  /** The number of the last line that the lines of the snapshot after it stand for. */
  readonly n: number;
}

/** The text of a first line. */
export function encodeHeader(header: Header): string {
  const { format, version, id, generation, n } = header;
  return encodeLine(JSON.stringify({ format, version, id, generation, n }).slice(0, -1));
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
      const line = read(path, file, 0, 4096);
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

  /**
   * Reads the complete lines up to a place in the file, and takes a step for each chunk.
   *
   * @throws {StoreError} `corrupt` if a line is not as it was written; those before it were read.
   */
  *readTo(end: number): Generator<void> {
    let size = CHUNK_BYTES;
    while (this.offset < end) {
      const length = Math.min(size, end - this.offset);
      const chunk = read(this.path, this.file, this.offset, length);
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
    return read(this.path, this.file, start, end - start);
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
  corrupt(line: number, start: number, end: number, cause?: unknown): StoreError {
    return corrupt(this.path, line, start, end, cause);
  }

  #take(chunk: Uint8Array) {
    const ends: number[] = [];
    for (let start = 0; start < chunk.length;) {
      const end = lineEnd(chunk, start);
      if (!isIntact(chunk.subarray(start, end - 1))) {
        // What stands before it is good, and a caller that only reads may go on with that.
        if (start > 0) this.#take(chunk.subarray(0, start));
        throw this.corrupt(this.lines + 1, this.offset, this.offset + end - start);
      }
      ends.push(end);
      start = end;
    }
    let before = 0;
    for (const [index, line] of this.#parse(chunk).entries()) {
      const length = ends[index]! - before;
      try {
        this.#takeLine(line);
      } catch (cause) {
        throw this.corrupt(this.lines + 1, this.offset, this.offset + length, cause);
      }
      this.offset += length;
      this.lines++;
      if (this.n === this.header.n) this.snapshotBytes = this.offset;
      before = ends[index]!;
    }
  }

  #parse(chunk: Uint8Array): unknown[] {
    try {
      return parseLines(chunk);
    } catch (cause) {
      throw this.corrupt(this.lines + 1, this.offset, this.offset + chunk.length, cause);
    }
  }

  #takeLine(line: unknown) {
    const { n, o } = line as { readonly n?: unknown; readonly o?: unknown };
    // The lines of a snapshot all have the number of the last one that they stand for.
    const inSnapshot = this.n === this.header.n && n === this.n;
    if (!inSnapshot && n !== this.n + 1) throw new Error(`Line ${this.n + 1} is missing`);
    this.#meaning.apply(this.state, o);
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

function read(path: string, file: Deno.FsFile, start: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  try {
    file.seekSync(start, Deno.SeekMode.Start);
    while (done < length) {
      const count = file.readSync(bytes.subarray(done));
      if (count === null) break;
      done += count;
    }
  } catch (cause) {
    throw fileError(`Cannot read ${path}`, cause);
  }
  return bytes.subarray(0, done);
}

function parseHeader<S>(path: string, line: Uint8Array, meaning: Meaning<S>): Header {
  const { format, version } = meaning;
  const intact = isIntact(line.subarray(0, -1));
  const header = intact ? parseLines(line)[0] as Partial<Header> : undefined;
  if (header?.format === format && header.version !== undefined && header.version > version) {
    throw new StoreError(
      "unavailable",
      `${path} was written by a newer version of this program: update it, or use another file`,
    );
  }
  if (header?.format === format && header.version === version) return header as Header;
  const start = `{"format":"${format}"`;
  const looksLikeOurs = new TextDecoder().decode(line.subarray(0, start.length)) === start;
  if (looksLikeOurs) throw corrupt(path, 1, 0, line.length);
  throw new StoreError(
    "corrupt",
    `${path}, line 1, bytes 0 to ${line.length}: this is not a file of ${format}; ` +
      `it was not changed, use another one`,
  );
}

function corrupt(path: string, line: number, start: number, end: number, cause?: unknown) {
  return new StoreError(
    "corrupt",
    `${path} is damaged in line ${line}, bytes ${start} to ${end}; it was not changed: ` +
      `put back a copy of it, or move it away to start anew`,
    { cause },
  );
}
