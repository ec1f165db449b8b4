/**
 * A store in SQLite: much state on one machine, for several processes.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { checkLimits, checkText, checkTimeout, DEFAULT_TIMEOUT_MS } from "../validation.ts";
import { openSqlite } from "./open_sqlite.ts";
import { RowStore, type RowStoreOptions } from "../rows/row_store.ts";
import { SqliteRows } from "./sqlite_rows.ts";

/** Options of a {@linkcode SqliteStore}. */
export interface SqliteStoreOptions extends RowStoreOptions {
  /** The server's name: sessions of other names in the same database are not seen. */
  readonly namespace: string;
  /** Whether closing the store closes the database. @default false */
  readonly closesDatabase?: boolean | undefined;
}

/** Options of {@linkcode SqliteStore.open}. */
export interface OpenSqliteStoreOptions extends Omit<SqliteStoreOptions, "closesDatabase"> {
  /** Told in one line of what was found and mended. @default console.warn */
  readonly warn?: ((message: string) => void) | undefined;
}

/**
 * Keeps sessions in an SQLite database, by `node:sqlite`. It opens at once whatever its size, and holds
 * no session in memory. Several processes of one machine may use the file at once; it must not be on a
 * network file system.
 *
 * The driver is synchronous: a write holds up the process until the disk has it. Those that wait at the
 * same moment share one transaction.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { SqliteStore } from "@mcp-sessions/deno/store/sqlite";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using store = await SqliteStore.open(`${folder}/sessions.db`, { namespace: "example" });
 *   assertEquals(await store.get("sess-1"), undefined);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @example In a database that your application has open
 * ```ts
 * import { DatabaseSync } from "node:sqlite";
 * import { assertEquals } from "@std/assert";
 * import { SqliteStore } from "@mcp-sessions/deno/store/sqlite";
 *
 * using database = new DatabaseSync(":memory:");
 * await using store = new SqliteStore(database, { namespace: "example" });
 * assertEquals(await store.list({ owner: null, limit: 10 }), []);
 * ```
 */
export class SqliteStore extends RowStore {
  /**
   * Makes a store of an open database, whose tables' names begin with `mcp_sessions_`. They are made at
   * the first use. Journal mode WAL is best; `synchronous` becomes at least FULL. Others must not leave a
   * transaction open on the same connection while they wait for something.
   */
  constructor(database: DatabaseSync, options: SqliteStoreOptions) {
    const namespace = checkText("namespace", options.namespace);
    const timeoutMs = checkTimeout("timeoutMs", options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const rows = new SqliteRows(database, {
      namespace,
      // The engine tries again until its own timeout, before which it must have an answer.
      lockTimeoutMs: timeoutMs / 100,
      closesDatabase: options.closesDatabase,
    });
    super({ name: "SQLite", rows, countsBytes: true }, options);
  }

  /**
   * Opens a store in a file, which may be made with its folder, for their owner alone. Closing the store
   * closes it.
   *
   * @throws {StoreError} `corrupt` if it is no SQLite database; `locked` if another process keeps it
   * locked; `full` or `unavailable` if the system refuses it.
   */
  static async open(path: string, options: OpenSqliteStoreOptions): Promise<SqliteStore> {
    const namespace = checkText("namespace", options.namespace);
    checkLimits(options.limits);
    const { timeoutMs = DEFAULT_TIMEOUT_MS, warn = console.warn } = options;
    checkTimeout("timeoutMs", timeoutMs);
    const database = await openSqlite(path, { namespace, timeoutMs, warn });
    return new SqliteStore(database, { ...options, closesDatabase: true });
  }
}
