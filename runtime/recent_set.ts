/** A set of texts that forgets: it has the last `size` of them at least, and twice as many at most. */
export class RecentSet {
  readonly #size: number;
  #recent = new Set<string>();
  #older = new Set<string>();

  constructor(size: number) {
    this.#size = size;
  }

  has(text: string): boolean {
    return this.#recent.has(text) || this.#older.has(text);
  }

  /** Adds a text, or keeps it from being forgotten. `false` if it was there. */
  add(text: string): boolean {
    if (this.#recent.has(text)) return false;
    if (this.#recent.size >= this.#size) {
      this.#older = this.#recent;
      this.#recent = new Set();
    }
    this.#recent.add(text);
    return !this.#older.has(text);
  }

  delete(text: string): void {
    this.#recent.delete(text);
    this.#older.delete(text);
  }
}
