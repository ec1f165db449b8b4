/**
 * Where sessions are kept: one contract, {@linkcode SessionStore}, and three stores that hold to it.
 *
 * - {@linkcode MemoryStore}: as long as the process.
 * - {@linkcode FileStore}: one file on one machine, for any number of processes.
 * - {@linkcode KvStore}: Deno KV, in a file or across machines.
 *
 * {@linkcode openStore} gets any of them from a URL such as `file:sessions.jsonl`.
 *
 * @module
 */

export type { Json } from "../protocol.ts";
export { FileStore, type FileStoreOptions } from "./file.ts";
export type { JournalFile, JournalOptions } from "./journal.ts";
export { KvStore, type KvStoreOptions } from "./kv.ts";
export { MemoryStore, type MemoryStoreOptions } from "./memory.ts";
export {
  type DefaultStoreOptions,
  defaultStoreUrl,
  openStore,
  type OpenStoreOptions,
} from "./open.ts";
export {
  checkKey,
  checkKeys,
  checkUpdate,
  type Committed,
  DEFAULT_LIMITS,
  type EncodedWrite,
  encodeUpdate,
  type EntriesOptions,
  type ListOptions,
  MAX_KEY_BYTES,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_KEY_BYTES,
  MAX_TRANSACTION_KEYS,
  MAX_VALUE_BYTES,
  type SessionAlias,
  type SessionRecord,
  type SessionStore,
  StoreError,
  type StoreErrorCode,
  type StoreLimits,
  type Transaction,
  type Update,
} from "./store.ts";
