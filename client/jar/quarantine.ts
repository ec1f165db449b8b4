/**
 * Beginning a broken jar anew with the cookies that are good in it, when several processes may meet it
 * at once.
 *
 * @module
 */

import { rescue, type Rescued } from "../../store/journal/journal.ts";
import { type Cookies, jarMeaning } from "./codec.ts";

/** The mode of a jar: whoever can read a cookie has the session, so no group is let in either. */
export const JAR_MODE = 0o600;

/** A file that has the jar's name, as it was found: while it is open, no other has its identity. */
export interface Found extends Disposable {
  /** Its own path, behind symbolic links. */
  readonly path: string;
  readonly file: Deno.FsFile;
}

/** The file that has this name now, if there is one and it can be read. */
export function findFile(path: string): Found | undefined {
  try {
    const real = Deno.realPathSync(path);
    // To open a pipe would wait for its other end.
    if (!Deno.statSync(real).isFile) return undefined;
    const file = Deno.openSync(real);
    return { path: real, file, [Symbol.dispose]: () => file.close() };
  } catch {
    // Whoever opens the jar says better what is in the way.
    return undefined;
  }
}

/**
 * Puts a jar with what can be saved in the place of a broken one, unless another process has done so.
 *
 * @returns `false` if it is another program's file, and was left as it is.
 * @throws {StoreError} if it can't be done; the broken file is left as it is, too.
 */
export async function beginAnew(
  { path, file }: Found,
  now: () => number,
  warn: (message: string) => void,
): Promise<boolean> {
  const saved = await rescue(path, file, {
    meaning: jarMeaning(now),
    warn,
    modeMask: JAR_MODE,
  });
  if (saved === "foreign") return false;
  // Otherwise that process has warned.
  if (saved !== "replaced") warn(`The cookie jar ${path} ${told(saved)}`);
  return true;
}

function told({ aside, state: { size }, lost }: Rescued<Cookies>): string {
  return size === 0
    ? `is of no use, as it is damaged, or no jar: it is now ${aside}, and an empty one was begun`
    : `was damaged: it is now ${aside}, and one with all that could be read was begun ` +
      `(cookies saved: ${size}, lines lost: ${lost})`;
}
