/**
 * Sync marks: lines of a journal that say up to which number its lines are fsynced. Damage after the
 * last mark is of a power cut, and was never acknowledged; damage before one may have been.
 *
 * A mark is an entry that changes nothing, so versions without marks read it and go on.
 *
 * @module
 */

import { contentStart, encodeEntry, has, isIntact } from "./line_codec.ts";

/** The text before and after a mark's numbers, in the content of its line. */
export type SyncMarkFormat = readonly [before: string, after: string];

export interface SyncMark {
  /** The number of its own line. */
  readonly n: number;
  /** The number of the last line that is fsynced, with all before it. */
  readonly through: number;
  /** At the end of a snapshot: {@linkcode mixChecksum} over all its lines. */
  readonly digest: number | undefined;
}

const MAX_BYTES = 128;

export class SyncMarks {
  readonly #form: SyncMarkFormat;
  readonly #before: Uint8Array;
  readonly #pattern: RegExp;

  constructor(form: SyncMarkFormat) {
    this.#form = form;
    this.#before = new TextEncoder().encode(` ${form[0]}`);
    const [before, after] = form.map(RegExp.escape);
    // A stored value stands between commas, colons and brackets, a line never does.
    this.#pattern = new RegExp(
      `(?<![,:[])\\{"n":(\\d+),"o": ${before}(\\d+)(?:,(\\d+))?${after},"c":"[0-9a-f]{8}"\\}(?![,\\]}])`,
      "g",
    );
  }

  encode({ n, through, digest }: SyncMark): string {
    const [before, after] = this.#form;
    return encodeEntry(n, `${before}${through}${digest === undefined ? "" : `,${digest}`}${after}`);
  }

  read(line: Uint8Array): SyncMark | undefined {
    if (line.length > MAX_BYTES) return undefined;
    const start = contentStart(line);
    if (start === 0 || !has(line, start, this.#before)) return undefined;
    const [mark] = this.find(line);
    return mark;
  }

  /** The marks in bytes that may be damaged between them, in their newlines too. */
  *find(bytes: Uint8Array): Generator<SyncMark> {
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

/** Mixes the checksum of a line, given with its newline, into the digest of those before it. */
export function mixLine(digest: number, line: string): number {
  return mixChecksum(digest, Number.parseInt(line.slice(-11, -3), 16));
}

/** Mixes a line's checksum into the digest of those before it: their order counts. */
export function mixChecksum(digest: number, check: number): number {
  return Math.imul(digest ^ check, 0x01000193) >>> 0;
}

const latin1 = new TextDecoder("latin1");
