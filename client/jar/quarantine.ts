/**
 * Quarantine of a broken jar: renames it and starts a new one with its intact cookies, when several
 * processes may find it broken at once.
 *
 * @module
 */

import { rescue, type Rescued } from "../../store/journal/journal.ts";
import { type Cookies, jarMeaning } from "./codec.ts";

/** The mode of a jar: a reader of a cookie has the session, so group and others have no access. */
export const JAR_MODE = 0o600;

/** The file at a jar's path. While it is open, no other file has its identity. */
export interface JarFile extends Disposable {
  /** The path with symbolic links resolved. */
  readonly path: string;
  readonly file: Deno.FsFile;
}

/** The clock of a repair, and the listener for a line about it. */
export interface Repair {
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

/** Opens the file at `path`, if there is one and it can be read. */
export function findJarFile(path: string): JarFile | undefined {
  try {
    const real = Deno.realPathSync(path);
    // Opening a pipe would wait for its other end.
    if (!Deno.statSync(real).isFile) return undefined;
    const file = Deno.openSync(real);
    return { path: real, file, [Symbol.dispose]: () => file.close() };
  } catch {
    // Opening the jar gives a better error.
    return undefined;
  }
}

/** Starts a new jar with the intact cookies; `false` if the file is another program's. */
export async function quarantine(
  { path, file }: JarFile,
  { now, warn }: Repair,
): Promise<boolean> {
  const machine = jarMeaning(now);
  const saved = await rescue(path, file, { machine, warn, modeMask: JAR_MODE });
  if (saved === "foreign") return false;
  // The process that replaced it has warned.
  if (saved !== "replaced") warn(`The cookie jar ${path} ${outcome(saved)}`);
  return true;
}

function outcome({ aside, state: { size }, lost }: Rescued<Cookies>): string {
  return size === 0
    ? `is damaged or not a jar: it was moved to ${aside}, and an empty jar was created`
    : `was damaged: it was moved to ${aside}, and a new jar has every intact cookie ` +
      `(cookies saved: ${size}, lines lost: ${lost})`;
}
