/**
 * Private files: a database that makes its own file would make it readable for everyone.
 *
 * @module
 */

import { resolve } from "node:path";
import { fileError, statIfAny } from "./journal/fs.ts";
import { Folders } from "./journal/folder.ts";
import { followLinks, refuseHardLink } from "./journal/links.ts";
import { inheritFolderOwner } from "./journal/file_ownership.ts";

export interface PrivateFileOptions {
  /** The database's name in errors. */
  readonly database: string;
  readonly warn: (message: string) => void;
}

/**
 * Makes a missing file, and its folder, for their owner alone. The files that SQLite makes beside it get
 * its owner and mode.
 *
 * @returns The path behind symbolic links.
 * @throws {JournalError} saying what to do.
 */
export function makePrivateFile(
  place: string,
  { database, warn }: PrivateFileOptions,
): string {
  const path = followLinks(resolve(place));
  const folders = new Folders(warn);
  folders.make(path);
  const found = statIfAny(path);
  // SQLite would give each name a log of its own.
  if (found !== undefined) refuseHardLink(path, found);
  try {
    using file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    if (found === undefined) {
      inheritFolderOwner(path, file);
      folders.sync(path);
    }
  } catch (cause) {
    throw fileError(`Cannot open ${database} at ${path}`, cause);
  }
  return path;
}
