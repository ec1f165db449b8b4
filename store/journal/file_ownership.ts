/**
 * The owner, group and mode of a file, which a file that replaces it and the files beside it get too.
 *
 * @module
 */

import process from "node:process";
import { dirname } from "node:path";
import { isSameFile, statIfAny, tryStat } from "./fs.ts";

export interface FileOwnership {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** The mode bits of a group, and those that an owner needs to use the file. */
const GROUP = 0o070;
const OWNER = 0o600;

/**
 * The ownership of the file at `path`, its mode limited to `modeMask` and extended by what its owner
 * needs; `undefined` if there is no such file, or the system knows no owners.
 */
export function ownershipOf(path: string, modeMask: number): FileOwnership | undefined {
  const { uid, gid, mode } = statIfAny(path) ?? {};
  // Windows has none of them.
  if (uid == null || gid == null || mode == null) return undefined;
  // The owner can always set these bits.
  return { uid, gid, mode: mode & modeMask | OWNER };
}

/**
 * Sets the owner, group and mode of an open file, as far as this user may.
 *
 * @returns Whether the owner, and the group if its bits are set, have the access that `wanted` says.
 */
export function setOwnership(path: string, file: Deno.FsFile, wanted: FileOwnership): boolean {
  const before = file.statSync();
  if (
    before.uid === wanted.uid && before.gid === wanted.gid && permissions(before) === wanted.mode
  ) {
    return true;
  }
  try {
    change(path, before, wanted);
  } catch {
    // The outcome counts: some file systems refuse a change that has no effect there.
  }
  const after = file.statSync();
  const isGroupKept = after.gid === wanted.gid || (wanted.mode & GROUP) === 0;
  return after.uid === wanted.uid && isGroupKept &&
    (permissions(after) & wanted.mode) === wanted.mode;
}

/** Gives a new file or folder the owner and group of its folder, if this user may. */
export function inheritFolderOwner(path: string, file: Deno.FsFile) {
  // Deno may have no permission above the folder that was just made.
  const { uid, gid } = tryStat(dirname(path)) ?? {};
  const made = file.statSync();
  // Only root may: what it makes in a user's folder would lock that user out.
  if (uid == null || gid == null || uid === made.uid) return;
  setOwnership(path, file, { uid, gid, mode: permissions(made) });
}

function permissions({ mode }: Deno.FileInfo): number {
  return (mode ?? 0) & 0o777;
}

/** Changes the opened file, though another may have its path now: Deno goes by the path. */
function change(path: string, opened: Deno.FileInfo, wanted: FileOwnership) {
  // To load this takes longer than all else in opening a store, and hardly any store needs it.
  const fs = process.getBuiltinModule("node:fs");
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    const { ino, dev, gid } = fs.fstatSync(fd);
    if (!isSameFile(opened, { ...opened, ino, dev })) return;
    let isGroupKept = gid === wanted.gid;
    for (const uid of [wanted.uid, opened.uid ?? wanted.uid]) {
      try {
        fs.fchownSync(fd, uid, wanted.gid);
        isGroupKept = true;
        break;
      } catch {
        // A user who may not change the owner may still set one of their own groups.
      }
    }
    fs.fchmodSync(fd, isGroupKept ? wanted.mode : wanted.mode & ~GROUP);
  } finally {
    fs.closeSync(fd);
  }
}
