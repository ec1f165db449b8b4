/**
 * What one process has read of a journal's file.
 *
 * @module
 */

import { fileError, isSameFile, readBytes } from "./fs.ts";
import { corrupt, type Header, parseHeader } from "./header.ts";
import { intactCheck, lastLineEnd, lineEnd, type ParsedLines, parseLines } from "./line_codec.ts";
import { type Mark, type MarkForm, Marks, mixCheck } from "./sync_marks.ts";
import type { StoreError } from "../session_store.ts";

/** What the lines of a journal mean to its owner; the journal itself doesn't know. */
export interface Meaning<S> {
  /** The name of the format, in the first line of the file. */
  readonly format: string;
  /** The version of the format that is written; a newer one is refused. */
  readonly version: number;
  /**
   * How marks are written: as a content that `apply` of every version takes for nothing. Without
   * marks, damage is refused wherever it is.
   */
  readonly mark?: MarkForm;
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

/** A line that is not as it should be. */
export interface Damage {
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly cause?: unknown;
  /** Is it as it was written, and in its place? Then no accident of the disk has made it. */
  readonly isSenseless: boolean;
}

/** Where a view is: what was read, or written, up to `offset`. */
export type Place<S> = Pick<
  View<S>,
  "header" | "state" | "offset" | "lines" | "n" | "snapshotBytes" | "marked" | "lastEntry" | "older"
>;

/** How much is read at once: parsing costs the least at about this size. */
const CHUNK_BYTES = 1024 * 1024;

/** A file with another opening of it. */
export type OpenedTwice = Pick<View<unknown>, "file" | "syncFile">;

/** A file of the journal, opened, and the state that its lines make as far as they were read. */
export class View<S> {
  readonly path: string;
  readonly file: Deno.FsFile;
  /**
   * The same file once more, to be synced: when no more files can be opened, one that is being synced
   * cannot be read or written.
   */
  readonly syncFile: Deno.FsFile;
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
  /** The highest number that a mark before `offset` has; `undefined` if there is no mark. */
  marked: number | undefined;
  /** The number of the last line that is no mark. */
  lastEntry: number;
  /** The number of the last line that a version without marks wrote. */
  older: number | undefined;
  /** What ended the last reading too early. */
  damage: Damage | undefined;
  readonly marks: Marks | undefined;
  /** Made of the checksums of the snapshot's lines so far. */
  #digest = 0;
  #isSnapshotRead = false;

  /** Takes over a file that was read, or written, up to `at`, and is opened once more for syncing. */
  constructor(
    path: string,
    { file, syncFile }: OpenedTwice,
    meaning: Meaning<S>,
    at: Place<S>,
  ) {
    this.path = path;
    this.file = file;
    this.syncFile = syncFile;
    this.header = at.header;
    this.state = at.state;
    this.#meaning = meaning;
    this.#identity = file.statSync();
    this.offset = at.offset;
    this.lines = at.lines;
    this.n = at.n;
    this.snapshotBytes = at.snapshotBytes;
    this.marked = at.marked;
    this.lastEntry = at.lastEntry;
    this.older = at.older;
    this.marks = meaning.mark && new Marks(meaning.mark);
  }

  /**
   * Opens the file, unless `opened` is it, and reads its first line.
   *
   * @throws {StoreError} if it cannot be opened, or is no file of this meaning.
   */
  static open<S>(path: string, meaning: Meaning<S>, opened?: Deno.FsFile): View<S> {
    const files = opened === undefined ? openFile(path) : { file: opened, syncFile: opened };
    const { file } = files;
    try {
      const line = readBytes(path, file, 0, 4096);
      const offset = lineEnd(line, 0);
      const header = parseHeader(path, line.subarray(0, offset || line.length), meaning);
      const { n } = header;
      const state = meaning.empty();
      return new View(path, files, meaning, {
        header,
        state,
        offset,
        lines: 1,
        n,
        snapshotBytes: offset,
        marked: undefined,
        lastEntry: n,
        older: undefined,
      });
    } catch (error) {
      if (opened === undefined) closeFile(files);
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
   * Reads the complete lines up to a place in the file, and takes a step for each chunk. It ends
   * before it gets there at a line that is not as it should be: see `damage`.
   */
  *readTo(end: number): Generator<void> {
    this.damage = undefined;
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
      if (!this.#take(chunk.subarray(0, complete))) return;
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

  /** Notes lines that this process has written itself, the first of them a mark if it says so. */
  wrote(bytes: number, lines: number, marked: number | undefined) {
    this.offset += bytes;
    this.lines += lines;
    this.n += lines;
    if (marked !== undefined) this.marked = marked;
    if (marked === undefined ? lines > 0 : lines > 1) this.lastEntry = this.n;
  }

  /** The error of a line that is not as it should be. */
  corrupt({ line, start, end, cause }: Damage): StoreError {
    return corrupt(this.path, line, start, end, cause);
  }

  /** Takes complete lines in. It says whether all of them were as they should be. */
  #take(chunk: Uint8Array): boolean {
    const { ends, checks, marks, badEnd } = this.#check(chunk);
    if (ends.length > 0 && !this.#takeIntact(chunk.subarray(0, ends.at(-1)), ends, checks, marks)) {
      return false;
    }
    return badEnd === undefined || this.#refuse(badEnd - (ends.at(-1) ?? 0), false);
  }

  #takeIntact(
    lines: Uint8Array,
    ends: readonly number[],
    checks: readonly number[],
    marks: ReadonlyMap<number, Mark>,
  ): boolean {
    let parsed: ParsedLines;
    try {
      parsed = parseLines(lines, ends);
    } catch (cause) {
      if (ends.length === 1) return this.#refuse(lines.length, true, cause);
      // One by one, to say which of them it is. Those that were parsed are not as they were.
      const { offset } = this;
      return ends.every((end) => this.#take(this.bytes(this.offset, offset + end)));
    }
    this.older = parsed.older ?? this.older;
    let start = 0;
    for (const [index, end] of ends.entries()) {
      const n = parsed.numbers[index]!;
      const mark = marks.get(index);
      const wrong = mark ? this.#takeMark(mark) : this.#takeNumber(n, checks[index]!);
      if (wrong !== undefined) return this.#refuse(end - start, false, new Error(wrong));
      if (mark === undefined) {
        try {
          this.#meaning.apply(this.state, parsed.contents[index]);
        } catch (cause) {
          return this.#refuse(end - start, true, cause);
        }
        this.lastEntry = n;
      }
      this.n = n;
      this.offset += end - start;
      this.lines++;
      if (n === this.header.n) this.snapshotBytes = this.offset;
      start = end;
    }
    return true;
  }

  /** Looks at lines up to the first that is not as it was written. */
  #check(chunk: Uint8Array) {
    const ends: number[] = [];
    const checks: number[] = [];
    const marks = new Map<number, Mark>();
    for (let start = 0; start < chunk.length;) {
      const end = lineEnd(chunk, start);
      const line = chunk.subarray(start, end - 1);
      const check = intactCheck(line);
      if (check === undefined) return { ends, checks, marks, badEnd: end };
      const mark = this.marks?.read(line);
      if (mark !== undefined) marks.set(ends.length, mark);
      if (!this.#isSnapshotRead) checks.push(check);
      ends.push(end);
      start = end;
    }
    return { ends, checks, marks, badEnd: undefined };
  }

  /** Notes that the next line is not as it should be. */
  #refuse(length: number, isSenseless: boolean, cause?: unknown): false {
    const { offset, lines } = this;
    this.damage = { line: lines + 1, start: offset, end: offset + length, isSenseless, cause };
    return false;
  }

  /** What is wrong with an entry's number. */
  #takeNumber(n: number, check: number): string | undefined {
    if (!this.#isInSnapshot(n)) return n === this.n + 1 ? undefined : this.#missing();
    this.#digest = mixCheck(this.#digest, check);
    return undefined;
  }

  /** What is wrong with a mark. */
  #takeMark({ n, through, digest }: Mark): string | undefined {
    if (this.#isInSnapshot(n)) {
      if (digest !== this.#digest) return "The snapshot before it is not whole";
      this.#isSnapshotRead = true;
    } else if (n !== this.n + 1) return this.#missing();
    // A file that was repaired by a version without marks has other numbers than they say.
    if (through <= this.n) this.marked = Math.max(this.marked ?? through, through);
    return undefined;
  }

  /** The lines of a snapshot all have the number of the last one that they stand for. */
  #isInSnapshot(n: number): boolean {
    return !this.#isSnapshotRead && n === this.header.n && n === this.n;
  }

  #missing(): string {
    return `Line ${this.n + 1} is missing`;
  }

  [Symbol.dispose]() {
    closeFile(this);
  }
}

function openFile(path: string): OpenedTwice {
  try {
    return openTwice(path);
  } catch (cause) {
    throw fileError(`Cannot open ${path}`, cause);
  }
}

/** Opens a file of the journal for a {@linkcode View}. */
export function openTwice(path: string): OpenedTwice {
  const options = { read: true, append: true };
  const file = Deno.openSync(path, options);
  let syncFile: Deno.FsFile | undefined;
  try {
    syncFile = Deno.openSync(path, options);
    if (!isSameFile(file.statSync(), syncFile.statSync())) throw new Error("it was replaced");
    return { file, syncFile };
  } catch (cause) {
    file.close();
    syncFile?.close();
    throw cause;
  }
}

/** Closes what {@linkcode openTwice} opened. */
export function closeFile({ file, syncFile }: OpenedTwice): void {
  file.close();
  if (syncFile !== file) syncFile.close();
}
