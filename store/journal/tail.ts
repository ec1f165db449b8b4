/**
 * What stands in a journal's file after the last line that could be read: what a killed writer left,
 * what a power cut left, or damage.
 *
 * @module
 */

import { contentStart, intactParts, isOlder, seemsOlder } from "./line_codec.ts";
import { scan } from "./scan.ts";
import type { Damage, View } from "./journal_reader.ts";

/** What it is. Only what is `damaged` was ever acknowledged, or may have been. */
export type Rest =
  | { readonly kind: "none" }
  | { readonly kind: "unfinished" }
  | { readonly kind: "unsynced"; readonly damage: Damage }
  | { readonly kind: "damaged"; readonly damage: Damage };

/** What stands before a line's content is never longer. */
const MAX_START = 32;

/** Looks at what stands between what a view has read and `size`. */
export function restOf<S>(view: View<S>, size: number): Rest {
  const { offset, lines, damage } = view;
  if (offset === size) return { kind: "none" };
  if (damage !== undefined) {
    const isUnsynced = !damage.isSenseless && isBeyondMarks(view, size);
    return { kind: isUnsynced ? "unsynced" : "damaged", damage };
  }
  const rest = view.bytes(offset, size);
  const end = { line: lines + 1, start: offset, isSenseless: false };
  // A whole line that goes on: its newline was damaged, and nobody who was killed left it so.
  const [whole] = intactParts(rest);
  if (whole !== undefined && whole.end < rest.length) {
    const newline = { ...end, end: offset + whole.end + 1 };
    return { kind: isBeyondMarks(view, size) ? "unsynced" : "damaged", damage: newline };
  }
  if (isMarked(view, rest)) return { kind: "damaged", damage: { ...end, end: size } };
  return { kind: "unfinished" };
}

/**
 * Was nobody told that the next line, and what comes after it, is written? Before a mark that is
 * not known: what a version without marks wrote, or the end of a snapshot, may have been damaged.
 */
function isBeyondMarks<S>(view: View<S>, size: number): boolean {
  const { marked, older = 0, n, offset } = view;
  if (marked === undefined) return isFirstMark(view, size);
  if (older > marked) return false;
  if (seemsOlder(view.bytes(offset, Math.min(size, offset + MAX_START)), n + 1)) return false;
  for (const { kind, bytes } of scan(view.path, view.file, { from: offset, to: size })) {
    if (isMarked(view, bytes)) return false;
    const content = kind === "whole" ? contentStart(bytes) : 0;
    if (content > 0 && isOlder(bytes, content)) return false;
  }
  return true;
}

/** Is it what a power cut left of the first mark, which a file without marks gets as it is opened? */
function isFirstMark<S>(view: View<S>, size: number): boolean {
  const { marks, n, offset } = view;
  if (marks === undefined) return false;
  const mark = encoder.encode(marks.encode({ n: n + 1, through: n, digest: undefined }));
  return size - offset === mark.length &&
    view.bytes(offset, size).every((byte, i) => byte === 0 || byte === mark[i]);
}

/** Is there a mark in these bytes that the next line was on the disk? */
function isMarked<S>({ n, marks }: View<S>, bytes: Uint8Array): boolean {
  for (const { through } of marks?.find(bytes) ?? []) if (through > n) return true;
  return false;
}

const encoder = new TextEncoder();
