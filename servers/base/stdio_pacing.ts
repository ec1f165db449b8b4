/**
 * How fast a server takes requests from a client that it shares one pipe with.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { Backlog } from "../../jsonrpc/backpressure.ts";
import type { RequestId } from "./sdk.ts";

/** How much may wait for the client to read it, in bytes, before nothing more is taken from it. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;
/** How many requests may begin without a look at how large the answers are that are there at once. */
const FEW = 4;
/**
 * How many may have begun without an answer, as nobody knows how large that will be. Those that others
 * have waited for so long, in milliseconds, count no more.
 */
const MAX_BEGUN = 32;
const BEGUN_MS = 250;

/** The requests of one client that are under way, and the answers that it has not read. */
export class Pace {
  /** What the client has not read. */
  readonly unread = new Backlog(MAX_UNREAD_BYTES);
  /** For each id how many requests have it, and the period in which the last of them came. */
  readonly #unanswered = new Map<RequestId, { count: number; period: number }>();
  #period = 0;
  /** How many of this period are unanswered. */
  #begun = 0;
  #stopped = false;
  #answered: (() => void) | undefined;
  #drained: (() => void) | undefined;

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
    this.#answered?.();
  }

  /** Is there room for what comes next from the client, without waiting? */
  get hasRoom(): boolean {
    return this.#begun < FEW && !this.unread.isFull;
  }

  /** Waits until there is room. */
  async room(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (!this.#stopped && (this.unread.isFull || this.#begun >= MAX_BEGUN)) {
      await (this.unread.isFull ? this.unread.room() : this.#nextAnswer());
    }
  }

  /** Lets nothing wait for room any more. */
  stop(): void {
    this.#stopped = true;
    this.unread.end();
    this.#answered?.();
  }

  /** Resolves when every request that came in has its answer. */
  async drained(): Promise<void> {
    if (this.#unanswered.size === 0) return;
    await new Promise<void>((resolve) => this.#drained = resolve);
  }

  async #nextAnswer(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answered = resolve;
    const timer = setTimeout(() => {
      // Calls may wait for each other, or for what the client says next.
      this.#period++;
      this.#begun = 0;
      resolve();
    }, BEGUN_MS);
    await promise;
    this.#answered = undefined;
    clearTimeout(timer);
  }
}
