/**
 * Small things that files need: what has a name, what stands in it, and errors that say more.
 *
 * @module
 */

import { errnoOf } from "./errno.ts";
import { noteSizeLimit } from "../../runtime/file_size_limit.ts";
import { StoreError } from "../session_store.ts";

/** What a journal does to a file; `Deno.FsFile` is one. The seam for faults no disk here can give. */
export interface JournalFile {
  /** Appends some of the bytes, at least one, and says how many. */
  writeSync(bytes: Uint8Array): number;
  /** Cuts the file to this length. */
  truncateSync(length: number): void;
  /** Brings what was written to the disk. */
  syncData(): Promise<void>;
}

/** What the operating system says of `path`, or `undefined` if there is nothing. */
export function statIfAny(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw fileError(`Cannot look at ${path}`, cause);
  }
}

/** The same of a symbolic link itself, not of where it leads. */
export function lstatIfAny(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw fileError(`Cannot look at ${path}`, cause);
  }
}

/** Are these one file? That holds only while it is open: inodes are used again. */
export function isSameFile(a: Deno.FileInfo, b: Deno.FileInfo): boolean {
  return a.ino !== null && a.ino === b.ino && a.dev === b.dev;
}

/** The bytes of a file from `start`: fewer than `length` only where it ends. */
export function readBytes(
  path: string,
  file: Deno.FsFile,
  start: number,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  try {
    file.seekSync(start, Deno.SeekMode.Start);
    while (done < length) {
      const count = file.readSync(bytes.subarray(done));
      if (count === null) break;
      done += count;
    }
  } catch (cause) {
    throw fileError(`Cannot read ${path}`, cause);
  }
  return bytes.subarray(0, done);
}

/** Writes all of it: the system may take a part, and say why not more only when asked again. */
export function writeAll(file: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array) {
  try {
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  } catch (cause) {
    if (errnoOf(cause) === "EFBIG") noteSizeLimit();
    throw cause;
  }
}

/** What the operating system refused, as a {@linkcode StoreError} with the same cause. */
export function fileError(what: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const [code, remedy] = refusal(cause);
  return new StoreError(code, `${what}: ${remedy}`, { cause });
}

function refusal(cause: unknown): readonly [code: "full" | "unavailable", remedy: string] {
  switch (errnoOf(cause)) {
    case "ENOSPC":
      return ["full", "there is no room left; free some and try again"];
    case "EDQUOT":
      return ["full", "there is no room left in this user's quota; free some and try again"];
    case "EFBIG":
      return ["full", "there is no room left up to the limit on a file's size; see ulimit -f"];
    case "EROFS":
      return [
        "unavailable",
        "its file system is read-only; make that writable, or use another place",
      ];
    case "EACCES":
    case "EPERM":
      return ["unavailable", "this user may not do that; change the modes, or use another place"];
    case "EMFILE":
    case "ENFILE":
      return ["unavailable", "too many files are open; it goes on when some are closed"];
    case "ENOLCK":
      return ["unavailable", "its file system has no locks to give; use a place on a local disk"];
    default:
      return ["unavailable", cause instanceof Error ? cause.message : String(cause)];
  }
}
