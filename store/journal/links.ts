/**
 * The names that lead to a file: symbolic links, hard links, and what is mounted.
 *
 * @module
 */

import { dirname, isAbsolute } from "node:path";
import { statIfAny } from "./fs.ts";
import { StoreError } from "../session_store.ts";

/** How many symbolic links may lead to one file, as on Linux. */
const MAX_LINKS = 40;

/** The path behind symbolic links, of a file that may not be there yet. */
export function followLinks(path: string): string {
  for (let links = 0; links < MAX_LINKS; links++) {
    const named = lookAt(path);
    if (named === undefined) return path;
    if (!named.isSymlink) return Deno.realPathSync(path);
    const target = Deno.readLinkSync(path);
    // Joining would take ".." for the folder above a link, and not for the one above its end.
    path = isAbsolute(target) ? target : `${Deno.realPathSync(dirname(path))}/${target}`;
  }
  throw new StoreError(
    "unavailable",
    `Cannot open ${path}: it leads from link to link, to no file`,
  );
}

function lookAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch {
    // Whoever opens it says better what is in the way.
    return undefined;
  }
}

/**
 * Refuses a file of several names: who uses it by another one uses other files beside it.
 *
 * @throws {StoreError} `unavailable`, saying what to do.
 */
export function refuseHardLink(path: string, { nlink }: Deno.FileInfo) {
  if ((nlink ?? 1) <= 1) return;
  throw new StoreError(
    "unavailable",
    `Cannot open ${path}: the file has ${nlink} names (hard links), and who uses it by another has ` +
      `another lock; stop all that use it, copy it to a new file, and give that this name`,
  );
}

/**
 * Refuses a file that would have two locks, or cannot be written anew.
 *
 * @returns Whether it was said that it may be mounted by itself.
 */
export function checkNames(path: string, warn: (message: string) => void): boolean {
  const found = statIfAny(path);
  if (found === undefined) return false;
  // Writing anew would put a file in the place of a device.
  if (!found.isFile) throw new Error("it is not a regular file");
  refuseHardLink(path, found);
  if (found.dev === deviceOf(dirname(path), found.dev)) return false;
  warn(
    `${path} seems to be mounted by itself: who uses the file by another path has another lock, and ` +
      `it cannot be made smaller; mount the folder that it is in instead`,
  );
  return true;
}

function deviceOf(folder: string, otherwise: number): number {
  try {
    return Deno.statSync(folder).dev;
  } catch {
    // Deno may be allowed to see the file alone.
    return otherwise;
  }
}
