/**
 * The log of a database in a file: of SQLite, and of Deno KV, which keeps its rows in one.
 *
 * @module
 */

import { closeSync, existsSync, openSync } from "node:fs";
import { StoreError } from "./session_store.ts";

/**
 * Whether a database has its log, as while somebody uses it. SQLite makes one for whoever only reads, too,
 * and only who may write the database takes it away again.
 *
 * @throws {StoreError} `unavailable` if there is none, and this user's would stay: no server could open the
 * database any more.
 */
export function hasLog(path: string): boolean {
  if (["-wal", "-journal"].some((end) => existsSync(path + end))) return true;
  try {
    // Closing it ends the locks that this process has on it; but who has one has made a log.
    closeSync(openSync(path, "r+"));
    return false;
  } catch (cause) {
    throw new StoreError(
      "unavailable",
      `Cannot read ${path}: no server uses it, and then it takes a user who may write it; be that user, ` +
        "or start a server",
      { cause },
    );
  }
}
