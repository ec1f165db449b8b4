/**
 * Rate limit of log lines about stray messages.
 *
 * @module
 */

/** Reports the first stray line, the tenth, the hundredth …: a peer may send millions. */
export class Strays {
  readonly #tell: (message: string) => void;
  #count = 0;
  #next = 1;

  constructor(tell: (message: string) => void) {
    this.#tell = tell;
  }

  add(why: string): void {
    if (++this.#count < this.#next) return;
    this.#next *= 10;
    this.#tell(this.#count === 1 ? why : `${why} (${this.#count} such lines so far)`);
  }
}
