import { messageOf } from "../../runtime/errors.ts";
import { errnoOf } from "./errno.ts";
import { denoFault } from "../../runtime/deno_version.ts";
import { noteSizeLimit } from "../../runtime/file_size_limit.ts";
import { JournalError } from "./journal_error.ts";

/** The part of `Deno.FsFile` that a journal writes through. Tests put faults of a disk here. */
export interface JournalFile {
  /** Appends some of the bytes, at least one, and returns how many. */
  writeSync(bytes: Uint8Array): number;
  /** Cuts the file to this length. */
  truncateSync(length: number): void;
  /** Makes what was written durable (fdatasync). */
  syncData(): Promise<void>;
}

/** @throws {JournalError} `unavailable`, where a journal cannot be used: in Node, Bun and an old Deno. */
export function refuseOtherRuntimes(path: string): void {
  const fault = denoFault();
  if (fault !== undefined) throw new JournalError("unavailable", `Cannot open ${path}: ${fault}`);
}

/** The stat of `path`, or `undefined` if nothing is there. */
export function statIfAny(path: string, stat = Deno.statSync): Deno.FileInfo | undefined {
  try {
    return stat(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw fileError(`Cannot look at ${path}`, cause);
  }
}

/** The same of a symbolic link itself, not of its target. */
export function lstatIfAny(path: string): Deno.FileInfo | undefined {
  return statIfAny(path, Deno.lstatSync);
}

/** A stat for which Deno may have no permission, or whose failure a later call says better. */
export function tryStat(path: string, stat = Deno.statSync): Deno.FileInfo | undefined {
  try {
    return stat(path);
  } catch {
    return undefined;
  }
}

/** What tells a file from another while both are there. */
export interface FileIdentity {
  /** `null` where the file system has none. */
  readonly ino: number | null;
  readonly dev: number;
}

/** Whether these are one file. It holds only while the file is open: inodes are used again. */
export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
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

/** Writes all bytes: a full disk takes a part, and gives its error only for the rest. */
export function writeAll(file: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array) {
  try {
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  } catch (cause) {
    if (errnoOf(cause) === "EFBIG") noteSizeLimit();
    throw cause;
  }
}

/** The {@linkcode JournalError} of an error of the operating system, which is its cause. */
export function fileError(what: string, cause: unknown): JournalError {
  if (cause instanceof JournalError) return cause;
  const [code, remedy] = refusal(cause);
  return new JournalError(code, `${what}: ${remedy}`, { cause });
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
      return ["unavailable", messageOf(cause)];
  }
}
