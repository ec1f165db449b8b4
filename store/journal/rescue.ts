/**
 * A damaged journal begun anew with its good lines, for an owner who rather goes on without the others
 * than stops.
 *
 * @module
 */

import { randomHex } from "../../runtime/random_hex.ts";
import { type Access, accessTo } from "./file_access.ts";
import { openBeside, removeLeftover } from "./side_files.ts";
import { fileError, isSameFile, readBytes, statIfAny, writeAll } from "./fs.ts";
import { Folders } from "./folder.ts";
import { encodeHeader } from "./header.ts";
import { encodeLine, intactWithin, lastLineEnd, parseLine } from "./line_codec.ts";
import { FileLock } from "./lock.ts";
import type { Meaning } from "./journal_reader.ts";

/** How long another process may hold the lock. */
const LOCK_MS = 10_000;

/** How far from a file's end its last newline is looked for. */
const TAIL_BYTES = 64 * 1024;
/** How a first line names its format, and how far to look for that. */
const FORMAT = /^\{"format":"([^"]*)"/;
const FORMAT_BYTES = 256;

/** How a damaged file is begun anew. */
export interface RescueOptions<S> {
  readonly meaning: Meaning<S>;
  readonly warn: (message: string) => void;
  /** Which bits of the file's mode stay. */
  readonly modeMask: number;
}

/** What was saved of a damaged file. */
export interface Rescued<S> {
  /** The path of the damaged file's copy. */
  readonly aside: string;
  /** What the good lines mean. */
  readonly state: S;
  /** How many lines could not be read, as far as that can be told. */
  readonly lost: number;
}

/**
 * Does the file end in good lines without their newlines? A killed writer leaves none there, so the
 * journal itself does not look for them.
 */
export function hidesLines(path: string, file: Deno.FsFile): boolean {
  const { size } = file.statSync();
  const length = Math.min(size, TAIL_BYTES);
  const tail = readBytes(path, file, size - length, length);
  return intactWithin(tail.subarray(lastLineEnd(tail))).next().done !== true;
}

/**
 * Puts a new file with the good lines of the damaged one in its place, and a copy of the damaged one
 * beside it. At each moment one of the two has the name, whole.
 *
 * Good lines are found wherever they stand. So this is only for journals in whose contents nobody can
 * put an object that looks like a line.
 *
 * @param damaged The file, opened before it was found to be damaged: so long, no other is taken for it.
 * @returns `"replaced"` if another file has the name by now; `"foreign"` if the file is another
 * program's, or of another version, and then it is left as it is.
 * @throws {StoreError} if that can't be done; then the damaged file is left as it is.
 */
export async function rescue<S>(
  path: string,
  damaged: Deno.FsFile,
  { meaning, warn, modeMask }: RescueOptions<S>,
): Promise<Rescued<S> | "replaced" | "foreign"> {
  const lock = new FileLock(path, { warn, lockTimeoutMs: LOCK_MS, modeMask });
  try {
    await lock.acquire();
    try {
      const found = damaged.statSync();
      const named = statIfAny(path);
      if (named === undefined || !isSameFile(named, found)) return "replaced";
      const bytes = readBytes(path, damaged, 0, found.size);
      const good = read(bytes, meaning);
      if (good === undefined) return "foreign";
      const files = { path, access: accessTo(path, modeMask), folders: new Folders(warn) };
      const aside = beginAnew(files, bytes, encode(good.state, meaning));
      lock.stamp();
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

/** What the good lines mean; `undefined` if they are another program's, or another version's. */
function read<S>(
  bytes: Uint8Array,
  meaning: Meaning<S>,
): { readonly state: S; readonly lost: number } | undefined {
  const state = meaning.empty();
  let [ours, others, lost, done] = [0, 0, 0, 0];
  let last = -1;
  /** Counts what is lost between the good lines, by the bytes that are there and by the numbers. */
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
      if (header.format !== meaning.format || header.version !== meaning.version) return undefined;
      continue;
    }
    try {
      meaning.apply(state, content);
      ours++;
    } catch {
      others++;
    }
  }
  note(bytes.length);
  const named = FORMAT.exec(latin1.decode(bytes.subarray(0, FORMAT_BYTES)))?.[1];
  const isForeign = ours === 0 && named !== meaning.format && (others > 0 || named !== undefined);
  return isForeign ? undefined : { state, lost: lost + others };
}

/** What an intact line says; a first line names a format and its version. */
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

/** How many lines these bytes were: of one alone, only its newline may be damaged. */
function linesIn(bytes: Uint8Array): number {
  return latin1.decode(bytes).split("\n").filter((line) => line.trim().length > 1).length;
}

function encode<S>(state: S, meaning: Meaning<S>): Uint8Array {
  const { format, version } = meaning;
  const header = encodeHeader({ format, version, id: randomHex(16), generation: 1, n: 0 });
  const lines = Array.from(
    meaning.snapshot(state),
    (content) => encodeLine(`{"n":0,"o":${content}`),
  );
  return encoder.encode(header + lines.join(""));
}

interface Files {
  readonly path: string;
  readonly access: Access | undefined;
  readonly folders: Folders;
}

/** Keeps the damaged bytes beside the file, and gives the name to a file with the good ones. */
function beginAnew(files: Files, damaged: Uint8Array, good: Uint8Array): string {
  const { path, access, folders } = files;
  const draft = `${path}.first`;
  const aside = freeName(path);
  using folder = folders.open(path);
  try {
    writeFile(draft, good, access);
    writeFile(aside, damaged, access);
    Deno.renameSync(draft, path);
  } catch (error) {
    for (const name of [draft, aside]) if (statIfAny(name)) Deno.removeSync(name);
    throw error;
  }
  folder.sync();
  return aside;
}

function freeName(path: string): string {
  for (let n = 1;; n++) {
    const name = `${path}.broken-${n}`;
    if (statIfAny(name) === undefined) return name;
  }
}

/** Writes a new file, down to the disk. */
function writeFile(path: string, bytes: Uint8Array, access: Access | undefined) {
  removeLeftover(path);
  using file = openBeside(path, { write: true }, access).file;
  writeAll(file, bytes);
  file.syncDataSync();
}

const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");
