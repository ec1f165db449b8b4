/**
 * Private files: what makes its own file, such as a database, would make it readable for everyone.
 *
 * @module
 */

import { resolve } from "node:path";
import { fileError, statIfAny } from "./journal/fs.ts";
import { Folders } from "./journal/folder.ts";
import { followLinks, refuseHardLink } from "./journal/links.ts";
import { inheritFolderOwner } from "./journal/file_ownership.ts";

export interface PrivateFileOptions {
  /** What the file is, in errors. */
  readonly what: string;
  readonly warn: (message: string) => void;
}

/**
 * Makes a missing database, and its folder, for their owner alone. The files that SQLite makes beside it get
 * its owner and mode.
 *
 * @returns The path behind symbolic links.
 * @throws {JournalError} saying what to do.
 */
export function makePrivateFile(place: string, options: PrivateFileOptions): string {
  const path = followLinks(resolve(place));
  const file = openPrivateFile(path, options);
  try {
    // SQLite would give each name a log of its own.
    refuseHardLink(path, file.statSync());
  } finally {
    file.close();
  }
  return path;
}

/**
 * Opens a file to append to it. A missing one is made, with its folder, for its owner alone; one that is
 * there keeps its mode.
 *
 * @throws {JournalError} saying what to do.
 */
export function openPrivateFile(path: string, { what, warn }: PrivateFileOptions): Deno.FsFile {
  const folders = new Folders(warn);
  folders.make(path);
  const isMissing = statIfAny(path) === undefined;
  let file: Deno.FsFile | undefined;
  try {
    file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    if (isMissing) {
      inheritFolderOwner(path, file);
      folders.sync(path);
    }
    return file;
  } catch (cause) {
    file?.close();
    throw fileError(`Cannot open ${what} at ${path}`, cause);
  }
}
