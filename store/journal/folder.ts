/**
 * The folders that files are in: made when missing, and synced when a name in them changes.
 *
 * @module
 */

import { dirname } from "node:path";
import { giveToFolder } from "./file_access.ts";
import { errnoOf } from "./errno.ts";
import { fileError } from "./fs.ts";

/** How network and virtual file systems say that a folder has no fsync, or cannot be opened for it. */
const NOT_OFFERED: readonly (string | undefined)[] = [
  "EINVAL",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EBADF",
  "EISDIR",
  "EACCES",
  "EPERM",
];

/** A folder that is ready to be synced. */
export interface OpenFolder extends Disposable {
  /** Makes the names in it survive a power cut, as after a rename. */
  sync(): void;
}

/** Folders, and whether it was said that they cannot be synced. */
export class Folders {
  readonly #warn: (message: string) => void;
  #isSaid = false;

  /** `warn` is told, once, when a file system does not offer to sync its folders. */
  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Makes the folder that `path` is in, for its owner alone, if it is missing. */
  make(path: string) {
    const folder = dirname(path);
    const missing: string[] = [];
    for (let each = folder; isMissing(each); each = dirname(each)) missing.unshift(each);
    try {
      Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
      for (const made of missing) {
        if (Deno.build.os !== "windows") {
          using file = Deno.openSync(made);
          giveToFolder(made, file);
        }
        this.sync(made);
      }
    } catch (cause) {
      throw fileError(`Cannot make the folder ${folder}`, cause);
    }
  }

  /** Opens the folder of `path`: before a step after which it could no longer be done without. */
  open(path: string): OpenFolder {
    const folder = dirname(path);
    const nothing = { sync() {}, [Symbol.dispose]() {} };
    // Windows has no handle for it, and keeps names in its own journal.
    if (Deno.build.os === "windows") return nothing;
    try {
      const file = Deno.openSync(folder);
      return { sync: () => this.#sync(folder, file), [Symbol.dispose]: () => file.close() };
    } catch (cause) {
      this.#notOffered(folder, cause);
      return nothing;
    }
  }

  /** Makes the names in the folder of `path` survive a power cut. */
  sync(path: string) {
    using folder = this.open(path);
    folder.sync();
  }

  #sync(folder: string, file: Deno.FsFile) {
    try {
      file.syncSync();
    } catch (cause) {
      this.#notOffered(folder, cause);
    }
  }

  #notOffered(folder: string, cause: unknown) {
    const isForbidden = cause instanceof Deno.errors.NotCapable;
    if (!isForbidden && !NOT_OFFERED.includes(errnoOf(cause))) throw cause;
    if (this.#isSaid) return;
    this.#isSaid = true;
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#warn(
      `The folder ${folder} cannot be synced (${reason}): a power cut may take away a file that was ` +
        `just made there, or bring back the one that it replaced`,
    );
  }
}

/** One that cannot be looked at is taken to be there: whoever makes it says what is in the way. */
function isMissing(folder: string): boolean {
  try {
    Deno.statSync(folder);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}
