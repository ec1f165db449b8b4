/**
 * The lines of a journal, good and bad, read without a lock.
 *
 * @module
 */

import { readBytes } from "./fs.ts";
import { intactParts, isIntact, lastLineEnd, lineEnd } from "./line_codec.ts";

/** A piece of the file: its bytes from `start` to `end`, without a line's newline. */
export interface Piece {
  /**
   * - `whole`: an intact line
   * - `damaged`: a line that is not intact
   * - `empty`: a line without bytes
   * - `newline`: the damaged newline of a whole line
   * - `torn`: all after the last newline
   */
  readonly kind: "whole" | "damaged" | "empty" | "newline" | "torn";
  /** The number of its line by newlines, from 1 where the part begins. */
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

const CHUNK_BYTES = 1024 * 1024;

export interface Part {
  /** The beginning of a line. @default 0 */
  readonly from?: number;
  /** @default the file's end */
  readonly to?: number;
}

export function* scan(
  path: string,
  file: Deno.FsFile,
  { from = 0, to = file.statSync().size }: Part = {},
): Generator<Piece> {
  let line = 1;
  let offset = from;
  for (let length = CHUNK_BYTES; offset < to;) {
    const chunk = readBytes(path, file, offset, Math.min(length, to - offset));
    const complete = lastLineEnd(chunk);
    if (complete === 0 && chunk.length === length) {
      length *= 2;
      continue;
    }
    for (let start = 0; start < complete;) {
      const end = lineEnd(chunk, start);
      yield* pieces(chunk.subarray(start, end - 1), line++, offset + start);
      start = end;
    }
    if (complete === 0) {
      yield* tornPieces(chunk, line, offset);
      return;
    }
    offset += complete;
  }
}

/** The pieces of a complete line: a damaged one may have whole lines in it. */
function* pieces(bytes: Uint8Array, line: number, offset: number): Generator<Piece> {
  const piece = pieceOf(bytes, line, offset);
  if (isIntact(bytes)) {
    yield piece("whole", 0, bytes.length);
    return;
  }
  if (bytes.length === 0) yield piece("empty", 0, 0);
  let done = 0;
  for (const { start, end } of intactParts(bytes)) {
    yield piece("whole", start, end);
    done = Math.min(end + 1, bytes.length);
    if (done > end) yield piece("newline", end, done);
  }
  if (done < bytes.length) yield piece("damaged", done, bytes.length);
}

/** The pieces after the last newline: a whole line that goes on has a damaged newline. */
function* tornPieces(bytes: Uint8Array, line: number, offset: number): Generator<Piece> {
  const piece = pieceOf(bytes, line, offset);
  let done = 0;
  for (const { start, end } of intactParts(bytes)) {
    if (end === bytes.length) break;
    yield piece("whole", start, end);
    yield piece("newline", end, end + 1);
    done = end + 1;
  }
  if (done < bytes.length) yield piece("torn", done, bytes.length);
}

function pieceOf(bytes: Uint8Array, line: number, offset: number) {
  return (kind: Piece["kind"], start: number, end: number): Piece => ({
    kind,
    line,
    start: offset + start,
    end: offset + end,
    bytes: bytes.subarray(start, end),
  });
}
