/** Time that passes as soon as nothing else is to be done, the same in each run. */

import { setImmediate } from "node:timers";

/** No test takes longer by its own time. */
const LONGEST_MS = 60 * 60 * 1_000;

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

export class VirtualTime implements Disposable {
  #now = 0;
  #last = 0;
  #seed: number;
  readonly #timers = new Map<number, Timer>();
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: performance.now,
    random: Math.random,
  };

  constructor(seed = 1) {
    this.#seed = seed;
    const setTimeout = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
      this.#timers.set(++this.#last, { at: this.#now + ms, run: () => run(...args) });
      return { id: this.#last, unref: () => {} };
    };
    const clearTimeout = (timer?: { readonly id: number }) =>
      void this.#timers.delete(timer?.id ?? 0);
    Object.assign(globalThis, { setTimeout, clearTimeout });
    performance.now = () => this.#now;
    Math.random = () => (this.#seed = (this.#seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  }

  get now(): number {
    return this.#now;
  }

  /** Resolves after so many milliseconds of this time. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => globalThis.setTimeout(resolve, ms));
  }

  /** Lets time pass until a promise has settled. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = () => void (isOver = true);
    work.then(over, over);
    for (;;) {
      // All that can be done without a timer is done by then.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (isOver) return await work;
      const [first] = [...this.#timers].sort(([a, one], [b, two]) => one.at - two.at || a - b);
      if (first === undefined) throw new Error("Nothing will ever happen");
      const [id, { at, run }] = first;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, at);
      if (this.#now > LONGEST_MS) throw new Error("It takes for ever");
      run();
    }
  }

  [Symbol.dispose](): void {
    const { setTimeout, clearTimeout, now, random } = this.#real;
    Object.assign(globalThis, { setTimeout, clearTimeout });
    performance.now = now;
    Math.random = random;
  }
}
