/**
 * Noticing what takes long, with one timer for all that is under way.
 *
 * @module
 */

/** Calls back for each thing that has been under way for a while, again and again until it ends. */
export class Overdue<T> {
  readonly #everyMs: number;
  readonly #onoverdue: (thing: T) => void;
  #young = new Set<T>();
  #old = new Set<T>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** A thing is called back for first after `everyMs` to twice that, in milliseconds. */
  constructor(everyMs: number, onoverdue: (thing: T) => void) {
    // A longer time would overflow the timer, and come at once.
    this.#everyMs = Math.min(everyMs, 2 ** 31 - 1);
    this.#onoverdue = onoverdue;
  }

  /** Notes that a thing is under way from now on. */
  begin(thing: T): void {
    this.#young.add(thing);
    this.#timer ??= this.#start();
  }

  /** Notes that it has ended. */
  end(thing: T): void {
    if (!this.#young.delete(thing)) this.#old.delete(thing);
  }

  /** All that is under way. */
  *[Symbol.iterator](): Generator<T> {
    yield* this.#young;
    yield* this.#old;
  }

  /** Stops the timer, until something else is under way. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  // Most things end at once: a timer for as long as there are any would be made for each of them.
  #start(): ReturnType<typeof setInterval> {
    const timer = setInterval(() => this.#sweep(), this.#everyMs);
    timer.unref();
    return timer;
  }

  #sweep(): void {
    if (this.#young.size + this.#old.size === 0) return this.stop();
    for (const thing of this.#old) this.#onoverdue(thing);
    for (const thing of this.#young) this.#old.add(thing);
    this.#young = new Set();
  }
}
