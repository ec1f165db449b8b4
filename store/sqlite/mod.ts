/**
 * The store in SQLite, {@linkcode SqliteStore}: a subpath of its own, so that nobody else loads SQLite.
 *
 * @module
 */

export type { RowStoreOptions } from "../rows/row_store.ts";
export type { StoreLimits } from "../session_store.ts";
export {
  type OpenSqliteStoreOptions,
  SqliteStore,
  type SqliteStoreOptions,
} from "./sqlite_store.ts";
