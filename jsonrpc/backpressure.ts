/**
 * Backpressure: a bound on what waits for a slow peer.
 *
 * @module
 */

/** Overhead of a waiting message beside its own bytes, roughly. */
const OVERHEAD_BYTES = 1024;

/** Bytes of the messages that wait for one peer. */
export class Backlog {
  readonly #maxBytes: number;
  #bytes = 0;
  #isOver = false;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether whatever can wait elsewhere, or is dispensable, must not be added. */
  get isFull(): boolean {
    return this.#bytes > this.#maxBytes && !this.#isOver;
  }

  add(bytes: number): void {
    this.#bytes += bytes + OVERHEAD_BYTES;
  }

  remove(bytes: number): void {
    this.#bytes -= bytes + OVERHEAD_BYTES;
    if (!this.isFull) this.#wake();
  }

  async room(): Promise<void> {
    while (this.isFull) {
      this.#waiting ??= Promise.withResolvers();
      await this.#waiting.promise;
    }
  }

  /** Ends all waiting for room, for good. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
