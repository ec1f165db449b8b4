/**
 * A priority queue of sessions by expiry, and the retention of expired ones.
 *
 * @module
 */

import { INTERNAL_OWNER, type SessionRecord } from "../session_store.ts";

/** The shortest retention of an expired session, in milliseconds: a day. */
const MIN_RETENTION_MS = 24 * 60 * 60 * 1000;

/**
 * Whether a session is past its retention: it has expired, and as long again as its lifetime has passed
 * since. Until then it is hidden, and live again if the clock was wrong and is set back.
 */
export function isPurgeable({ owner, expiresAt, ttlMs }: SessionRecord, now: number): boolean {
  // A server's own records are many and short-lived.
  const shortest = owner === INTERNAL_OWNER ? 0 : MIN_RETENTION_MS;
  return now >= expiresAt + Math.max(ttlMs, shortest);
}

interface Expiring {
  readonly record: { readonly expiresAt: number };
}

/**
 * A heap that is corrected lazily: a session is renewed at nearly every call, and dropped often, but
 * its place in the heap matters only when it is the first.
 */
export class ExpiryQueue<T extends Expiring> {
  readonly #items: T[] = [];
  /** The expiry of each item when it was added: it can only have become later. */
  readonly #times: number[] = [];
  readonly #isWanted: (item: T) => boolean;

  /** Items that are not wanted when they are the first are left out, until they are added again. */
  constructor(items: Iterable<T>, isWanted: (item: T) => boolean) {
    this.#isWanted = isWanted;
    for (const item of items) this.add(item);
  }

  /** The number of items, with those that are not wanted any more. */
  get size(): number {
    return this.#items.length;
  }

  add(item: T) {
    const time = item.record.expiresAt;
    let at = this.#items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#times[parent]! <= time) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#items[at] = item;
    this.#times[at] = time;
  }

  /** The expired items, earliest first. They stay queued, as a decision may not be applied. */
  *expired(now: number): Generator<T> {
    const found = new Set<T>();
    try {
      while (this.#items.length > 0 && this.#times[0]! <= now) {
        const time = this.#times[0]!;
        const item = this.#takeFirst();
        // An item that was dropped and added again is queued twice.
        if (!this.#isWanted(item) || found.has(item)) continue;
        if (item.record.expiresAt > time) this.add(item);
        else {
          found.add(item);
          yield item;
        }
      }
    } finally {
      for (const item of found) this.add(item);
    }
  }

  #takeFirst(): T {
    const first = this.#items[0]!;
    const item = this.#items.pop()!;
    const time = this.#times.pop()!;
    const { length } = this.#items;
    if (length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#times[child + 1]! < this.#times[child]!) child++;
      if (this.#times[child]! >= time) break;
      this.#move(child, at);
      at = child;
    }
    this.#items[at] = item;
    this.#times[at] = time;
    return first;
  }

  #move(from: number, to: number) {
    this.#items[to] = this.#items[from]!;
    this.#times[to] = this.#times[from]!;
  }
}
