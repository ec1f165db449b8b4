/**
 * Batches: what waits at the same moment goes to a database together.
 *
 * @module
 */

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface BatchesOptions {
  /** The most items of one batch. */
  readonly most: number;
  /** The most batches under way at once. @default 1 */
  readonly atOnce?: number;
}

export class Batches<T, R> {
  readonly #run: (items: readonly T[]) => Promise<readonly (R | Error)[]>;
  readonly #most: number;
  readonly #atOnce: number;
  #waiting: Waiting<T, R>[] = [];
  #running = 0;
  #isScheduled = false;

  /** `run` gives the result of each item, or its error; if it rejects, all of them have that error. */
  constructor(
    run: (items: readonly T[]) => Promise<readonly (R | Error)[]>,
    { most, atOnce = 1 }: BatchesOptions,
  ) {
    this.#run = run;
    this.#most = most;
    this.#atOnce = atOnce;
  }

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  /** Later in this turn, so that all that is added now goes together. */
  #schedule() {
    if (this.#isScheduled || this.#running === this.#atOnce) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      while (this.#waiting.length > 0 && this.#running < this.#atOnce) void this.#runSome();
    });
  }

  async #runSome() {
    const batch = this.#waiting.splice(0, this.#most);
    this.#running++;
    try {
      const results = await this.#run(batch.map(({ item }) => item));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const result = results[index]!;
        if (result instanceof Error) reject(result);
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#running--;
      this.#schedule();
    }
  }
}
