/**
 * The damage of a file that a store refuses, line by line: good lines, bad lines, and losses.
 *
 * @module
 */

import { readBytes } from "../journal/fs.ts";
import { type Header, parseHeader } from "../journal/header.ts";
import { entryOf, intactChecksum } from "../journal/line_codec.ts";
import { mixChecksum, type SyncMark, SyncMarks } from "../journal/sync_marks.ts";
import { bisect } from "../utf8_order.ts";
import { Orphans } from "./orphans.ts";
import { type Piece, scan } from "../journal/scan.ts";
import type { Tables } from "../file/state_machine.ts";
import type { StateMachine } from "../journal/journal_reader.ts";
import { JournalError } from "../journal/journal_error.ts";

export interface Fault {
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly what: string;
  /** Whether a change is lost, or may be. */
  readonly isLoss: boolean;
}

interface GoodLine extends Pick<Piece, "line" | "start" | "end"> {
  readonly n: number;
  readonly check: number;
  readonly mark: SyncMark | undefined;
}

/** A damaged line, until it is known whether its change is lost. */
interface BadLine extends Pick<Piece, "line" | "start" | "end"> {
  readonly n: undefined;
  readonly what: string;
  /** Whether it had no session in it, as far as it can be read. */
  readonly isNothing: boolean;
}

/** The snapshot that a file begins with. */
interface Snapshot {
  /** The number that all its lines have. */
  readonly n: number;
  readonly isWhole: boolean;
  /** The sync mark at its end, if that shows that it is not whole. */
  readonly denied?: GoodLine;
}

const STRANGE = "it is as it was written, but means nothing to this program";
const DAMAGED = "it is not as it was written";
/** The most bytes of a mark: no two lines are as short. */
const MARK_BYTES = 80;

export class Examination {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #machine: StateMachine<Tables>;
  readonly #isStore: boolean;
  readonly #marks: SyncMarks | undefined;
  readonly #faults: Fault[] = [];
  #lines: (GoodLine | BadLine)[] = [];
  #header: Header | undefined;
  /** Whether there are lines of more than one file. */
  #isMixed = false;
  #count = 0;
  #leftover: { kind: "torn"; start: number; end: number } | undefined;

  constructor(
    { path, file, size }: {
      readonly path: string;
      readonly file: Deno.FsFile;
      readonly size: number;
    },
    machine: StateMachine<Tables>,
    isStore: boolean,
  ) {
    this.#path = path;
    this.#file = file;
    this.#machine = machine;
    this.#isStore = isStore;
    this.#marks = machine.mark && new SyncMarks(machine.mark);
    for (const piece of scan(path, file, { to: size })) this.#take(piece);
  }

  found() {
    this.#lines = [...this.#withoutCopies()];
    const good = this.#lines.filter((line) => line.n !== undefined);
    const snapshot = this.#snapshot(good);
    this.#findGaps(good, snapshot);
    // Lines were written in the order of their numbers.
    const ordered = this.#isMixed ? good : good.toSorted((a, b) => a.n - b.n);
    const { state, orphans, useful } = this.#apply(ordered);
    const entry = (line: GoodLine) => entryOf(this.#bytes(line))?.content ?? "";
    return {
      verdict: good.length === 0 && this.#header === undefined
        ? "foreign" as const
        : "damaged" as const,
      count: this.#count,
      header: this.#header,
      faults: this.#faults.toSorted((a, b) => a.start - b.start),
      leftover: this.#leftover,
      useless: orphans.lines(),
      lacksSnapshot: snapshot.n > 0 && snapshot.isWhole && !good.some(({ n }) => n === snapshot.n),
      state,
      *contents() {
        for (const line of useful) yield entry(line);
      },
    };
  }

  #take(piece: Piece) {
    const { kind, line, start, end, bytes } = piece;
    const place = { line, start, end };
    if (kind !== "newline" && kind !== "torn") this.#count++;
    switch (kind) {
      case "newline":
        return this.#note(place, "it should end the line before it", false);
      case "torn":
        // A mark in it says that the lines before the mark were acknowledged.
        if (!this.#hasMark(bytes) || end - start < MARK_BYTES) {
          this.#leftover = { kind, start, end };
        } else this.#lines.push({ ...place, n: undefined, what: DAMAGED, isNothing: false });
        return;
      case "empty":
        this.#lines.push({ ...place, n: undefined, what: "it is empty", isNothing: true });
        return;
      case "damaged": {
        const text = latin1.decode(bytes);
        const isNothing = text.includes(this.#machine.mark?.[0] ?? "\n") &&
          end - start < MARK_BYTES;
        this.#lines.push({ ...place, n: undefined, what: `${DAMAGED}${guess(text)}`, isNothing });
        return;
      }
      case "whole":
        return this.#takeWhole(place, bytes);
      default:
        return kind satisfies never;
    }
  }

  #hasMark(bytes: Uint8Array): boolean {
    return this.#marks?.find(bytes).next().done === false;
  }

  #takeWhole(place: Pick<Piece, "line" | "start" | "end">, bytes: Uint8Array) {
    try {
      const entry = entryOf(bytes);
      const check = intactChecksum(bytes);
      if (entry !== undefined && check !== undefined) {
        this.#lines.push({ ...place, n: entry.n, check, mark: this.#marks?.read(bytes) });
        return;
      }
      const line = new Uint8Array(bytes.length + 1).fill(NEWLINE);
      line.set(bytes);
      const header = parseHeader(this.#path, line, this.#machine);
      if (this.#header === undefined && this.#lines.every(({ n }) => n === undefined)) {
        this.#header = header;
      } else if (JSON.stringify(header) === JSON.stringify(this.#header)) {
        this.#note(place, "it is a copy of the first line", false);
      } else {
        this.#isMixed = true;
        this.#note(place, "another file begins here; what its lines did may undo what others did");
      }
    } catch (error) {
      if (error instanceof JournalError && error.code === "unavailable") throw error;
      this.#note(place, STRANGE);
    }
  }

  /** The lines without copies of lines before them. */
  *#withoutCopies(): Generator<GoodLine | BadLine> {
    const seen = new Map<string, GoodLine[]>();
    for (const line of this.#lines) {
      if (line.n !== undefined) {
        // Two of the many lines of a snapshot may well have one checksum.
        const key = `${line.n} ${line.check} ${line.end - line.start}`;
        const alike = seen.get(key) ?? [];
        seen.set(key, alike);
        if (alike.some((other) => this.#isSame(line, other))) {
          this.#note(line, "it is a copy of a line before it", false);
          continue;
        }
        alike.push(line);
      }
      yield line;
    }
  }

  #isSame(a: GoodLine, b: GoodLine): boolean {
    const other = this.#bytes(b);
    return this.#bytes(a).every((byte, i) => byte === other[i]);
  }

  #snapshot(good: readonly GoodLine[]): Snapshot {
    const ended = good.find(({ n, mark }) =>
      mark?.digest !== undefined && n === mark.through && n === (this.#header?.n ?? n)
    );
    if (ended !== undefined) {
      const { n } = ended;
      const lines = good.slice(0, good.indexOf(ended)).filter((line) => line.n === n);
      const digest = lines.reduce((mixed, { check }) => mixChecksum(mixed, check), 0);
      return digest === ended.mark?.digest
        ? { n, isWhole: true }
        : { n, isWhole: false, denied: ended };
    }
    // Without a mark at its end, the length of a snapshot is known only of the first file's: 0.
    const lowest = good.reduce((least, { n }) => Math.min(least, n), Infinity);
    const n = this.#header?.n ?? (lowest <= 1 ? 0 : lowest);
    if (n === 0 || good.length === 0) return { n, isWhole: n === 0 };
    const tail = this.#lines.findIndex((line) => line.n !== undefined && line.n > n);
    const before = this.#lines.slice(0, tail < 0 ? undefined : tail);
    const isDamaged = before.some((line) => line.n === undefined && !line.isNothing);
    return { n, isWhole: this.#header !== undefined && !isDamaged };
  }

  /** Notes lines that are bad, missing or out of order. */
  #findGaps(good: readonly GoodLine[], { n: first, isWhole, denied }: Snapshot) {
    const numbers = [...new Set(good.map(({ n }) => n))].sort((a, b) => a - b);
    const seen = new Set<number>();
    let bad: BadLine[] = [];
    let last = first;
    for (const line of this.#lines) {
      if (line.n === undefined) {
        bad.push(line);
        continue;
      }
      const { n } = line;
      const missing = n > last ? missingBetween(numbers, last, n) : 0;
      const isBeginning = last === first && !isWhole;
      const isLossKnown = this.#noteBad(bad, missing > 0 || isBeginning);
      const unseen = missing - bad.filter(({ start, end }) => start > 0 && end > start).length;
      if (n > first && seen.has(n)) this.#note(line, `it is another line with the number ${n}`);
      else if (n < last) {
        this.#note(line, `it is number ${n} and comes after number ${last}`, n < first);
      } else if (unseen > 0) {
        this.#note(
          line,
          `before it, ${unseen === 1 ? "a line is" : `${unseen} lines are`} missing`,
        );
      } else if (isLossKnown) {
        // The bad lines before it are noted.
      } else if (line === denied && !this.#faults.some(({ isLoss }) => isLoss)) {
        this.#note(line, "lines before it are missing, or not in their order");
      } else if (this.#header === undefined && line === good[0] && !isWhole) {
        this.#note(line, "what stood before it is gone, and sessions may have been in it");
      } else if (this.#header === undefined && line === good[0] && bad.length === 0) {
        this.#note(line, "the line before it, which has no session, is gone", false);
      }
      seen.add(n);
      last = Math.max(last, n);
      bad = [];
    }
    this.#noteBad(bad, true);
  }

  /** Notes bad lines. @returns Whether a change of theirs is lost. */
  #noteBad(bad: readonly BadLine[], mayBeLoss: boolean): boolean {
    for (const line of bad) {
      const isLoss = mayBeLoss && !line.isNothing;
      const isHeader = line.start === 0 && this.#header === undefined && !isLoss;
      this.#note(line, isHeader ? `${DAMAGED}; it has no session` : line.what, isLoss);
    }
    return mayBeLoss && bad.some(({ isNothing }) => !isNothing);
  }

  #apply(lines: readonly GoodLine[]) {
    const orphans = new Orphans();
    const state = this.#machine.empty();
    const useful: GoodLine[] = [];
    let place: GoodLine;
    const { apply } = this.#isStore ? orphans.watch(this.#machine, () => place) : this.#machine;
    for (const line of lines) {
      if (line.mark !== undefined) continue;
      place = line;
      try {
        apply(state, JSON.parse(entryOf(this.#bytes(line))?.content ?? ""));
        if (!orphans.isUseless(line.start)) useful.push(line);
      } catch {
        this.#note(line, STRANGE);
      }
    }
    return { state, orphans, useful };
  }

  #bytes({ start, end }: GoodLine): Uint8Array {
    return readBytes(this.#path, this.#file, start, end - start);
  }

  #note({ line, start, end }: Pick<Piece, "line" | "start" | "end">, what: string, isLoss = true) {
    this.#faults.push({ line, start, end, what, isLoss });
  }
}

/** The count of numbers between `low` and `high` that a sorted list lacks. */
function missingBetween(numbers: readonly number[], low: number, high: number): number {
  const upTo = (limit: number) => bisect(numbers, (n) => n < limit);
  return high - low - 1 - (upTo(high) - upTo(low + 1));
}

/** The change that a damaged line seems to have made, as far as it can be read. */
function guess(text: string): string {
  const [, namespace] = /"o": ?\["([^"\\]{1,48})"/.exec(text) ?? [];
  const kinds = [...text.matchAll(/\["(put|use|drop)",/g)].map(([, kind]) => kind);
  const words = Object.entries({ put: "begun", use: "changed", drop: "ended" })
    .filter(([kind]) => kinds.includes(kind)).map(([, word]) => word);
  if (words.length === 0) return "";
  const whose = namespace === undefined ? "" : ` of ${JSON.stringify(namespace)}`;
  return `; it seems to have ${words.join(" and ")} a session${whose}`;
}

const NEWLINE = 0x0a;
const latin1 = new TextDecoder("latin1");
