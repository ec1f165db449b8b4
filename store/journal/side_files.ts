/**
 * Side files: the files beside a journal, opened without following links, with its ownership.
 *
 * @module
 */

import { type FileOwnership, inheritFolderOwner, setOwnership } from "./file_ownership.ts";
import { isSameFile, lstatIfAny } from "./fs.ts";
import { JournalError } from "./journal_error.ts";

/** The tries to open a file whose path becomes another file's meanwhile. */
const MAX_TRIES = 100;

export interface SideFile {
  readonly file: Deno.FsFile;
  /** Tells it from another file that has the path later. */
  readonly identity: Deno.FileInfo;
  /** Whether it could be given the ownership of the other file. */
  readonly isShared: boolean;
}

/**
 * Opens a file beside another, and makes it if it is missing.
 *
 * @param ownership The other file's; `undefined` before there is one.
 * @throws {JournalError} `unavailable` if it is a link or no file.
 * @throws {Error} for what the system refuses.
 */
export function openSideFile(
  path: string,
  options: Deno.OpenOptions,
  ownership: FileOwnership | undefined,
): SideFile {
  let file: Deno.FsFile | undefined;
  try {
    for (let tries = 0; file === undefined; tries++) {
      if (tries === MAX_TRIES) throw new Error("it is replaced again and again");
      file = tryOpen(path, options);
    }
    if (ownership === undefined) inheritFolderOwner(path, file);
    const isShared = ownership === undefined || setOwnership(path, file, ownership);
    return { file, identity: file.statSync(), isShared };
  } catch (cause) {
    file?.close();
    throw cause;
  }
}

/** Removes the file that a killed process has left, unless it is a link. */
export function removeLeftover(path: string) {
  const named = lstatIfAny(path);
  if (named === undefined) return;
  refuseLink(path, named);
  Deno.removeSync(path);
}

/** Opens or makes the file; `undefined` if its path became another file's meanwhile. */
function tryOpen(path: string, options: Deno.OpenOptions): Deno.FsFile | undefined {
  const before = lstatIfAny(path);
  if (before !== undefined) refuseLink(path, before);
  let file: Deno.FsFile;
  try {
    // Deno has no O_NOFOLLOW, but O_EXCL does not follow either.
    const isNew = { createNew: true, mode: 0o600 };
    file = Deno.openSync(path, before === undefined ? { ...options, ...isNew } : options);
  } catch (cause) {
    const isGone = before !== undefined && cause instanceof Deno.errors.NotFound;
    const isThere = before === undefined && cause instanceof Deno.errors.AlreadyExists;
    if (isGone || isThere) return undefined;
    throw cause;
  }
  try {
    const named = lstatIfAny(path);
    if (named !== undefined && isSameFile(named, file.statSync())) {
      refuseLink(path, named);
      return file;
    }
  } catch (cause) {
    file.close();
    throw cause;
  }
  file.close();
  return undefined;
}

/** Refuses a link, which could lead a write, or a change of owner, to another user's file. */
function refuseLink(path: string, { isSymlink, isFile, nlink }: Deno.FileInfo) {
  const isAlone = isFile && (nlink ?? 1) <= 1;
  if (isAlone) return;
  const what = isSymlink
    ? "it is a symbolic link, which is not followed"
    : isFile
    ? "it is a hard link to a file of another name"
    : "it is not a regular file";
  throw new JournalError("unavailable", `Cannot use ${path}: ${what}; remove it and try again`);
}
