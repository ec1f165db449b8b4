/**
 * A journal's file as it lies there, the good lines and the bad: for looking at it and saving what is
 * good. Nothing is changed, and the lock is not taken, so it also reads what can't be written.
 *
 * @module
 */

import { readBytes } from "./fs.ts";
import { intactParts, isIntact, lastLineEnd, lineEnd } from "./line_codec.ts";

/** Some bytes of the file; those from `start` to `end`, without a line's newline. */
export interface Piece {
  /**
   * `whole` is a line as it was written, `damaged` one that is not, `empty` one without anything,
   * `newline` what should be one after a whole line, and `unfinished` all after the last newline.
   */
  readonly kind: "whole" | "damaged" | "empty" | "newline" | "unfinished";
  /** Its number, from 1 where the part begins, as newlines count. */
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

const CHUNK_BYTES = 1024 * 1024;

/** What part of a file is looked at. */
export interface Part {
  /** Where a line begins. @default 0 */
  readonly from?: number;
  /** @default the file's end */
  readonly to?: number;
}

/** All that is in this part of an open file, in order. */
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
      yield* unfinished(chunk, line, offset);
      return;
    }
    offset += complete;
  }
}

/** What a complete line comes to: if it is not whole, it may have whole lines in it. */
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

/** What is after the last newline: if a whole line goes on there, its newline was damaged. */
function* unfinished(bytes: Uint8Array, line: number, offset: number): Generator<Piece> {
  const piece = pieceOf(bytes, line, offset);
  let done = 0;
  for (const { start, end } of intactParts(bytes)) {
    if (end === bytes.length) break;
    yield piece("whole", start, end);
    yield piece("newline", end, end + 1);
    done = end + 1;
  }
  if (done < bytes.length) yield piece("unfinished", done, bytes.length);
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
