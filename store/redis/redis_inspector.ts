/**
 * Inspects a Redis, a replica too: by scripts that only read.
 *
 * @module
 */

import type { StoreInspector } from "../inspection.ts";
import type { CounterPage, InspectedDatabase, InspectedRows } from "../rows/inspected_rows.ts";
import { RowInspector, type RowInspectorOptions } from "../rows/row_inspector.ts";
import type { RowPage, Snapshot, Want } from "../rows/rows.ts";
import { bisect, compareUtf8 } from "../utf8_order.ts";
import { RedisConnection } from "./connection.ts";
import { COUNTERS_PATTERN, namespaceOf, RedisKeys, UNORDERED } from "./keys.ts";
import { openRedis } from "./open_redis.ts";
import { RedisRows } from "./redis_rows.ts";
import { HSCAN_SCRIPT, SCAN_SCRIPT } from "./scripts.ts";
import { redisPlace } from "./url.ts";

/** About how many keys or names Redis looks at in one step, between which others have their turn. */
const STEP = "1000";

/**
 * Opens an inspector by a `redis:` or `rediss:` URL.
 *
 * @throws {StoreError} `unavailable` if Redis cannot be reached, or refuses the password.
 */
export async function inspectRedis(
  url: string,
  options: RowInspectorOptions,
): Promise<StoreInspector> {
  const { timeoutMs } = options;
  const client = await openRedis(redisPlace(url), { warn: () => {}, timeoutMs });
  const connection = new RedisConnection(client, { timeoutMs, closesClient: true });
  return new RowInspector(new RedisInspection(connection), options);
}

class RedisInspection implements InspectedDatabase {
  readonly name = "Redis";
  readonly countsBytes = true;
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async namespaces(): Promise<string[]> {
    const namespaces = new Set<string>();
    for (let cursor: string | undefined = "0"; cursor !== undefined;) {
      const args = { keys: [], args: [cursor, COUNTERS_PATTERN, STEP] };
      const [next, keys] = await this.#connection.run(SCAN_SCRIPT, args) as [string, string[]];
      for (const namespace of keys.map(namespaceOf)) {
        if (namespace !== undefined) namespaces.add(namespace);
      }
      cursor = next === "0" ? undefined : next;
    }
    return [...namespaces];
  }

  rows(namespace: string): InspectedRows {
    return new InspectedRedisRows(this.#connection, namespace);
  }

  close(): Promise<void> {
    this.#connection.close();
    return Promise.resolve();
  }
}

const GONE = { text: "", version: "" };

class InspectedRedisRows implements InspectedRows {
  readonly #rows: RedisRows;
  readonly #keys: RedisKeys;
  readonly #connection: RedisConnection;
  readonly #walks = new Map<string, Walk>();

  constructor(connection: RedisConnection, namespace: string) {
    this.#connection = connection;
    this.#rows = new RedisRows(connection, { namespace, unordered: UNORDERED });
    this.#keys = new RedisKeys(namespace, UNORDERED);
  }

  async read(want: Want): Promise<Snapshot> {
    const { page } = want;
    if (page === undefined || this.#keys.order(page.part) !== undefined) {
      return await this.#rows.read(want);
    }
    const { part } = page;
    const names = await this.#names(this.#keys.rows(part), page);
    const places = names.map((name) => [part, name] as const);
    const { at, counts } = await this.#rows.read({
      ...want,
      at: [...want.at ?? [], ...places],
      page: undefined,
    });
    const found = at.slice(at.length - places.length);
    return {
      at: at.slice(0, at.length - places.length),
      // With those that are gone by now, as a short page is taken for the last one.
      page: names.map((name, index) => [name, found[index] ?? GONE] as const),
      counts,
    };
  }

  async counters(page: CounterPage): Promise<[name: string, value: number][]> {
    const names = await this.#names(this.#keys.counters, page);
    const { counts } = await this.#rows.read({ counts: names });
    return names.map((name, index) => [name, counts[index] ?? 0]);
  }

  /**
   * The names in a hash, which Redis has in no order. Whoever goes on where the last page ended is given
   * those that were there as the walk began: all of them are read for the first page alone.
   */
  async #names(key: string, page: Omit<RowPage, "part">): Promise<string[]> {
    const { prefix = "", after, limit } = page;
    const known = this.#walks.get(key);
    const isWalk = known !== undefined && known.last === after && known.prefix === prefix;
    const all = isWalk ? known.names : await this.#scan(key, prefix);
    const first = after === undefined ? 0 : bisect(all, (name) => compareUtf8(name, after) <= 0);
    const names = all.slice(first, first + limit);
    const last = names.at(-1);
    if (last === undefined || first + limit >= all.length) this.#walks.delete(key);
    else this.#walks.set(key, { prefix, names: all, last });
    return names;
  }

  async #scan(key: string, prefix: string): Promise<string[]> {
    const names = new Set<string>();
    for (let cursor: string | undefined = "0"; cursor !== undefined;) {
      const args = { keys: [key], args: [cursor, STEP] };
      const [next, pairs] = await this.#connection.run(HSCAN_SCRIPT, args) as [string, string[]];
      for (let index = 0; index < pairs.length; index += 2) {
        if (pairs[index]!.startsWith(prefix)) names.add(pairs[index]!);
      }
      cursor = next === "0" ? undefined : next;
    }
    return [...names].sort(compareUtf8);
  }
}

/** Sorted names, and where the last page of them ended. */
interface Walk {
  readonly prefix: string;
  readonly names: readonly string[];
  readonly last: string;
}
