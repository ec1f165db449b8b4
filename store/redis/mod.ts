/**
 * Sessions in Redis or Valkey: {@linkcode RedisStore} takes an open client, and `openStore` of `./store` a
 * `redis://` or `rediss://` URL.
 *
 * @module
 */

export type { RedisClient, RedisScriptOptions } from "./client.ts";
export { type OpenRedisStoreOptions, RedisStore, type RedisStoreOptions } from "./redis_store.ts";
