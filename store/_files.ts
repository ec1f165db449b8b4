/**
 * Small things that files need: folders, modes, what reaches the disk, and errors that say more.
 *
 * @module
 */

import { dirname } from "node:path";
import { StoreError } from "./store.ts";

/** What a journal does to a file; `Deno.FsFile` is one. The seam for faults no disk here can give. */
export interface JournalFile {
  /** Appends some of the bytes, at least one, and says how many. */
  writeSync(bytes: Uint8Array): number;
  /** Cuts the file to this length. */
  truncateSync(length: number): void;
  /** Brings what was written to the disk. */
  syncData(): Promise<void>;
}

/** Makes the folder that `path` is in, for its owner alone, if it is missing. */
export function makeFolder(path: string) {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw fileError(`Cannot make the folder ${dirname(path)}`, cause);
  }
}

/** Makes the names in the folder of `path` survive a power cut, as after a rename. */
export function syncFolder(path: string) {
  // Windows has no handle for it, and keeps names in its own journal.
  if (Deno.build.os === "windows") return;
  using folder = Deno.openSync(dirname(path));
  folder.syncSync();
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
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}

/** What the operating system refused, as a {@linkcode StoreError} with the same cause. */
export function fileError(what: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") {
    return new StoreError("full", `${what}: there is no room left; free some and try again`, {
      cause,
    });
  }
  if (code === "EROFS") {
    const remedy = "its file system is read-only; make that writable, or use another place";
    return new StoreError("unavailable", `${what}: ${remedy}`, { cause });
  }
  if (code === "EACCES" || code === "EPERM") {
    const remedy = "this user may not do that; change the modes, or use another place";
    return new StoreError("unavailable", `${what}: ${remedy}`, { cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreError("unavailable", `${what}: ${reason}`, { cause });
}
