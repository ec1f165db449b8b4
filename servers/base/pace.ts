/**
 * Backpressure: how fast a server takes requests from a client that it shares one pipe with.
 *
 * @module
 */

import type { RequestId } from "./sdk.ts";

/** How much may wait for the client to read it, in bytes, before nothing more is taken from it. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;
/** What a message that waits takes beside its own bytes, roughly. */
const BYTES_BESIDE = 1024;
/**
 * How many requests may have begun without an answer: nobody knows how large that will be. Those
 * that others have waited for so long, in milliseconds, count no more.
 */
const MAX_BEGUN = 32;
const BEGUN_MS = 1000;

/** The requests of one client that are under way, and the answers that it has not read. */
export class Pace {
  /** For each id how many requests have it, and the period in which the last of them came. */
  readonly #unanswered = new Map<RequestId, { count: number; period: number }>();
  #period = 0;
  /** How many of this period are unanswered. */
  #begun = 0;
  #unreadBytes = 0;
  #stopped = false;
  #changed: (() => void) | undefined;
  #drained: (() => void) | undefined;

  /** Does the client leave so much unread that it has to do without what is not essential? */
  get isBehind(): boolean {
    return this.#unreadBytes > MAX_UNREAD_BYTES;
  }

  /** A request has come in. */
  began(id: RequestId): void {
    const count = (this.#unanswered.get(id)?.count ?? 0) + 1;
    this.#unanswered.set(id, { count, period: this.#period });
    this.#begun++;
  }

  /** A request has its answer, or needs none any more. */
  ended(id: RequestId): void {
    const entry = this.#unanswered.get(id);
    if (entry === undefined) return;
    if (--entry.count === 0) this.#unanswered.delete(id);
    if (entry.period === this.#period && this.#begun > 0) this.#begun--;
    if (this.#unanswered.size === 0) this.#drained?.();
    this.#changed?.();
  }

  /** So many bytes wait from now on for the client to read them. */
  hold(bytes: number): void {
    this.#unreadBytes += bytes + BYTES_BESIDE;
  }

  /** The client has read so many bytes, or never will. */
  release(bytes: number): void {
    this.#unreadBytes -= bytes + BYTES_BESIDE;
    this.#changed?.();
  }

  /** Waits until there is room for what comes next from the client. */
  async room(): Promise<void> {
    while (!this.#stopped && (this.isBehind || this.#begun >= MAX_BEGUN)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#changed = resolve;
      const timer = this.isBehind ? undefined : setTimeout(() => {
        // Calls may wait for each other, or for what the client says next.
        this.#period++;
        this.#begun = 0;
        resolve();
      }, BEGUN_MS);
      await promise;
      clearTimeout(timer);
    }
    this.#changed = undefined;
  }

  /** Lets nothing wait for room any more. */
  stop(): void {
    this.#stopped = true;
    this.#changed?.();
  }

  /** Resolves when every request that came in has its answer. */
  async drained(): Promise<void> {
    if (this.#unanswered.size === 0) return;
    await new Promise<void>((resolve) => this.#drained = resolve);
  }
}
