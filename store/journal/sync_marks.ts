/**
 * Marks: lines of a journal that say up to which number its lines are on the disk. What a power cut
 * leaves damaged beyond all marks was never acknowledged; what is damaged before one was.
 *
 * A mark is an entry that changes nothing, so versions without marks read it and go on.
 *
 * @module
 */

import { contentStart, encodeEntry, has, isIntact } from "./line_codec.ts";

/** What stands before and after a mark's numbers, in the content of its line. */
export type MarkForm = readonly [before: string, after: string];

/** What a mark says. */
export interface Mark {
  /** The number of its own line. */
  readonly n: number;
  /** Up to which number all lines are on the disk. */
  readonly through: number;
  /** At the end of a snapshot: what {@linkcode mixCheck} makes of all its lines. */
  readonly digest: number | undefined;
}

/** No mark is longer, whatever its numbers are. */
const MAX_BYTES = 128;

/** The marks of one kind of journal. */
export class Marks {
  readonly #form: MarkForm;
  readonly #before: Uint8Array;
  readonly #pattern: RegExp;

  constructor(form: MarkForm) {
    this.#form = form;
    this.#before = new TextEncoder().encode(` ${form[0]}`);
    const [before, after] = form.map(RegExp.escape);
    // A value that somebody stored stands between commas, colons and brackets, a line never does.
    this.#pattern = new RegExp(
      `(?<![,:[])\\{"n":(\\d+),"o": ${before}(\\d+)(?:,(\\d+))?${after},"c":"[0-9a-f]{8}"\\}(?![,\\]}])`,
      "g",
    );
  }

  /** The line of a mark. */
  encode({ n, through, digest }: Mark): string {
    const [before, after] = this.#form;
    return encodeEntry(n, `${before}${through}${digest === undefined ? "" : `,${digest}`}${after}`);
  }

  /** What an intact line says, if it is a mark. */
  read(line: Uint8Array): Mark | undefined {
    if (line.length > MAX_BYTES) return undefined;
    const start = contentStart(line);
    if (start === 0 || !has(line, start, this.#before)) return undefined;
    const [mark] = this.find(line);
    return mark;
  }

  /** The marks in bytes that may be damaged anywhere between them, in their newlines too. */
  *find(bytes: Uint8Array): Generator<Mark> {
    for (const [line, n, through, digest] of latin1.decode(bytes).matchAll(this.#pattern)) {
      if (!isIntact(Uint8Array.from(line, (character) => character.charCodeAt(0)))) continue;
      yield {
        n: Number(n),
        through: Number(through),
        digest: digest === undefined ? undefined : Number(digest),
      };
    }
  }
}

/** Mixes the checksum of a line, with its newline, into what was made of those before it. */
export function mixEntry(digest: number, line: string): number {
  return mixCheck(digest, Number.parseInt(line.slice(-11, -3), 16));
}

/** Mixes a line's checksum into what was made of those before it: their order counts. */
export function mixCheck(digest: number, check: number): number {
  return Math.imul(digest ^ check, 0x01000193) >>> 0;
}

const latin1 = new TextDecoder("latin1");
