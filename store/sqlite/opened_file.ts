/**
 * Opened file: whether a database's path still leads to the file that is open. SQLite would go on with a
 * removed one, to lose what it acknowledges, or share its log with the one that took its place.
 *
 * @module
 */

import { RefusedError } from "../errors.ts";
import { type FileIdentity, isSameFile } from "../journal/fs.ts";
import { isDeno } from "../../runtime/deno_version.ts";
import { getBuiltinModule } from "node:process";

/** The time for which a look at the path is good. */
const CHECK_MS = 100;

export class OpenedFile {
  readonly #path: string | null;
  readonly #identity: FileIdentity | undefined;
  #checked = performance.now();

  /** `path` is `null` for a database in memory. */
  constructor(path: string | null) {
    this.#path = path;
    // Where there is no permission to look, or no identity, it is not checked.
    const found = path === null ? undefined : identityAt(path);
    this.#identity = found?.ino === null ? undefined : found;
  }

  /** @throws {StoreError} `unavailable` if another file, or none, has the path. */
  check(): void {
    if (this.#path === null || this.#identity === undefined) return;
    const now = performance.now();
    if (now - this.#checked < CHECK_MS) return;
    const found = identityAt(this.#path);
    if (found === undefined || !isSameFile(found, this.#identity)) {
      throw new RefusedError(
        `Cannot use ${this.#path}: it was removed or replaced while it was open; stop all that use it, ` +
          "put the right file there, and start them again",
      );
    }
    this.#checked = now;
  }
}

/** The file at a path, if there is one that may be looked at. */
function identityAt(path: string): FileIdentity | undefined {
  try {
    return isDeno ? Deno.statSync(path) : getBuiltinModule("node:fs").statSync(path);
  } catch {
    return undefined;
  }
}
