/**
 * An LRU cache: the least recently used entries are evicted first, and only while they are idle.
 *
 * @module
 */

/** The most entries, unless more are busy. */
const MAX_ENTRIES = 1000;

export class IdleCache<T extends { readonly isIdle: boolean }> {
  /** The least recently used entry comes first. */
  readonly #entries = new Map<string, T>();

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  /** Caches the entry as the most recently used one, and evicts idle ones past the bound. */
  set(key: string, entry: T): void {
    this.#entries.delete(key);
    const excess = Math.max(0, this.#entries.size + 1 - MAX_ENTRIES);
    const idle = this.#entries.entries().filter(([, each]) => each.isIdle);
    for (const [evicted] of idle.take(excess)) this.#entries.delete(evicted);
    this.#entries.set(key, entry);
  }

  values(): Iterable<T> {
    return this.#entries.values();
  }
}
