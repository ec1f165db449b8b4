/**
 * Who may use a file: its owner, its group and its mode, kept when another file takes its place, and
 * shared with the files beside it.
 *
 * @module
 */

import process from "node:process";
import { dirname } from "node:path";
import { isSameFile, statIfAny } from "./fs.ts";

/** A file's owner, group and mode. */
export interface Access {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** The mode bits of a group, and those that an owner needs. */
const GROUP = 0o070;
const OWNER = 0o600;

/**
 * The owner and group of the file at `path`, with those bits of its mode that are in `modeMask` and
 * those that its owner needs; `undefined` if there is no such file, or the system knows no owners.
 */
export function accessTo(path: string, modeMask: number): Access | undefined {
  const { uid, gid, mode } = statIfAny(path) ?? {};
  // Windows has none of them.
  if (uid == null || gid == null || mode == null) return undefined;
  // Its owner can always give themselves these.
  return { uid, gid, mode: mode & modeMask | OWNER };
}

/**
 * Gives an open file an owner, a group and a mode, as far as this user may.
 *
 * @returns Whether the owner, and a group that is let in, can use it as `wanted` says.
 */
export function giveAccess(path: string, file: Deno.FsFile, wanted: Access): boolean {
  const before = file.statSync();
  if (
    before.uid === wanted.uid && before.gid === wanted.gid && permissions(before) === wanted.mode
  ) {
    return true;
  }
  try {
    change(path, before, wanted);
  } catch {
    // What it came to counts: some file systems refuse a change that is of no use there.
  }
  const after = file.statSync();
  const isGroupKept = after.gid === wanted.gid || (wanted.mode & GROUP) === 0;
  return after.uid === wanted.uid && isGroupKept &&
    (permissions(after) & wanted.mode) === wanted.mode;
}

/** Gives a new file or folder, if this user may, to whoever has the folder that it was made in. */
export function giveToFolder(path: string, file: Deno.FsFile) {
  const { uid, gid } = folderOf(path) ?? {};
  const made = file.statSync();
  // Only root may: what it makes in a user's folder would lock that user out.
  if (uid == null || gid == null || uid === made.uid) return;
  giveAccess(path, file, { uid, gid, mode: permissions(made) });
}

function folderOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(dirname(path));
  } catch {
    // Deno may have no leave to look above what was just made.
    return undefined;
  }
}

function permissions({ mode }: Deno.FileInfo): number {
  return (mode ?? 0) & 0o777;
}

/** Changes the file that was opened, whatever has its name by now; Deno itself goes by the name. */
function change(path: string, opened: Deno.FileInfo, wanted: Access) {
  // Loading this takes longer than all else in opening a store, and hardly any store needs it.
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
        // A user who may not give the file away may still give it to a group of their own.
      }
    }
    fs.fchmodSync(fd, isGroupKept ? wanted.mode : wanted.mode & ~GROUP);
  } finally {
    fs.closeSync(fd);
  }
}
