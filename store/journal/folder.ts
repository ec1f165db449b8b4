/**
 * Folders: made when missing, and fsynced when a name in them changes.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { dirname } from "node:path";
import { inheritFolderOwner } from "./file_ownership.ts";
import { errnoOf } from "./errno.ts";
import { fileError } from "./fs.ts";

/** The errors of network and virtual file systems whose folders have no fsync, or cannot be opened. */
const NO_FSYNC: readonly (string | undefined)[] = [
  "EINVAL",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EBADF",
  "EISDIR",
  "EACCES",
  "EPERM",
];

export interface OpenFolder extends Disposable {
  /** Makes the names in it durable, as after a rename. */
  sync(): void;
}

export class Folders {
  readonly #warn: (message: string) => void;
  #hasWarned = false;

  /** `warn` is told, once, if the file system has no fsync of folders. */
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
          inheritFolderOwner(made, file);
        }
        this.sync(made);
      }
    } catch (cause) {
      throw fileError(`Cannot make the folder ${folder}`, cause);
    }
  }

  /** Opens the folder of `path`: before a rename, after which a failure to open could not be undone. */
  open(path: string): OpenFolder {
    const folder = dirname(path);
    const nothing = { sync() {}, [Symbol.dispose]() {} };
    // Windows has no handle for it, and keeps names in its own journal.
    if (Deno.build.os === "windows") return nothing;
    try {
      const file = Deno.openSync(folder);
      return { sync: () => this.#sync(folder, file), [Symbol.dispose]: () => file.close() };
    } catch (cause) {
      this.#warnUnlessReal(folder, cause);
      return nothing;
    }
  }

  /** Makes the names in the folder of `path` durable. */
  sync(path: string) {
    using folder = this.open(path);
    folder.sync();
  }

  #sync(folder: string, file: Deno.FsFile) {
    try {
      file.syncSync();
    } catch (cause) {
      this.#warnUnlessReal(folder, cause);
    }
  }

  /** Throws the error of a real fsync that failed, and warns of a folder that has none. */
  #warnUnlessReal(folder: string, cause: unknown) {
    const isForbidden = cause instanceof Deno.errors.NotCapable;
    if (!isForbidden && !NO_FSYNC.includes(errnoOf(cause))) throw cause;
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const reason = messageOf(cause);
    this.#warn(
      `The folder ${folder} cannot be synced (${reason}): a power cut may take away a file that was ` +
        `just made there, or bring back the one that it replaced`,
    );
  }
}

/** Whether a folder is missing. One that cannot be looked at is not: `mkdir` gives the better error. */
function isMissing(folder: string): boolean {
  try {
    Deno.statSync(folder);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}
