/**
 * Deadlines: a time limit for promises, which a signal can end early.
 *
 * @module
 */

/** Thrown by {@linkcode Deadline.limit} when the time is over, or was ended early. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/** A time limit that starts now and that a signal can end early. Holds no timer by itself. */
export class Deadline {
  readonly #ms: number;
  readonly #end: number;
  readonly #signal: AbortSignal;

  constructor(ms: number, signal: AbortSignal) {
    this.#ms = ms;
    this.#end = performance.now() + ms;
    this.#signal = signal;
  }

  get left(): number {
    return this.#signal.aborted ? 0 : Math.max(0, this.#end - performance.now());
  }

  /** Waits for `ms` milliseconds; gives `false` at once if fewer are left. */
  async wait(ms: number): Promise<boolean> {
    if (ms >= this.left) return false;
    await this.#timer(ms, new Promise<never>(() => {}));
    return !this.#signal.aborted;
  }

  /** The value of `work`; throws a {@linkcode DeadlineError} if the time is over first. */
  async limit<T>(work: Promise<T>): Promise<T> {
    const done = await this.#timer(this.left, work.then((value) => ({ value })));
    if (done === undefined) {
      const why = this.#signal.aborted ? "it was given up" : `it took longer than ${this.#ms} ms`;
      throw new DeadlineError(why);
    }
    return done.value;
  }

  /** The value of `work`, or `undefined` after `ms` or at the signal. */
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
