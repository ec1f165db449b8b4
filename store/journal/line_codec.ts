/**
 * A line of a journal: JSON that ends in a checksum of all that stands before it.
 *
 * @module
 */

import { crc32 } from "node:zlib";

const NEWLINE = 0x0a;
const SPACE = 0x20;
const COMMA = 0x2c;
const BRACKET = 0x5b;

/** What stands before a line's number, and between that and its content. */
const OPEN = bytesOf('{"n":');
const THEN = bytesOf(',"o":');
/** What stands around the eight digits of a line's checksum: `,"c":"bb773b94"}`. */
const BEFORE_CHECK = bytesOf(',"c":"');
const AFTER_CHECK = bytesOf('"}');
const DIGITS = 8;
const CHECK_BYTES = BEFORE_CHECK.length + DIGITS + AFTER_CHECK.length;

/** In how many places of its content a line may look as if it ended. */
const MAX_ENDS = 4;

/** Makes a line of an object's JSON text without its closing brace. */
export function encodeLine(open: string): string {
  return `${open},"c":"${crc32(open).toString(16).padStart(DIGITS, "0")}"}\n`;
}

/** Makes the line of an entry. The space is where versions that write no marks have none. */
export function encodeEntry(n: number, content: string): string {
  return encodeLine(`{"n":${n},"o": ${content}`);
}

/** The checksum of a line, without its newline, that is as it was written. */
export function intactCheck(line: Uint8Array): number | undefined {
  const start = line.length - CHECK_BYTES;
  const digits = start + BEFORE_CHECK.length;
  if (start <= 0 || !has(line, start, BEFORE_CHECK) || !has(line, digits + DIGITS, AFTER_CHECK)) {
    return undefined;
  }
  const crc = crc32(line.subarray(0, start));
  // As text, so that a flipped bit in a digit's case does not go unseen.
  for (let i = 0; i < DIGITS; i++) {
    const digit = (crc >>> (28 - 4 * i)) & 15;
    if (line[digits + i] !== digit + (digit < 10 ? 48 : 87)) return undefined;
  }
  return crc;
}

/** Is this line, without its newline, as it was written? */
export function isIntact(line: Uint8Array): boolean {
  return intactCheck(line) !== undefined;
}

/** Where the first line ends, with its newline; 0 if it doesn't. */
export function lineEnd(bytes: Uint8Array, start: number): number {
  return bytes.indexOf(NEWLINE, start) + 1;
}

/** Where the last complete line ends, with its newline; 0 if there is none. */
export function lastLineEnd(bytes: Uint8Array): number {
  return bytes.lastIndexOf(NEWLINE) + 1;
}

/**
 * The intact lines that bytes begin with, which are none as a whole: where only newlines were damaged,
 * the lines on both sides of them are as they were written. Further in, what looks like a line may be
 * a value that someone else chose.
 */
export function* intactParts(
  bytes: Uint8Array,
): Generator<{ readonly start: number; readonly end: number }> {
  // Any byte may now be what was the newline between two lines, or after the last one.
  const ends = [bytes.length - 1, bytes.length];
  for (let at = bytes.lastIndexOf(OPEN[0]!); at > 0; at = bytes.lastIndexOf(OPEN[0]!, at - 1)) {
    if (has(bytes, at, OPEN)) ends.push(at - 1);
  }
  let start = 0;
  for (const end of ends.sort((a, b) => a - b)) {
    if (end <= start || !isIntact(bytes.subarray(start, end))) continue;
    yield { start, end };
    start = end + 1;
  }
}

/**
 * The first line that bytes begin with, and the lines anywhere in them, as far as they are intact: what
 * stands around one, or in place of its newline, does not matter. For files in which no value that
 * someone else chose can look like a line.
 */
export function* intactWithin(
  bytes: Uint8Array,
): Generator<{ readonly start: number; readonly end: number }> {
  const ends = Array.from(places(bytes, BEFORE_CHECK), (at) => at + CHECK_BYTES);
  let next = 0;
  let done = 0;
  for (const start of [0, ...places(bytes, OPEN)]) {
    if (start < done) continue;
    while (next < ends.length && ends[next]! <= start) next++;
    const mine = ends.slice(next, next + MAX_ENDS);
    const end = mine.find((end) => isIntact(bytes.subarray(start, end)));
    if (end !== undefined) yield { start, end: done = end };
  }
}

/** Where this part is in bytes. */
function* places(bytes: Uint8Array, part: Uint8Array): Generator<number> {
  for (let at = bytes.indexOf(part[0]!); at >= 0; at = bytes.indexOf(part[0]!, at + 1)) {
    if (has(bytes, at, part)) yield at;
  }
}

/** What intact lines say: the number of each, and its content. */
export interface ParsedLines {
  readonly numbers: readonly number[];
  readonly contents: readonly unknown[];
  /** The number of the last that a version without marks wrote. */
  readonly older: number | undefined;
}

/** Where the content of an entry's line begins, after its number; 0 if it is none. */
export function contentStart(line: Uint8Array): number {
  let at = OPEN.length;
  while (isDigit(line[at])) at++;
  return has(line, 0, OPEN) && has(line, at, THEN) ? at + THEN.length : 0;
}

/** Did a version without marks write this entry, whose content begins at `start`? */
export function isOlder(lines: Uint8Array, start: number): boolean {
  return lines[start] !== SPACE;
}

/** Did such a version write the line with this number that begins here, as far as damage leaves it? */
export function seemsOlder(bytes: Uint8Array, n: number): boolean {
  const before = bytesOf(`{"n":${n},"o":`);
  const alike = before.filter((byte, i) => byte === bytes[i]).length;
  const [next, second] = bytes.subarray(before.length);
  // A block that a power cut has lost is read as zeros; and the space itself may be what is damaged.
  return alike * 2 > before.length && next !== undefined && next !== SPACE && next !== 0 &&
    second !== BRACKET;
}

/**
 * Parses intact lines, given where each of them ends. All at once is much faster than one by one, and
 * so is leaving out what stands around the contents: it is overwritten.
 */
export function parseLines(lines: Uint8Array, ends: readonly number[]): ParsedLines {
  const numbers: number[] = [];
  let older: number | undefined;
  let start = 0;
  for (const end of ends) {
    let at = start + OPEN.length;
    let n = 0;
    for (; isDigit(lines[at]); at++) n = n * 10 + lines[at]! - 48;
    if (!has(lines, start, OPEN) || !has(lines, at, THEN)) {
      throw new SyntaxError("A line must begin with its number");
    }
    numbers.push(n);
    const content = at + THEN.length;
    if (isOlder(lines, content)) older = n;
    lines.fill(SPACE, start, content);
    lines.fill(SPACE, end - 1 - CHECK_BYTES, end - 1);
    lines[end - 1] = COMMA;
    start = end;
  }
  const contents = JSON.parse(`[${decoder.decode(lines.subarray(0, -1))}]`);
  if (contents.length !== numbers.length) throw new SyntaxError("A line must have one content");
  return { numbers, contents, older };
}

/** What one intact line says, its content as JSON text; `undefined` if it is no entry. */
export function entryOf(
  line: Uint8Array,
): { readonly n: number; readonly content: string } | undefined {
  const start = contentStart(line);
  if (start === 0) return undefined;
  const n = Number(decoder.decode(line.subarray(OPEN.length, start - THEN.length)));
  return { n, content: decoder.decode(line.subarray(start, -CHECK_BYTES)).trim() };
}

/** Parses one line of any shape. */
export function parseLine(line: Uint8Array): unknown {
  return JSON.parse(decoder.decode(line));
}

/** Does `part` stand there? */
export function has(bytes: Uint8Array, start: number, part: Uint8Array): boolean {
  for (let i = 0; i < part.length; i++) if (bytes[start + i] !== part[i]) return false;
  return true;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
