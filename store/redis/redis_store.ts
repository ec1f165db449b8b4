/**
 * Redis store: sessions in Redis or Valkey, for any number of machines.
 *
 * @module
 */

import { RowStore } from "../rows/row_store.ts";
import { checkLimits, checkText, checkTimeout, DEFAULT_TIMEOUT_MS } from "../validation.ts";
import type { StoreLimits } from "../session_store.ts";
import type { RedisClient } from "./client.ts";
import { RedisConnection } from "./connection.ts";
import { RedisKeys, UNORDERED } from "./keys.ts";
import { openRedis } from "./open_redis.ts";
import { RedisRows } from "./redis_rows.ts";
import { redisPlace } from "./url.ts";

/** Options of {@linkcode RedisStore}. */
export interface RedisStoreOptions {
  /** The server's name: sessions of other names in the same Redis are not seen. */
  readonly namespace: string;
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** The timeout of an operation, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
  /** The most that the store keeps. */
  readonly limits?: Partial<StoreLimits> | undefined;
  /** Whether the store closes the client with itself. @default false */
  readonly closesClient?: boolean | undefined;
}

/** Options of {@linkcode RedisStore.open}. */
export interface OpenRedisStoreOptions extends Omit<RedisStoreOptions, "closesClient"> {
  /** Told in one line of what this Redis may lose. @default console.warn */
  readonly warn?: ((message: string) => void) | undefined;
}

/**
 * A store in Redis or Valkey, of version 6.2 or later.
 *
 * Whether a write survives a power cut or a failover is for that Redis to say: `appendonly yes` with
 * `appendfsync always` keeps every write that was acknowledged on that machine. No key has a time to live.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type RedisClient, RedisStore } from "@mcp-sessions/deno/store/redis";
 *
 * // const client = await createClient({ url, disableOfflineQueue: true }).connect();
 * async function countSessions(client: RedisClient): Promise<number> {
 *   await using store = new RedisStore(client, { namespace: "example" });
 *   return (await store.list({ owner: null, limit: 10 })).length;
 * }
 *
 * // In place of a client: a Redis that is empty.
 * const empty = {
 *   evalSha: () => Promise.resolve([[[], [], [], []]]),
 *   eval: () => Promise.resolve([]),
 *   destroy: () => {},
 * };
 * assertEquals(await countSessions(empty), 0);
 * ```
 */
export class RedisStore extends RowStore {
  /**
   * Makes a store of an open client without a type mapping, which stays its owner's. With
   * `disableOfflineQueue` a client sends no write when nobody waits for it any more.
   *
   * @throws {RangeError} if the namespace is empty, or has more than 48 bytes of UTF-8; or if a limit is
   * not a number from 0, or `timeoutMs`.
   */
  constructor(client: RedisClient, options: RedisStoreOptions) {
    const namespace = checkText("namespace", options.namespace);
    const timeoutMs = checkTimeout("timeoutMs", options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const { closesClient } = options;
    const connection = new RedisConnection(client, { timeoutMs, closesClient });
    const rows = new RedisRows(connection, { namespace, unordered: UNORDERED });
    super({ name: "Redis", rows, countsBytes: true }, options);
  }

  /**
   * Opens a store by a `redis:` or `rediss:` URL, and warns once if this Redis may lose what it
   * acknowledged. A lost connection comes back by itself. Closing the store closes it.
   *
   * @throws {TypeError} if the URL is malformed.
   * @throws {StoreError} `unavailable` if Redis cannot be reached, refuses the password, is a replica, or
   * evicts sessions and the URL has no `?evicting=allow`.
   */
  static async open(url: string, options: OpenRedisStoreOptions): Promise<RedisStore> {
    const place = redisPlace(url);
    checkText("namespace", options.namespace);
    checkLimits(options.limits);
    const { timeoutMs = DEFAULT_TIMEOUT_MS, warn = console.warn } = options;
    const client = await openRedis(place, {
      warn,
      unusedKey: new RedisKeys(options.namespace, UNORDERED).unused,
      timeoutMs: checkTimeout("timeoutMs", timeoutMs),
    });
    return new RedisStore(client, { ...options, closesClient: true });
  }
}
