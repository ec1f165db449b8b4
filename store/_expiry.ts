/**
 * Sessions by when they expire: finds those that have expired without looking at all the others.
 *
 * @module
 */

/** What is to be found when it has expired. */
interface Expiring {
  readonly record: { readonly expiresAt: number };
  /** Is it in the store no more? */
  readonly dropped?: boolean;
}

/**
 * A heap that changes of its items don't touch: a session is renewed at nearly every call, and
 * dropped often, but where it stands here matters only when its turn has come.
 */
export class ExpiryQueue<T extends Expiring> {
  readonly #items: T[] = [];
  /** When each of them was to expire when it was put here: it can only have become later. */
  readonly #times: number[] = [];

  constructor(items: Iterable<T>) {
    for (const item of items) this.add(item);
  }

  /** How many there are, with those that were dropped and whose turn has not come. */
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

  /** Those that have expired. They stay, as what is decided on may not be carried out. */
  *expired(now: number): Generator<T> {
    const found = new Set<T>();
    try {
      while (this.#items.length > 0 && this.#times[0]! <= now) {
        const item = this.#takeFirst();
        // One that was dropped and came back is in here twice.
        if (item.dropped || found.has(item)) continue;
        if (item.record.expiresAt > now) this.add(item);
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
