/**
 * A span of time in which something has to succeed.
 *
 * @module
 */

/** What {@linkcode Deadline.limit} rejects with when the time is over, or was ended early. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/** A span of time that starts now, and that a signal can end early. Holds no timer by itself. */
export class Deadline {
  readonly #ms: number;
  readonly #end: number;
  readonly #signal: AbortSignal;

  /** Starts a span of `ms` milliseconds. */
  constructor(ms: number, signal: AbortSignal) {
    this.#ms = ms;
    this.#end = performance.now() + ms;
    this.#signal = signal;
  }

  /** How many milliseconds are left. */
  get left(): number {
    return this.#signal.aborted ? 0 : Math.max(0, this.#end - performance.now());
  }

  /** Waits for `ms` milliseconds; at once `false` when that is more than what is left. */
  async wait(ms: number): Promise<boolean> {
    if (ms >= this.left) return false;
    await this.#timer(ms, new Promise<never>(() => {}));
    return !this.#signal.aborted;
  }

  /**
   * Gives what `work` gives.
   *
   * @throws {DeadlineError} If the time is over before; `work` then goes on, and nobody listens.
   */
  async limit<T>(work: Promise<T>): Promise<T> {
    const done = await this.#timer(this.left, work.then((value) => ({ value })));
    if (done === undefined) {
      const why = this.#signal.aborted ? "it was given up" : `it took longer than ${this.#ms} ms`;
      throw new DeadlineError(why);
    }
    return done.value;
  }

  /** `work`, or `undefined` after `ms` or when the signal comes. */
  async #timer<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
    const over = Promise.withResolvers<undefined>();
    const stop = () => over.resolve(undefined);
    const timer = setTimeout(stop, ms);
    this.#signal.addEventListener("abort", stop);
    try {
      return await Promise.race([work, over.promise]);
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener("abort", stop);
    }
  }
}
