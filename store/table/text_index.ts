/**
 * Finds items by a text that they have in them: a `Map` that takes a third of the time to fill. Most
 * of what a large store takes to open would go into the map's own hashes, and into looking at texts
 * all over the memory.
 *
 * @module
 */

/** A map from texts to items, each of which knows its text and keeps it while it is in here. */
export class Index<T extends object> {
  readonly #textOf: (item: T) => string;
  readonly #byHash = new Map<number, T | Several<T>>();
  #size = 0;

  constructor(textOf: (item: T) => string) {
    this.#textOf = textOf;
  }

  get size(): number {
    return this.#size;
  }

  get(text: string): T | undefined {
    const found = this.#byHash.get(hash(text));
    if (found instanceof Several) return found.items.find((item) => this.#textOf(item) === text);
    return found !== undefined && this.#textOf(found) === text ? found : undefined;
  }

  set(text: string, item: T) {
    const key = hash(text);
    const found = this.#byHash.get(key);
    if (found === undefined) {
      this.#byHash.set(key, item);
      this.#size++;
      return;
    }
    const before = found instanceof Several ? found.items : [found];
    const others = before.filter((other) => this.#textOf(other) !== text);
    this.#byHash.set(key, others.length === 0 ? item : new Several([...others, item]));
    this.#size += others.length + 1 - before.length;
  }

  delete(text: string) {
    const key = hash(text);
    const found = this.#byHash.get(key);
    if (found === undefined) return;
    const before = found instanceof Several ? found.items : [found];
    const others = before.filter((other) => this.#textOf(other) !== text);
    if (others.length === 0) this.#byHash.delete(key);
    else this.#byHash.set(key, new Several(others));
    this.#size -= before.length - others.length;
  }

  /** All items; those that come meanwhile may be among them or not. */
  *values(): Generator<T> {
    for (const found of this.#byHash.values()) {
      if (found instanceof Several) yield* found.items;
      else yield found;
    }
  }
}

/** Those whose texts happen to have one hash. */
class Several<T> {
  readonly items: readonly T[];

  constructor(items: readonly T[]) {
    this.items = items;
  }
}

/** Of 30 bits, as numbers of more may not be kept in place. */
function hash(text: string): number {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum, 31) + text.charCodeAt(i) | 0;
  return sum & 0x3fffffff;
}
