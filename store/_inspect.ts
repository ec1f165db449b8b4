/**
 * What is in a journal's file, what is wrong with it, and which of its lines are good.
 *
 * @module
 */

import { fileError } from "./_files.ts";
import type { Header } from "./_header.ts";
import { parseLine } from "./_lines.ts";
import { type Piece, scan } from "./_scan.ts";
import { getTable, meaning, type Tables } from "./_tables.ts";
import { StoreError } from "./store.ts";

/** Something that is not as it should be. */
export interface Fault {
  readonly line: number;
  readonly start: number;
  readonly end: number;
  /** In plain words. */
  readonly what: string;
  /** Is what a line did lost? */
  readonly isLoss: boolean;
}

/** A line that is as it was written, and means something. */
export interface GoodLine {
  readonly line: number;
  /** What it says, as JSON text. */
  readonly content: string;
}

/** What the sessions of one server come to. */
export interface Count {
  readonly sessions: number;
  readonly expired: number;
  readonly values: number;
}

/** What is in one file; it fills as the file's good lines are taken from {@linkcode lines}. */
export class Inspection {
  readonly path: string;
  readonly #now: number;
  readonly #meaning;
  readonly #tables: Tables = new Map();
  bytes = 0;
  /** How many lines were written, the bad ones with them. */
  count = 0;
  header: Header | undefined;
  readonly faults: Fault[] = [];
  /** The bytes after the last line. */
  unfinished = 0;
  /** The number of the last good line. */
  #n: number | undefined;
  /** The number that all lines of the snapshot have. */
  #snapshot: number | undefined;
  /** How many damaged lines there were since the last good one. */
  #damaged = 0;
  /** What tells the good lines so far apart. */
  readonly #seen = new Set<string>();
  /** The lines that change a session that is not there, by session. */
  readonly #useless = new Map<string, number[]>();

  constructor(path: string, now: number) {
    this.path = path;
    this.#now = now;
    this.#meaning = meaning(() => now);
  }

  /** Is there anything in it that a journal has? */
  get isForeign(): boolean {
    return this.bytes > 0 && this.header === undefined && this.#n === undefined;
  }

  /** Are the lines those of a store? If their first line is damaged, they are taken for that. */
  get isStore(): boolean {
    return this.header === undefined || this.header.format === this.#meaning.format;
  }

  /** The sessions by the name of their server. */
  counts(): Map<string, Count> {
    return new Map(Array.from(this.#tables, ([namespace, table]) => {
      const expired = table.expired(this.#now).length;
      let values = 0;
      for (const change of table.changes()) {
        if (change.kind === "use") values += change.writes.length;
      }
      return [namespace, { sessions: table.size, expired, values }];
    }));
  }

  /** The lines that are good and of no use, as the line that began their session is lost. */
  useless(): number[][] {
    return this.faults.length > 0 ? [...this.#useless.values()] : [];
  }

  /**
   * Reads the file and gives the lines that are of use.
   *
   * @throws {StoreError} if it cannot be read, or is of a version that this program does not know.
   */
  *lines(): Generator<GoodLine> {
    try {
      using file = Deno.openSync(this.path);
      if (!file.statSync().isFile) throw new Error("it is not a regular file");
      for (const piece of scan(this.path, file)) {
        const content = this.#take(piece);
        if (content !== undefined) yield { line: piece.line, content };
      }
    } catch (cause) {
      throw fileError(`Cannot read ${this.path}`, cause);
    }
  }

  #take(piece: Piece): string | undefined {
    const { kind, bytes, line } = piece;
    this.bytes = kind === "unfinished" ? piece.end : piece.end + 1;
    switch (kind) {
      case "newline":
        this.bytes = piece.end;
        return this.#note(piece, "it should end the line before it", { isLoss: false });
      case "empty":
        this.count++;
        return this.#note(piece, "it is empty", { isLoss: false });
      case "unfinished":
        this.unfinished = bytes.length;
        return undefined;
      case "damaged":
        this.count++;
        this.#damaged++;
        return piece.start === 0
          ? this.#note(piece, "it is not as it was written; it has no session", { isLoss: false })
          : this.#note(piece, `it is not as it was written${guess(bytes)}`);
      case "whole":
        this.count++;
        if (line > 1 || this.#n !== undefined) return this.#takeLine(piece);
        if (this.#takeHeader(bytes)) return undefined;
        this.#note(piece, "the line before it, which has no session, is gone", { isLoss: false });
        return this.#takeLine(piece);
      default:
        return kind satisfies never;
    }
  }

  #takeHeader(bytes: Uint8Array): boolean {
    if (LINE.test(decoder.decode(bytes))) return false;
    const header = parseLine(bytes) as Partial<Header>;
    const { format, version } = this.#meaning;
    if (header.format === format && header.version !== version) {
      throw new StoreError(
        "unavailable",
        `${this.path} was written by another version of this program: use that one`,
      );
    }
    this.header = header as Header;
    this.#n = this.#snapshot = this.header.n;
    return true;
  }

  #takeLine(piece: Piece): string | undefined {
    const text = decoder.decode(piece.bytes);
    const [, number, content, check] = LINE.exec(text) ?? [];
    if (number === undefined || content === undefined) return this.#note(piece, STRANGE);
    const isCopy = this.#seen.has(`${number} ${check}`);
    this.#seen.add(`${number} ${check}`);
    this.#takeNumber(piece, Number(number), isCopy);
    if (isCopy) return undefined;
    if (!this.isStore) return content;
    try {
      return this.#isUseless(piece.line, JSON.parse(content)) ? undefined : content;
    } catch {
      return this.#note(piece, STRANGE);
    }
  }

  #takeNumber(piece: Piece, n: number, isCopy: boolean) {
    this.#snapshot ??= n;
    const last = this.#n ?? n;
    const lost = n - last - 1 - this.#damaged;
    this.#damaged = 0;
    if (isCopy) {
      this.#note(piece, "it is a copy of a line before it", { isLoss: false });
    } else if (n < last || (n === last && n !== this.#snapshot)) {
      this.#note(piece, `it is number ${n} and comes after number ${last}`, { isLoss: false });
    } else if (lost > 0) {
      this.#note(piece, `before it, ${lost === 1 ? "a line is" : `${lost} lines are`} missing`);
    }
    this.#n = Math.max(n, last);
  }

  /** Does a line only change sessions that are not there? If not, what it says is done. */
  #isUseless(line: number, content: unknown): boolean {
    const [namespace, ...changes] = content as [string, ...[string, unknown, ...unknown[]][]];
    if (typeof namespace !== "string") throw new TypeError("A line must begin with its namespace");
    const table = getTable(this.#tables, namespace);
    const name = (stateId: unknown) => JSON.stringify([namespace, stateId]);
    const lost = changes.filter(([kind, id]) => kind === "use" && !table.byStateId(String(id)));
    if (lost.length > 0 && lost.length === changes.length) {
      for (const [, id] of lost) {
        const lines = this.#useless.get(name(id));
        if (lines === undefined) this.#useless.set(name(id), [line]);
        else lines.push(line);
      }
      return true;
    }
    this.#meaning.apply(this.#tables, content);
    // While a file is written anew, a session may end before its turn comes: then nothing is lost.
    for (const [kind, id] of changes) if (kind === "drop") this.#useless.delete(name(id));
    return false;
  }

  #note({ line, start, end }: Piece, what: string, { isLoss = true } = {}): undefined {
    this.faults.push({ line, start, end, what, isLoss });
  }
}

const LINE = /^\{"n":(\d+),"o":(.*),"c":"([0-9a-f]{8})"\}$/s;
const STRANGE = "it is as it was written, but means nothing to this program";

/** What a damaged line seems to have done, as far as it can be read. */
function guess(bytes: Uint8Array): string {
  const text = latin1.decode(bytes);
  const [, namespace] = /"o": ?\["([^"\\]{1,48})"/.exec(text) ?? [];
  const kinds = [...text.matchAll(/\["(put|use|drop)",/g)].map(([, kind]) => kind);
  const words = Object.entries({ put: "begun", use: "changed", drop: "ended" })
    .filter(([kind]) => kinds.includes(kind)).map(([, word]) => word);
  if (words.length === 0) return "";
  const whose = namespace === undefined ? "" : ` of ${JSON.stringify(namespace)}`;
  return `; it seems to have ${words.join(" and ")} a session${whose}`;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const latin1 = new TextDecoder("latin1");
