/**
 * Moving a broken jar's file out of the way, when several processes may meet it at once.
 *
 * @module
 */

import { JAR_FORMAT } from "./jar_lines.ts";

/** How long another process may hold the lock, and how long to wait before asking again. */
const LOCK_MS = 10_000;
const PAUSE_MS = 10;

const DAMAGED = "it is damaged, or no jar";

/** A file that has the jar's name, as it was found. */
export interface Found {
  /** Its own path, behind symbolic links. */
  readonly path: string;
  /** Tells it from another file that has the name later. */
  readonly identity: Deno.FileInfo;
}

/** The file that has this name now, if there is one and it can be looked at. */
export function findFile(path: string): Found | undefined {
  try {
    return { path: Deno.realPathSync(path), identity: Deno.statSync(path) };
  } catch {
    // Whoever opens it says better what is in the way.
    return undefined;
  }
}

/** Why a file that could not be opened is of no use to anybody as a jar; `undefined` if it may be. */
export function whyBroken({ path, identity }: Found, isCorrupt: boolean): string | undefined {
  if (!identity.isFile) return undefined;
  try {
    using file = Deno.openSync(path, { read: true, append: true });
    // A sound file of another kind, such as a store of sessions, is in use by its own program.
    return isCorrupt && !isOfAnotherKind(file) ? DAMAGED : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return "this user may not use it";
    // Another process is just setting it aside.
    return isCorrupt && error instanceof Deno.errors.NotFound ? DAMAGED : undefined;
  }
}

/**
 * Renames a broken file, unless another process has done so: the journal's own lock keeps both from
 * taking away what the other has begun in its place.
 *
 * @returns Its new path, or `undefined` if the name is another file's by now.
 */
export async function setAside({ path, identity }: Found): Promise<string | undefined> {
  using lock = Deno.openSync(`${path}.lock`, {
    read: true,
    write: true,
    create: true,
    mode: 0o600,
  });
  const end = performance.now() + LOCK_MS;
  while (!lock.tryLockSync(true)) {
    if (performance.now() > end) {
      throw new Error(`Cannot set aside ${path} as another process holds its lock: end it first`);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  try {
    const now = findFile(path)?.identity;
    if (now?.ino !== identity.ino || now.dev !== identity.dev) return undefined;
    const aside = freeName(path);
    Deno.renameSync(path, aside);
    return aside;
  } finally {
    lock.unlockSync();
  }
}

function freeName(path: string): string {
  for (let n = 1;; n++) {
    const name = `${path}.broken-${n}`;
    if (findFile(name) === undefined) return name;
  }
}

function isOfAnotherKind(file: Deno.FsFile): boolean {
  const bytes = new Uint8Array(64);
  const start = new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
  const format = /^\{"format":"([^"]*)"/.exec(start)?.[1];
  return format !== undefined && format !== JAR_FORMAT;
}
