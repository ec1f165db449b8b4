/**
 * The reader of a journal: it checks lines, applies them to a state machine, and knows where it is.
 *
 * @module
 */

import { fileError, isSameFile, readBytes } from "./fs.ts";
import { type Header, parseHeader } from "./header.ts";
import {
  intactChecksum,
  lastLineEnd,
  lineEnd,
  type ParsedLines,
  parseLines,
} from "./line_codec.ts";
import { mixChecksum, type SyncMark, type SyncMarkFormat, SyncMarks } from "./sync_marks.ts";
import type { DamagedPlace } from "./journal_error.ts";

/** The meaning of a journal's lines: a state, and what each line changes in it. */
export interface StateMachine<S> {
  /** The name of the format, in the first line of the file. */
  readonly format: string;
  /** The version of the format that is written; a newer one is refused. */
  readonly version: number;
  /**
   * The form of sync marks: a content that `apply` of every version ignores. Without marks, all damage
   * is refused.
   */
  readonly mark?: SyncMarkFormat;
  empty(): S;
  /** Applies one line's content. @throws {Error} if the content is not of this machine. */
  apply(state: S, content: unknown): void;
  /**
   * The contents, as JSON text, that make this state. They are read in slices while the state goes on
   * changing; lines of changes meanwhile are applied once more after them.
   */
  snapshot(state: S): Iterable<string>;
  /** Takes out of the state what is of no use any more; called before a compaction. */
  tidy(state: S): Append;
}

/** The lines that are appended for one change of the state, all of them or none. */
export interface Append {
  /** The content of each line, as JSON text. There may be none. */
  readonly contents: readonly string[];
  /** Undoes the change of the state, as it could not be written. */
  undo(): void;
}

/** A line that is damaged, missing or rejected. */
export interface Damage extends DamagedPlace {
  readonly cause?: unknown;
  /** Whether the state machine rejects it, though it is intact and in sequence: no disk does that. */
  readonly isRejected: boolean;
}

/** The position of a reader: what was read, or written, up to `offset`. */
export type Position<S> = Pick<
  JournalReader<S>,
  | "header"
  | "state"
  | "offset"
  | "lines"
  | "n"
  | "snapshotBytes"
  | "marked"
  | "lastEntry"
  | "legacy"
>;

/** The bytes that are read at once: parsing costs the least at about this size. */
const CHUNK_BYTES = 1024 * 1024;

export type OpenedTwice = Pick<JournalReader<unknown>, "file" | "syncFile">;

export class JournalReader<S> {
  readonly path: string;
  readonly file: Deno.FsFile;
  /**
   * The same file, open once more for fsync: when no more files can be opened, a file cannot be read or
   * written during its fsync.
   */
  readonly syncFile: Deno.FsFile;
  readonly header: Header;
  readonly state: S;
  readonly #machine: StateMachine<S>;
  readonly #identity: Deno.FileInfo;
  /** The bytes that were read, all of them complete lines. */
  offset: number;
  lines: number;
  /** The number of the last line. */
  n: number;
  /** The bytes of the header and the snapshot. */
  snapshotBytes: number;
  /** The highest number that a mark before `offset` has; `undefined` if there is no mark. */
  marked: number | undefined;
  /** The number of the last line that is no mark. */
  lastEntry: number;
  /** The number of the last line that a version without marks wrote. */
  legacy: number | undefined;
  /** The line that ended the last `readTo` too early. */
  damage: Damage | undefined;
  readonly marks: SyncMarks | undefined;
  #digest = 0;
  #isSnapshotRead = false;

  constructor(
    path: string,
    { file, syncFile }: OpenedTwice,
    machine: StateMachine<S>,
    at: Position<S>,
  ) {
    this.path = path;
    this.file = file;
    this.syncFile = syncFile;
    this.header = at.header;
    this.state = at.state;
    this.#machine = machine;
    this.#identity = file.statSync();
    this.offset = at.offset;
    this.lines = at.lines;
    this.n = at.n;
    this.snapshotBytes = at.snapshotBytes;
    this.marked = at.marked;
    this.lastEntry = at.lastEntry;
    this.legacy = at.legacy;
    this.marks = machine.mark && new SyncMarks(machine.mark);
  }

  /**
   * Opens the file, unless `opened` is it, and reads its header.
   *
   * @throws {JournalError} if it cannot be opened, or has another format.
   */
  static open<S>(path: string, machine: StateMachine<S>, opened?: Deno.FsFile): JournalReader<S> {
    const files = opened === undefined ? openFile(path) : { file: opened, syncFile: opened };
    const { file } = files;
    try {
      const line = readBytes(path, file, 0, 4096);
      const offset = lineEnd(line, 0);
      const header = parseHeader(path, line.subarray(0, offset || line.length), machine);
      const { n } = header;
      const state = machine.empty();
      return new JournalReader(path, files, machine, {
        header,
        state,
        offset,
        lines: 1,
        n,
        snapshotBytes: offset,
        marked: undefined,
        lastEntry: n,
        legacy: undefined,
      });
    } catch (error) {
      if (opened === undefined) closeFile(files);
      throw error;
    }
  }

  successor(files: OpenedTwice, at: Omit<Position<S>, "state" | "n" | "lastEntry" | "legacy">) {
    const { path, state, n, lastEntry, legacy } = this;
    return new JournalReader(path, files, this.#machine, { ...at, state, n, lastEntry, legacy });
  }

  /** Whether this is the file that the path has now. As it is open, no other can have its inode. */
  isNamed(named: Deno.FileInfo): boolean {
    return isSameFile(named, this.#identity);
  }

  isRead(): boolean {
    return this.file.seekSync(0, Deno.SeekMode.End) === this.offset;
  }

  /**
   * Applies the complete lines up to `end`, and yields after each chunk. It ends early at a line that is
   * damaged, missing or rejected: see `damage`.
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

  bytes(start: number, end: number): Uint8Array {
    return readBytes(this.path, this.file, start, end - start);
  }

  /** The end of the last complete line before `end`. */
  lastLineEnd(end: number): number {
    for (let high = end; high > this.offset;) {
      const low = Math.max(this.offset, high - CHUNK_BYTES);
      const found = lastLineEnd(this.bytes(low, high));
      if (found > 0) return low + found;
      high = low;
    }
    return this.offset;
  }

  /** Goes past lines that this process has written, the first of them a mark if `marked` is given. */
  wrote(bytes: number, lines: number, marked: number | undefined) {
    this.offset += bytes;
    this.lines += lines;
    this.n += lines;
    if (marked !== undefined) this.marked = marked;
    if (marked === undefined ? lines > 0 : lines > 1) this.lastEntry = this.n;
  }

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
    marks: ReadonlyMap<number, SyncMark>,
  ): boolean {
    let parsed: ParsedLines;
    try {
      parsed = parseLines(lines, ends);
    } catch (cause) {
      if (ends.length === 1) return this.#refuse(lines.length, true, cause);
      // Parsed again one by one, to find the bad one; parseLines has overwritten the lines.
      const { offset } = this;
      return ends.every((end) => this.#take(this.bytes(this.offset, offset + end)));
    }
    this.legacy = parsed.legacy ?? this.legacy;
    let start = 0;
    for (const [index, end] of ends.entries()) {
      const n = parsed.numbers[index]!;
      const mark = marks.get(index);
      const wrong = mark ? this.#takeMark(mark) : this.#takeNumber(n, checks[index]!);
      if (wrong !== undefined) return this.#refuse(end - start, false, new Error(wrong));
      if (mark === undefined) {
        try {
          this.#machine.apply(this.state, parsed.contents[index]);
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

  #check(chunk: Uint8Array) {
    const ends: number[] = [];
    const checks: number[] = [];
    const marks = new Map<number, SyncMark>();
    for (let start = 0; start < chunk.length;) {
      const end = lineEnd(chunk, start);
      const line = chunk.subarray(start, end - 1);
      const check = intactChecksum(line);
      if (check === undefined) return { ends, checks, marks, badEnd: end };
      const mark = this.marks?.read(line);
      if (mark !== undefined) marks.set(ends.length, mark);
      if (!this.#isSnapshotRead) checks.push(check);
      ends.push(end);
      start = end;
    }
    return { ends, checks, marks, badEnd: undefined };
  }

  #refuse(length: number, isRejected: boolean, cause?: unknown): false {
    const { offset, lines } = this;
    this.damage = { line: lines + 1, start: offset, end: offset + length, isRejected, cause };
    return false;
  }

  /** Checks an entry's number. @returns What is wrong with it. */
  #takeNumber(n: number, check: number): string | undefined {
    if (!this.#isInSnapshot(n)) return n === this.n + 1 ? undefined : this.#missing();
    this.#digest = mixChecksum(this.#digest, check);
    return undefined;
  }

  /** Takes a mark. @returns What is wrong with it. */
  #takeMark({ n, through, digest }: SyncMark): string | undefined {
    if (this.#isInSnapshot(n)) {
      if (digest !== this.#digest) return "The snapshot before it is not whole";
      this.#isSnapshotRead = true;
    } else if (n !== this.n + 1) return this.#missing();
    // In a file that a version without marks has repaired, the lines are numbered otherwise.
    if (through <= this.n) this.marked = Math.max(this.marked ?? through, through);
    return undefined;
  }

  /** The lines of a snapshot all have the number of the last line that it includes. */
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

export function closeFile({ file, syncFile }: OpenedTwice): void {
  file.close();
  if (syncFile !== file) syncFile.close();
}
