/**
 * A store in PostgreSQL, for any number of processes and machines.
 *
 * @module
 */

import { checkLimits, checkText, checkTimeout, DEFAULT_TIMEOUT_MS } from "../validation.ts";
import { type OpenedPostgres, openPostgres } from "./open_postgres.ts";
import { parsePostgresUrl } from "./postgres_url.ts";
import { PostgresRows } from "./postgres_rows.ts";
import { preparePostgres } from "./prepare_schema.ts";
import { RowStore, type RowStoreOptions } from "../rows/row_store.ts";
import type { PostgresPool } from "./postgres_pool.ts";

/** Options of {@linkcode PostgresStore.open}. */
export interface OpenPostgresStoreOptions extends RowStoreOptions {
  /** The server's name: sessions of other names in the same database are not seen. */
  readonly namespace: string;
  /** Told in one line what PostgreSQL may lose of what it has acknowledged. @default console.warn */
  readonly warn?: ((message: string) => void) | undefined;
}

/** Options of a {@linkcode PostgresStore}. */
export interface PostgresStoreOptions extends OpenPostgresStoreOptions {
  /** Whether closing the store closes the pool. @default false */
  readonly closesPool?: boolean | undefined;
}

/** Pools that were opened here, and are known already. */
const OPENED = new WeakMap<PostgresPool, OpenedPostgres>();

/**
 * Keeps sessions in PostgreSQL, version 12 or newer: in tables of the schema `mcp_sessions`, which the
 * first operation makes when they are missing.
 *
 * An operation that fails with `unavailable` got no answer, and its commit may have been made; no other
 * failure writes. No commit is made twice.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { PostgresStore } from "@mcp-sessions/deno/store/postgres";
 *
 * // Connects when it is first asked.
 * const pool = new pg.Pool({ host: "db.example", user: "app", database: "app", max: 4 });
 * await using store = new PostgresStore(pool, { namespace: "example", closesPool: true });
 * ```
 */
export class PostgresStore extends RowStore {
  /** Makes a store of an open pool, or of a connected client, of the package `pg`. */
  constructor(pool: PostgresPool, options: PostgresStoreOptions) {
    const { warn, timeoutMs, namespace } = checkOptions(options);
    const opened = OPENED.get(pool);
    const name = opened?.name ?? "PostgreSQL";
    // Without a listener, an idle connection that is lost would end the process.
    const ignore = () => {};
    pool.on("error", ignore);
    const rows = new PostgresRows(pool, {
      name,
      namespace,
      timeoutMs,
      prepare: async () => {
        if (opened === undefined) await preparePostgres(pool, { name, warn, timeoutMs });
      },
      close: async () => {
        if (options.closesPool) await (opened ?? pool).end();
        pool.off("error", ignore);
      },
    });
    super({ name, rows, countsBytes: true, losesByKill: true }, options);
  }

  /**
   * Opens a store by a `postgres:` or `postgresql:` URL.
   *
   * @throws {TypeError} if the URL is none that can be opened.
   * @throws {StoreError} if PostgreSQL cannot be reached, or cannot have the store.
   */
  static async open(url: string, options: OpenPostgresStoreOptions): Promise<PostgresStore> {
    checkLimits(options.limits);
    const opened = await openPostgres(parsePostgresUrl(url), checkOptions(options));
    OPENED.set(opened.pool, opened);
    return new PostgresStore(opened.pool, { ...options, closesPool: true });
  }
}

function checkOptions({ warn, timeoutMs, namespace }: OpenPostgresStoreOptions) {
  return {
    warn: warn ?? console.warn,
    timeoutMs: checkTimeout("timeoutMs", timeoutMs ?? DEFAULT_TIMEOUT_MS),
    namespace: checkText("namespace", namespace),
  };
}
