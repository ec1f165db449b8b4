/**
 * The log of a database in a file: of SQLite, and of Deno KV, which keeps its rows in one.
 *
 * @module
 */

import { closeSync, existsSync, openSync } from "node:fs";
import { StoreError } from "./session_store.ts";

/** Whether a database has a log. */
export function hasLog(path: string): boolean {
  return existsSync(`${path}-wal`) || existsSync(`${path}-journal`);
}

/**
 * Refuses a database that whoever reads it would damage. SQLite makes a log, and the index of one that a killed
 * server or a backup has left, for whoever only reads, too, and only who may write the database takes it away
 * again.
 *
 * @throws {StoreError} `unavailable` if files of this user's would stay: no server could open the database any
 * more.
 */
export function checkReader(path: string): void {
  // While somebody uses it, all is there.
  if (hasLog(path) && existsSync(`${path}-shm`)) return;
  try {
    // Closing it ends the locks that this process has on it; but who has one has made a log.
    closeSync(openSync(path, "r+"));
  } catch (cause) {
    throw new StoreError(
      "unavailable",
      `Cannot read ${path}: no server uses it, and then it takes a user who may write it; be that user, ` +
        "or start a server",
      { cause },
    );
  }
}
