/**
 * Opens SQLite's file for a store of its own.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { Connection } from "./connection.ts";
import { makePrivateFile } from "../private_file.ts";
import { rethrow } from "../errors.ts";
import { sqliteError } from "./sqlite_error.ts";

/** The log is cut to this size after much was written at once. */
const LOG_BYTES = 16 * 1024 * 1024;

const PRAGMAS = [
  // Readers and a writer do not wait for each other, and a commit is one write and one fsync.
  "journal_mode = WAL",
  "synchronous = FULL",
  // On macOS an fsync leaves what was written in the disk's cache.
  "fullfsync = ON",
  `journal_size_limit = ${LOG_BYTES}`,
];

export interface OpenSqliteOptions {
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly warn: (message: string) => void;
}

/** Opens the database in a file, with the tables of a store. */
export async function openSqlite(
  place: string,
  { namespace, timeoutMs, warn }: OpenSqliteOptions,
): Promise<DatabaseSync> {
  const path = privateFile(place, warn);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    const options = { namespace, lockTimeoutMs: timeoutMs, pragmas: PRAGMAS };
    await new Connection(database, options).open();
    return database;
  } catch (cause) {
    database?.close();
    throw sqliteError(path, cause);
  }
}

function privateFile(place: string, warn: (message: string) => void): string {
  try {
    return makePrivateFile(place, { what: "SQLite", warn });
  } catch (error) {
    rethrow(error);
  }
}
