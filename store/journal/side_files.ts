/**
 * The files beside a journal's own: opened without following links, for all who may use that.
 *
 * @module
 */

import { type Access, giveAccess, giveToFolder } from "./file_access.ts";
import { isSameFile, lstatIfAny } from "./fs.ts";
import { StoreError } from "../session_store.ts";

/** How often a file's name may become another file's while it is opened. */
const MAX_TRIES = 100;

/** A file beside another. */
export interface Beside {
  readonly file: Deno.FsFile;
  /** Tells it from another file that has the name later. */
  readonly identity: Deno.FileInfo;
  /** Can all use it who may use the file that it stands beside? */
  readonly isShared: boolean;
}

/**
 * Opens a file beside another, and makes it if it is missing.
 *
 * @param access Who may use the other; `undefined` before that is there.
 * @throws {StoreError} `unavailable` if it is a link or no file; what the system refuses is thrown as
 * it comes.
 */
export function openBeside(
  path: string,
  options: Deno.OpenOptions,
  access: Access | undefined,
): Beside {
  let file: Deno.FsFile | undefined;
  try {
    for (let tries = 0; file === undefined; tries++) {
      if (tries === MAX_TRIES) throw new Error("it is replaced again and again");
      file = tryOpen(path, options);
    }
    if (access === undefined) giveToFolder(path, file);
    const isShared = access === undefined || giveAccess(path, file, access);
    return { file, identity: file.statSync(), isShared };
  } catch (cause) {
    file?.close();
    throw cause;
  }
}

/** Removes what a process that was killed has left, unless that is a link. */
export function removeLeftover(path: string) {
  const named = lstatIfAny(path);
  if (named === undefined) return;
  refuseLink(path, named);
  Deno.removeSync(path);
}

/** Opens what has the name, or makes it; `undefined` if the name became another file's meanwhile. */
function tryOpen(path: string, options: Deno.OpenOptions): Deno.FsFile | undefined {
  const before = lstatIfAny(path);
  if (before !== undefined) refuseLink(path, before);
  let file: Deno.FsFile;
  try {
    // Deno has no O_NOFOLLOW, but to make a file anew does not follow either.
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

/** Refuses what would lead a write, or a new owner, to a file of somebody else's. */
function refuseLink(path: string, { isSymlink, isFile, nlink }: Deno.FileInfo) {
  const isAlone = isFile && (nlink ?? 1) <= 1;
  if (isAlone) return;
  const what = isSymlink
    ? "it is a symbolic link, which is not followed"
    : isFile
    ? "it is a hard link to a file of another name"
    : "it is not a regular file";
  throw new StoreError("unavailable", `Cannot use ${path}: ${what}; remove it and try again`);
}
