/**
 * Backpressure: how much may wait for a peer that takes it slowly.
 *
 * @module
 */

/** What a message that waits takes beside its own bytes, roughly. */
const BYTES_BESIDE = 1024;

/** The messages that wait for one peer, by their size. */
export class Backlog {
  readonly #maxBytes: number;
  #bytes = 0;
  #isOver = false;
  #waiting: PromiseWithResolvers<void> | undefined;

  /** Is full when more than `maxBytes` wait. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Should nothing be added that can wait elsewhere, or be done without? */
  get isFull(): boolean {
    return this.#bytes > this.#maxBytes && !this.#isOver;
  }

  /** A message of so many bytes waits from now on. */
  add(bytes: number): void {
    this.#bytes += bytes + BYTES_BESIDE;
  }

  /** It waits no more. */
  remove(bytes: number): void {
    this.#bytes -= bytes + BYTES_BESIDE;
    if (!this.isFull) this.#wake();
  }

  /** Resolves as soon as it is not full. */
  async room(): Promise<void> {
    while (this.isFull) {
      this.#waiting ??= Promise.withResolvers();
      await this.#waiting.promise;
    }
  }

  /** Lets nothing wait for room any more. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
