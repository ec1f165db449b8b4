/**
 * The names of a file: symbolic links, hard links, and mounts.
 *
 * @module
 */

import { dirname, isAbsolute } from "node:path";
import { statIfAny, tryStat } from "./fs.ts";
import { JournalError } from "./journal_error.ts";

const MAX_LINKS = 40;

/** The path behind symbolic links, also of a file that is not there yet. */
export function followLinks(path: string): string {
  for (let links = 0; links < MAX_LINKS; links++) {
    // To open it gives the better error.
    const named = tryStat(path, Deno.lstatSync);
    if (named === undefined) return path;
    if (!named.isSymlink) return Deno.realPathSync(path);
    const target = Deno.readLinkSync(path);
    // Joining would take ".." for the folder above a link, and not for the one above its end.
    path = isAbsolute(target) ? target : `${Deno.realPathSync(dirname(path))}/${target}`;
  }
  throw new JournalError(
    "unavailable",
    `Cannot open ${path}: it leads from link to link, to no file`,
  );
}

/**
 * Refuses a file of several names: by each of them it has other side files, and another lock.
 *
 * @throws {JournalError} `unavailable`, saying what to do.
 */
export function refuseHardLink(path: string, { nlink }: { readonly nlink: number | null }) {
  if ((nlink ?? 1) <= 1) return;
  throw new JournalError(
    "unavailable",
    `Cannot open ${path}: the file has ${nlink} names (hard links), and who uses it by another has ` +
      `another lock; stop all that use it, copy it to a new file, and give that this name`,
  );
}

/**
 * Refuses a file that would have two locks, or cannot be replaced.
 *
 * @returns Whether `warn` was told that it may be mounted by itself.
 */
export function checkNames(path: string, warn: (message: string) => void): boolean {
  const found = statIfAny(path);
  if (found === undefined) return false;
  // Compaction would replace a device by a file.
  if (!found.isFile) throw new Error("it is not a regular file");
  refuseHardLink(path, found);
  // Deno may have permission for the file alone.
  const { dev } = tryStat(dirname(path)) ?? found;
  if (found.dev === dev) return false;
  warn(
    `${path} seems to be mounted by itself: who uses the file by another path has another lock, and ` +
      `it cannot be made smaller; mount the folder that it is in instead`,
  );
  return true;
}
