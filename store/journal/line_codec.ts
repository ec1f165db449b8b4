/**
 * The lines of a journal: JSON that ends in a checksum of all before it.
 *
 * @module
 */

import { crc32 } from "node:zlib";

const NEWLINE = 0x0a;
const SPACE = 0x20;
const COMMA = 0x2c;
const BRACKET = 0x5b;

/** The bytes before a line's number, and those between it and the content. */
const OPEN = bytesOf('{"n":');
const THEN = bytesOf(',"o":');
/** The bytes around the eight digits of a line's checksum: `,"c":"bb773b94"}`. */
const BEFORE_CHECK = bytesOf(',"c":"');
const AFTER_CHECK = bytesOf('"}');
const DIGITS = 8;
const CHECK_BYTES = BEFORE_CHECK.length + DIGITS + AFTER_CHECK.length;

/** The places of its content at which a line may look as if it ended. */
const MAX_ENDS = 4;

/** A line of an object's JSON text without its closing brace. */
export function encodeLine(open: string): string {
  return `${open},"c":"${crc32(open).toString(16).padStart(DIGITS, "0")}"}\n`;
}

/** An entry: a line with a number. Versions without sync marks write no space before the content. */
export function encodeEntry(n: number, content: string): string {
  return encodeLine(`{"n":${n},"o": ${content}`);
}

/** The checksum of an intact line, given without its newline; `undefined` if it is damaged. */
export function intactChecksum(line: Uint8Array): number | undefined {
  const start = line.length - CHECK_BYTES;
  const digits = start + BEFORE_CHECK.length;
  if (start <= 0 || !has(line, start, BEFORE_CHECK) || !has(line, digits + DIGITS, AFTER_CHECK)) {
    return undefined;
  }
  const crc = crc32(line.subarray(0, start));
  // As text, so that a flipped bit in a digit's case is found.
  for (let i = 0; i < DIGITS; i++) {
    const digit = (crc >>> (28 - 4 * i)) & 15;
    if (line[digits + i] !== digit + (digit < 10 ? 48 : 87)) return undefined;
  }
  return crc;
}

export function isIntact(line: Uint8Array): boolean {
  return intactChecksum(line) !== undefined;
}

/** The end of the line at `start`, with its newline; 0 if it has none. */
export function lineEnd(bytes: Uint8Array, start: number): number {
  return bytes.indexOf(NEWLINE, start) + 1;
}

/** The end of the last complete line, with its newline; 0 if there is none. */
export function lastLineEnd(bytes: Uint8Array): number {
  return bytes.lastIndexOf(NEWLINE) + 1;
}

/**
 * The intact lines at the beginning of bytes that are no line as a whole: where only newlines are
 * damaged, the lines on both sides are intact. Further in, what looks like a line may be a stored value.
 */
export function* intactParts(
  bytes: Uint8Array,
): Generator<{ readonly start: number; readonly end: number }> {
  // The newline between two lines, or after the last one, may be damaged.
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
 * The intact lines at the beginning of bytes and anywhere in them, whatever stands around one or in
 * place of its newline. For files in which no stored value can look like a line.
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

function* places(bytes: Uint8Array, part: Uint8Array): Generator<number> {
  for (let at = bytes.indexOf(part[0]!); at >= 0; at = bytes.indexOf(part[0]!, at + 1)) {
    if (has(bytes, at, part)) yield at;
  }
}

export interface ParsedLines {
  readonly numbers: readonly number[];
  readonly contents: readonly unknown[];
  /** The number of the last one that a version without marks wrote. */
  readonly legacy: number | undefined;
}

/** The start of an entry's content, after its number; 0 if the line is no entry. */
export function contentStart(line: Uint8Array): number {
  let at = OPEN.length;
  while (isDigit(line[at])) at++;
  return has(line, 0, OPEN) && has(line, at, THEN) ? at + THEN.length : 0;
}

/** Whether a version without marks wrote the entry whose content begins at `start`. */
export function isLegacy(lines: Uint8Array, start: number): boolean {
  return lines[start] !== SPACE;
}

/** Whether such a version seems to have written the damaged line `n` at the beginning of `bytes`. */
export function seemsLegacy(bytes: Uint8Array, n: number): boolean {
  const before = bytesOf(`{"n":${n},"o":`);
  const alike = before.filter((byte, i) => byte === bytes[i]).length;
  const [next, second] = bytes.subarray(before.length);
  // A block that a power cut has lost is read as zeros; and the space itself may be damaged.
  return alike * 2 > before.length && next !== undefined && next !== SPACE && next !== 0 &&
    second !== BRACKET;
}

/**
 * Parses intact lines, given the end of each. To parse all at once is much faster than one by one, and
 * so is to parse the contents alone: the bytes around them are overwritten.
 */
export function parseLines(lines: Uint8Array, ends: readonly number[]): ParsedLines {
  const numbers: number[] = [];
  let legacy: number | undefined;
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
    if (isLegacy(lines, content)) legacy = n;
    lines.fill(SPACE, start, content);
    lines.fill(SPACE, end - 1 - CHECK_BYTES, end - 1);
    lines[end - 1] = COMMA;
    start = end;
  }
  const contents = JSON.parse(`[${decoder.decode(lines.subarray(0, -1))}]`);
  if (contents.length !== numbers.length) throw new SyntaxError("A line must have one content");
  return { numbers, contents, legacy };
}

/** The number and the content, as JSON text, of one intact line; `undefined` if it is no entry. */
export function entryOf(
  line: Uint8Array,
): { readonly n: number; readonly content: string } | undefined {
  const start = contentStart(line);
  if (start === 0) return undefined;
  const n = Number(decoder.decode(line.subarray(OPEN.length, start - THEN.length)));
  return { n, content: decoder.decode(line.subarray(start, -CHECK_BYTES)).trim() };
}

export function parseLine(line: Uint8Array): unknown {
  return JSON.parse(decoder.decode(line));
}

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
