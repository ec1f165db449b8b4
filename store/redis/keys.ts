/**
 * The keys of a namespace in Redis.
 *
 * @module
 */

/** The first letters of the engine's parts that it never reads in pages: `store/rows/session_rows.ts`. */
export const UNORDERED = "sita";

const PREFIX = "mcp-sessions:{";

/** A pattern of the counters of all namespaces. */
export const COUNTERS_PATTERN = `${PREFIX}*}:counters`;

/** The namespace of a key of counters; `undefined` if it is another program's. */
export function namespaceOf(key: string): string | undefined {
  const encoded = /\{([^{}]+)\}/.exec(key)?.[1];
  try {
    return encoded === undefined ? undefined : decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

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
    this.#prefix = `${PREFIX}${encodeURIComponent(namespace)}}:`;
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
