/**
 * Private files: what makes its own file, such as a database, would make it readable for everyone.
 *
 * @module
 */

import { dirname, resolve } from "node:path";
import { getBuiltinModule } from "node:process";
import { isDeno, system } from "../runtime/deno_version.ts";
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
  if (!isDeno) return makeElsewhere(resolve(place), options.what);
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

/** To open a pipe would keep the whole process waiting, and so would its reader at each write. */
const IS_PIPE = "it is a pipe: name a file";

/**
 * Opens a file to append to it. A missing one is made, with its folder, for its owner alone; one that is
 * there keeps its mode.
 *
 * @throws {JournalError} saying what to do.
 */
export function openPrivateFile(path: string, { what, warn }: PrivateFileOptions): Deno.FsFile {
  const folders = new Folders(warn);
  folders.make(path);
  const found = statIfAny(path);
  let file: Deno.FsFile | undefined;
  try {
    if (found?.isFifo) throw new Error(IS_PIPE);
    file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    if (found === undefined) {
      inheritFolderOwner(path, file);
      folders.sync(path);
    }
    return file;
  } catch (cause) {
    file?.close();
    throw fileError(`Cannot open ${what} at ${path}`, cause);
  }
}

/** The same in Node and Bun, but for what root makes in somebody else's folder. */
function makeElsewhere(path: string, what: string): string {
  const fs = getBuiltinModule("node:fs");
  try {
    const made = fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const found = fs.statSync(path, { throwIfNoEntry: false });
    if (found?.isFIFO() === true) throw new Error(IS_PIPE);
    const file = fs.openSync(path, "a", 0o600);
    const { nlink } = fs.fstatSync(file);
    fs.closeSync(file);
    refuseHardLink(path, { nlink });
    // Windows has no handle of a folder, and keeps names in its own journal.
    if (found === undefined && system().os !== "windows") {
      const last = dirname(made ?? path);
      let folder = dirname(path);
      for (; folder !== last; folder = dirname(folder)) fsyncFolder(folder);
      fsyncFolder(last);
    }
    return fs.realpathSync(path);
  } catch (cause) {
    throw fileError(`Cannot open ${what} at ${path}`, cause);
  }
}

function fsyncFolder(path: string): void {
  const fs = getBuiltinModule("node:fs");
  const folder = fs.openSync(path, "r");
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}
