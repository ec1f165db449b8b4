/**
 * Flow control of stdio: backpressure by unread responses, and a limit of concurrent requests.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { Backlog } from "../../jsonrpc/backpressure.ts";
import type { RequestId } from "./sdk.ts";

/** The bytes that may wait for the client before its input is read no further. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;
/** Pending requests up to which input is read without yielding to their responses. */
const MAX_WITHOUT_YIELD = 4;
/** Pending requests up to which input is read: the size of their responses is unknown. */
const MAX_PENDING = 32;
/** The wait after which pending requests no longer count, in milliseconds. */
const PENDING_MS = 250;

export class FlowControl {
  readonly unread = new Backlog(MAX_UNREAD_BYTES);
  /** By id: the pending requests that have it, and the period in which the last of them came. */
  readonly #pending = new Map<RequestId, { count: number; period: number }>();
  #period = 0;
  #counted = 0;
  #isStopped = false;
  #onend: (() => void) | undefined;
  #ondrained: (() => void) | undefined;

  begin(id: RequestId): void {
    const count = (this.#pending.get(id)?.count ?? 0) + 1;
    this.#pending.set(id, { count, period: this.#period });
    this.#counted++;
  }

  /** Discounts a request that has its response, or needs none. */
  end(id: RequestId): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (--pending.count === 0) this.#pending.delete(id);
    if (pending.period === this.#period && this.#counted > 0) this.#counted--;
    if (this.#pending.size === 0) this.#ondrained?.();
    this.#onend?.();
  }

  get hasRoom(): boolean {
    return this.#counted < MAX_WITHOUT_YIELD && !this.unread.isFull;
  }

  async room(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (!this.#isStopped && (this.unread.isFull || this.#counted >= MAX_PENDING)) {
      await (this.unread.isFull ? this.unread.room() : this.#nextEnd());
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.unread.end();
    this.#onend?.();
  }

  async drained(): Promise<void> {
    if (this.#pending.size === 0) return;
    await new Promise<void>((resolve) => this.#ondrained = resolve);
  }

  async #nextEnd(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onend = resolve;
    const timer = setTimeout(() => {
      // Pending calls may wait for each other, or for the client's next message.
      this.#period++;
      this.#counted = 0;
      resolve();
    }, PENDING_MS);
    await promise;
    this.#onend = undefined;
    clearTimeout(timer);
  }
}
