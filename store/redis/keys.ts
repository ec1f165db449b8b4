/**
 * The keys of a namespace in Redis.
 *
 * @module
 */

/**
 * Names the keys of one namespace: a hash of rows for each part, a sorted set of the names of each part
 * that is read in pages, and a hash of counters. All are in one slot of a cluster.
 */
export class RedisKeys {
  readonly #prefix: string;
  readonly #unordered: string;

  /** `unordered` has the first letters of parts that are never read in pages, so that they need no order. */
  constructor(namespace: string, unordered: string) {
    // A cluster hashes what stands between the first pair of braces; a percent-encoded text has none.
    this.#prefix = `mcp-sessions:{${encodeURIComponent(namespace)}}:`;
    this.#unordered = unordered;
  }

  get counters(): string {
    return `${this.#prefix}counters`;
  }

  /** A key that is never set. */
  get unused(): string {
    return `${this.#prefix}unused`;
  }

  rows(part: string): string {
    return `${this.#prefix}rows:${part}`;
  }

  /** The key of a part's order; `undefined` if it has none. */
  order(part: string): string | undefined {
    const isOrdered = part === "" || !this.#unordered.includes(part[0]!);
    return isOrdered ? `${this.#prefix}names:${part}` : undefined;
  }
}
