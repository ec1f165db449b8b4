/**
 * A line of a journal: JSON that ends in a checksum of all that stands before it.
 *
 * @module
 */

import { crc32 } from "node:zlib";

const NEWLINE = 0x0a;

/** How many bytes of a line are its checksum: `,"c":"bb773b94"}`. */
const CHECK_BYTES = 16;

/** Makes a line of an object's JSON text without its closing brace. */
export function encodeLine(open: string): string {
  return `${open}${check(crc32(open))}\n`;
}

/** Is this line, without its newline, as it was written? */
export function isIntact(line: Uint8Array): boolean {
  const start = line.length - CHECK_BYTES;
  if (start <= 0) return false;
  // As text, so that a flipped bit in the checksum's own quotes or case does not go unseen.
  const expected = check(crc32(line.subarray(0, start)));
  for (let i = 0; i < CHECK_BYTES; i++) {
    if (line[start + i] !== expected.charCodeAt(i)) return false;
  }
  return true;
}

/** Where the first line ends, with its newline; 0 if it doesn't. */
export function lineEnd(bytes: Uint8Array, start: number): number {
  return bytes.indexOf(NEWLINE, start) + 1;
}

/** Where the last complete line ends, with its newline; 0 if there is none. */
export function lastLineEnd(bytes: Uint8Array): number {
  return bytes.lastIndexOf(NEWLINE) + 1;
}

/** Parses complete lines at once, which is much faster than one by one. */
export function parseLines(lines: Uint8Array): unknown[] {
  // A newline within JSON text is always escaped, so these are the lines' own.
  const text = decoder.decode(lines.subarray(0, -1)).replaceAll("\n", ",");
  return JSON.parse(`[${text}]`);
}
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function check(crc: number): string {
  return `,"c":"${crc.toString(16).padStart(8, "0")}"}`;
}
