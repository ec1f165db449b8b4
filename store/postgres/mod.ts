/**
 * Sessions in PostgreSQL, for any number of processes and machines.
 *
 * @module
 */

export type { PostgresPool, PostgresQuery } from "./postgres_pool.ts";
export {
  type OpenPostgresStoreOptions,
  PostgresStore,
  type PostgresStoreOptions,
} from "./postgres_store.ts";
export type { RowStoreOptions } from "../rows/row_store.ts";
export type { StoreLimits } from "../session_store.ts";
