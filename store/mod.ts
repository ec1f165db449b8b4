/**
 * Session stores: one contract, {@linkcode SessionStore}, and the stores that hold to it.
 *
 * - {@linkcode MemoryStore}: as long as the process.
 * - {@linkcode FileStore}: one file on one machine, for any number of processes.
 * - {@linkcode KvStore}: Deno KV, in a file or across machines.
 * - `SqliteStore`, `RedisStore` and `PostgresStore`, of `@mcp-sessions/deno/store/sqlite`, `/redis` and
 *   `/postgres`: in a database.
 *
 * {@linkcode openStore} opens any of them by a URL such as `file:sessions.jsonl`, and
 * {@linkcode openInspector} inspects any of them without a change.
 *
 * @module
 */

export type { Json } from "../runtime/json.ts";
export { FileStore, type FileStoreOptions } from "./file/file_store.ts";
export type {
  InspectedSession,
  InspectEntriesOptions,
  InspectOwnersOptions,
  InspectSessionsOptions,
  OwnerSummary,
  ServerSummary,
  StoreInspector,
} from "./inspection.ts";
export type { JournalFile, JournalOptions } from "./journal/journal.ts";
export { type DenoKv, KvStore, type KvStoreOptions } from "./kv/kv_store.ts";
export { MemoryStore, type MemoryStoreOptions } from "./memory/memory_store.ts";
export {
  type DefaultStoreOptions,
  defaultStoreUrl,
  openInspector,
  type OpenInspectorOptions,
  openStore,
  type OpenStoreOptions,
} from "./open.ts";
export {
  checkKey,
  checkKeys,
  checkUpdate,
  type CommittedTransaction,
  DEFAULT_LIMITS,
  type EncodedWrite,
  encodeUpdate,
  INTERNAL_OWNER,
  MAX_KEY_BYTES,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_KEY_BYTES,
  MAX_TRANSACTION_KEYS,
  MAX_VALUE_BYTES,
  type SessionAlias,
  type SessionListOptions,
  type SessionRecord,
  type SessionStore,
  type StateEntriesOptions,
  type StateTransaction,
  type StateUpdate,
  StoreError,
  type StoreErrorCode,
  type StoreLimits,
} from "./session_store.ts";
