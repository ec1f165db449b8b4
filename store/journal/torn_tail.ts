/**
 * The tail of a journal, after the last line that could be read: a torn line of a killed writer, lines
 * that a power cut kept from the disk, or damage.
 *
 * @module
 */

import { contentStart, intactParts, isLegacy, seemsLegacy } from "./line_codec.ts";
import { scan } from "./scan.ts";
import type { Damage, JournalReader } from "./journal_reader.ts";

/** A tail by its cause. Only lines of a `damaged` one may have been acknowledged. */
export type Tail =
  | { readonly kind: "none" }
  | { readonly kind: "torn" }
  | { readonly kind: "unsynced"; readonly damage: Damage }
  | { readonly kind: "damaged"; readonly damage: Damage };

/** The most bytes before a line's content. */
const MAX_START = 32;

/** The tail from where a reader has got to `size`. */
export function tailOf<S>(reader: JournalReader<S>, size: number): Tail {
  const { offset, lines, damage } = reader;
  if (offset === size) return { kind: "none" };
  if (damage !== undefined) {
    const isUnsynced = !damage.isRejected && isBeyondMarks(reader, size);
    return { kind: isUnsynced ? "unsynced" : "damaged", damage };
  }
  const rest = reader.bytes(offset, size);
  const end = { line: lines + 1, start: offset, isRejected: false };
  // A whole line that goes on: its newline is damaged, which a killed writer does not leave behind.
  const [whole] = intactParts(rest);
  if (whole !== undefined && whole.end < rest.length) {
    const newline = { ...end, end: offset + whole.end + 1 };
    return { kind: isBeyondMarks(reader, size) ? "unsynced" : "damaged", damage: newline };
  }
  if (isMarked(reader, rest)) return { kind: "damaged", damage: { ...end, end: size } };
  return { kind: "torn" };
}

/**
 * Whether the next line, and all after it, were never acknowledged. Not known without a mark: lines of
 * a version without marks, or the end of a snapshot, may be damaged.
 */
function isBeyondMarks<S>(reader: JournalReader<S>, size: number): boolean {
  const { marked, legacy = 0, n, offset } = reader;
  if (marked === undefined) return isFirstMark(reader, size);
  if (legacy > marked) return false;
  if (seemsLegacy(reader.bytes(offset, Math.min(size, offset + MAX_START)), n + 1)) return false;
  for (const { kind, bytes } of scan(reader.path, reader.file, { from: offset, to: size })) {
    if (isMarked(reader, bytes)) return false;
    const content = kind === "whole" ? contentStart(bytes) : 0;
    if (content > 0 && isLegacy(bytes, content)) return false;
  }
  return true;
}

/** Whether it is a power cut's rest of the first mark, which a file without marks gets when opened. */
function isFirstMark<S>(reader: JournalReader<S>, size: number): boolean {
  const { marks, n, offset } = reader;
  if (marks === undefined) return false;
  const mark = encoder.encode(marks.encode({ n: n + 1, through: n, digest: undefined }));
  return size - offset === mark.length &&
    reader.bytes(offset, size).every((byte, i) => byte === 0 || byte === mark[i]);
}

/** Whether a mark in these bytes says that the next line was fsynced. */
function isMarked<S>({ n, marks }: JournalReader<S>, bytes: Uint8Array): boolean {
  for (const { through } of marks?.find(bytes) ?? []) if (through > n) return true;
  return false;
}

const encoder = new TextEncoder();
