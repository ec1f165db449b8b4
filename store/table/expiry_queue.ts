/**
 * When sessions expire, and when they are over. Finds the earliest without looking at all the others.
 *
 * @module
 */

/** How long an expired session is kept at the least, in milliseconds: a day. */
const MIN_KEPT_MS = 24 * 60 * 60 * 1000;

/**
 * Whether a session is to be deleted: it has expired, and as long again as its own lifetime has
 * passed since. Until then it is hidden, and live again if the clock was wrong and comes back.
 */
export function isOver(
  { expiresAt, ttlMs }: { readonly expiresAt: number; readonly ttlMs: number },
  now: number,
): boolean {
  return now >= expiresAt + Math.max(ttlMs, MIN_KEPT_MS);
}

/** What is to be found when it has expired. */
interface Expiring {
  readonly record: { readonly expiresAt: number };
}

/**
 * A heap that changes of its items don't touch: a session is renewed at nearly every call, and
 * dropped often, but where it stands here matters only when its turn has come.
 */
export class ExpiryQueue<T extends Expiring> {
  readonly #items: T[] = [];
  /** When each of them was to expire when it was put here: it can only have become later. */
  readonly #times: number[] = [];
  readonly #isWanted: (item: T) => boolean;

  /** Items that are not wanted when their turn comes are left out, until they are added again. */
  constructor(items: Iterable<T>, isWanted: (item: T) => boolean) {
    this.#isWanted = isWanted;
    for (const item of items) this.add(item);
  }

  /** How many there are, with those that are not wanted and whose turn has not come. */
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

  /** Those that have expired, earliest first. They stay: what is decided may not be carried out. */
  *expired(now: number): Generator<T> {
    const found = new Set<T>();
    try {
      while (this.#items.length > 0 && this.#times[0]! <= now) {
        const time = this.#times[0]!;
        const item = this.#takeFirst();
        // One that left and came back is in here twice.
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
