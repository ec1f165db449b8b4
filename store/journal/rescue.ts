/**
 * The rescue of a damaged journal: a new file with its good lines replaces it, for an owner who rather
 * loses the others than stops.
 *
 * @module
 */

import { randomHex } from "../../runtime/random_hex.ts";
import { type FileOwnership, ownershipOf } from "./file_ownership.ts";
import { openSideFile, removeLeftover } from "./side_files.ts";
import { fileError, isSameFile, readBytes, statIfAny, writeAll } from "./fs.ts";
import { Folders } from "./folder.ts";
import { encodeHeader } from "./header.ts";
import { encodeLine, intactWithin, lastLineEnd, parseLine } from "./line_codec.ts";
import { FileLock } from "./lock.ts";
import type { StateMachine } from "./journal_reader.ts";

const LOCK_MS = 10_000;

/** The bytes at a file's end in which its last newline is looked for. */
const TAIL_BYTES = 64 * 1024;
/** The format in a header, also a damaged one, and the bytes in which it is looked for. */
const FORMAT = /^\{"format":"([^"]*)"/;
const FORMAT_BYTES = 256;

export interface RescueOptions<S> {
  readonly machine: StateMachine<S>;
  readonly warn: (message: string) => void;
  readonly modeMask: number;
}

export interface Rescued<S> {
  /** The path of the damaged file's copy. */
  readonly aside: string;
  readonly state: S;
  /** The number of lines that could not be read, as far as it can be told. */
  readonly lost: number;
}

/**
 * Whether the file ends in good lines without their newlines. A killed writer leaves none there, so the
 * journal itself does not look for them.
 */
export function hidesLines(path: string, file: Deno.FsFile): boolean {
  const { size } = file.statSync();
  const length = Math.min(size, TAIL_BYTES);
  const tail = readBytes(path, file, size - length, length);
  return intactWithin(tail.subarray(lastLineEnd(tail))).next().done !== true;
}

/**
 * Replaces a damaged file by a new one with its good lines, and keeps a copy of it. At each moment one
 * of the two has the path, whole.
 *
 * Good lines are found wherever they stand. So this is only for journals whose contents cannot have an
 * object that looks like a line.
 *
 * @param damaged The file, opened before it was found to be damaged, so that no other is taken for it.
 * @returns `"replaced"` if another file has the path now; `"foreign"` if the file is another
 * program's or of another version, and left as it is.
 * @throws {JournalError} if it fails; the damaged file is left as it is.
 */
export async function rescue<S>(
  path: string,
  damaged: Deno.FsFile,
  { machine, warn, modeMask }: RescueOptions<S>,
): Promise<Rescued<S> | "replaced" | "foreign"> {
  const lock = new FileLock(path, { warn, lockTimeoutMs: LOCK_MS, modeMask });
  try {
    await lock.acquire();
    try {
      const found = damaged.statSync();
      const named = statIfAny(path);
      if (named === undefined || !isSameFile(named, found)) return "replaced";
      const bytes = readBytes(path, damaged, 0, found.size);
      const good = readGoodLines(bytes, machine);
      if (good === undefined) return "foreign";
      using folder = new Folders(warn).open(path);
      const aside = replaceDamaged(path, bytes, encode(good.state, machine), modeMask);
      folder.sync();
      lock.bumpEpoch();
      return { aside, ...good };
    } finally {
      lock.release();
    }
  } catch (cause) {
    throw fileError(`Cannot save what is good in the damaged ${path}`, cause);
  } finally {
    lock.close();
  }
}

/** The state that the good lines make; `undefined` if they are another program's or version's. */
function readGoodLines<S>(
  bytes: Uint8Array,
  machine: StateMachine<S>,
): { readonly state: S; readonly lost: number } | undefined {
  const state = machine.empty();
  let [ours, others, lost, done] = [0, 0, 0, 0];
  let last = -1;
  /** Counts the lost lines before a good one, by the bytes that are there and by the numbers. */
  const note = (start: number, n = -1) => {
    const missing = last < 0 ? 0 : n - last - 1;
    lost += Math.max(linesIn(bytes.subarray(done, start)), missing);
    last = Math.max(last, n);
  };
  for (const { start, end } of intactWithin(bytes)) {
    const { n, content, ...header } = parse(bytes.subarray(start, end));
    note(start, n);
    done = end;
    if (start === 0 && header.format !== undefined) {
      if (header.format !== machine.format || header.version !== machine.version) return undefined;
      continue;
    }
    try {
      machine.apply(state, content);
      ours++;
    } catch {
      others++;
    }
  }
  note(bytes.length);
  const named = FORMAT.exec(latin1.decode(bytes.subarray(0, FORMAT_BYTES)))?.[1];
  const isForeign = ours === 0 && named !== machine.format && (others > 0 || named !== undefined);
  return isForeign ? undefined : { state, lost: lost + others };
}

/** The members of an intact line; a header names a format and its version. */
function parse(line: Uint8Array): {
  readonly n?: number | undefined;
  readonly content?: unknown;
  readonly format?: unknown;
  readonly version?: unknown;
} {
  try {
    const { n, o: content, format, version } = Object(parseLine(line));
    return { n: Number.isSafeInteger(n) ? n : undefined, content, format, version };
  } catch {
    return {};
  }
}

/** The number of lost lines that these bytes were. One byte is only the newline of a good line. */
function linesIn(bytes: Uint8Array): number {
  return latin1.decode(bytes).split("\n").filter((line) => line.trim().length > 1).length;
}

function encode<S>(state: S, machine: StateMachine<S>): Uint8Array {
  const { format, version } = machine;
  const header = encodeHeader({ format, version, id: randomHex(16), generation: 1, n: 0 });
  const lines = Array.from(
    machine.snapshot(state),
    (content) => encodeLine(`{"n":0,"o":${content}`),
  );
  return encoder.encode(header + lines.join(""));
}

/** Keeps the damaged bytes beside the file, and replaces it by one with the good ones. */
function replaceDamaged(path: string, damaged: Uint8Array, good: Uint8Array, modeMask: number) {
  const ownership = ownershipOf(path, modeMask);
  const draft = `${path}.first`;
  let n = 1;
  while (statIfAny(`${path}.broken-${n}`)) n++;
  const aside = `${path}.broken-${n}`;
  try {
    writeFile(draft, good, ownership);
    writeFile(aside, damaged, ownership);
    Deno.renameSync(draft, path);
  } catch (error) {
    for (const name of [draft, aside]) if (statIfAny(name)) Deno.removeSync(name);
    throw error;
  }
  return aside;
}

function writeFile(path: string, bytes: Uint8Array, ownership: FileOwnership | undefined) {
  removeLeftover(path);
  using file = openSideFile(path, { write: true }, ownership).file;
  writeAll(file, bytes);
  file.syncDataSync();
}

const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");
