/**
 * Telling of lines that nobody can use, without a line in the log for each.
 *
 * @module
 */

/** Tells of the first stray line, the tenth, the hundredth and so on: a peer may send millions. */
export class Strays {
  readonly #tell: (message: string) => void;
  #count = 0;
  #next = 1;

  /** Tells by means of `tell`. */
  constructor(tell: (message: string) => void) {
    this.#tell = tell;
  }

  /** Counts a line that was of no use, and says why if it is its turn. */
  add(why: string): void {
    if (++this.#count < this.#next) return;
    this.#next *= 10;
    this.#tell(this.#count === 1 ? why : `${why} (${this.#count} such lines so far)`);
  }
}
