/**
 * Inspects an SQLite database beside those that use it, and makes no file.
 *
 * @module
 */

import { realpathSync, type Stats, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { rethrow } from "../errors.ts";
import type { StoreInspector } from "../inspection.ts";
import { errnoOf } from "../journal/errno.ts";
import { fileError, type FileIdentity, isSameFile } from "../journal/fs.ts";
import type { InspectedDatabase, InspectedRows } from "../rows/inspected_rows.ts";
import { RowInspector, type RowInspectorOptions } from "../rows/row_inspector.ts";
import { checkReader, hasLog } from "../log_file.ts";
import { findNamespaces, knownNumber } from "./layout.ts";
import { StoreError } from "../session_store.ts";
import { escapeNul } from "./nul_text.ts";
import { sqliteError } from "./sqlite_error.ts";
import { Table } from "./table.ts";

/**
 * Opens an inspector of a database in a file.
 *
 * @throws {StoreError} `corrupt` if it is no SQLite database; `unavailable` if there is none, or it has no
 * store's tables, or the system refuses it.
 */
export async function inspectSqlite(
  path: string,
  options: RowInspectorOptions,
): Promise<StoreInspector> {
  const inspection = new SqliteInspection(resolve(path));
  try {
    await inspection.namespaces();
  } catch (error) {
    await inspection.close();
    throw error;
  }
  return new RowInspector(inspection, options);
}

interface Opened {
  readonly database: DatabaseSync;
  readonly file: FileIdentity;
  /** Those of known namespaces. */
  readonly tables: Map<string, Table>;
}

class SqliteInspection implements InspectedDatabase {
  readonly name = "SQLite";
  readonly countsBytes = true;
  readonly #path: string;
  #opened: Opened | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  namespaces(): Promise<readonly string[]> {
    return this.#read(({ database }) => {
      const namespaces = findNamespaces(database, this.#path);
      if (namespaces !== undefined) return namespaces;
      throw missing(`${this.#path} has no store's tables`);
    });
  }

  rows(namespace: string): InspectedRows {
    const read = <T>(action: (table: Table) => T): Promise<T> =>
      this.#read(({ database, tables }) => {
        const known = tables.get(namespace);
        if (known !== undefined) return action(known);
        const number = knownNumber(database, this.#path, escapeNul(namespace));
        // No namespace has the number 0.
        const table = new Table(database, number ?? 0);
        if (number !== undefined) tables.set(namespace, table);
        return action(table);
      });
    return {
      read: (want) => read((table) => table.snapshot(want)),
      counters: (page) => read((table) => table.counters(page)),
    };
  }

  close(): Promise<void> {
    this.#opened?.database.close();
    return Promise.resolve();
  }

  /** Reads in one moment. */
  async #read<T>(action: (opened: Opened) => T): Promise<T> {
    // The driver holds up all else, which has its turn between two reads.
    await setImmediate();
    try {
      const opened = this.#open();
      opened.database.exec("BEGIN");
      try {
        return action(opened);
      } finally {
        opened.database.exec("ROLLBACK");
      }
    } catch (cause) {
      throw sqliteError(this.#path, cause);
    }
  }

  /** The file that has the path now: another one may have taken its place. */
  #open(): Opened {
    const { path, file } = this.#find();
    const before = this.#opened;
    if (before !== undefined && isSameFile(before.file, file)) return before;
    before?.database.close();
    this.#opened = undefined;
    const database = open(path);
    database.exec("PRAGMA query_only = ON");
    return this.#opened = { database, file, tables: new Map() };
  }

  /** The path behind symbolic links. */
  #find(): { readonly path: string; readonly file: Stats } {
    let path: string;
    let file: Stats;
    try {
      path = realpathSync(this.#path);
      file = statSync(path);
    } catch (cause) {
      if (errnoOf(cause) === "ENOENT") throw missing(`There is no store at ${this.#path}`);
      return rethrow(fileError(`Cannot look at ${this.#path}`, cause));
    }
    // Opening a pipe would wait for somebody who writes to it.
    if (!file.isFile()) throw missing(`${this.#path} is not a regular file`);
    return { path, file };
  }
}

/** Opens a database that others may use. Its last user who may write also moves what is in the log. */
function open(path: string): DatabaseSync {
  checkReader(path);
  return new DatabaseSync(path, { readOnly: hasLog(path) });
}

function missing(what: string): StoreError {
  return new StoreError("unavailable", `${what}: check the path`);
}
