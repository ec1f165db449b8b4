/**
 * The subscription of a legacy client at a modern server: all that the client is told of without asking.
 *
 * @module
 */

import { deliverable, type SubscriptionFilter } from "../../protocol/subscription.ts";
import { within } from "../../runtime/time_limit.ts";

/** Deadline of the acknowledgement that a change of the subscription waits for. */
const ACKNOWLEDGE_MS = 5_000;
/** The first and the longest pause before a subscription that has ended begins again. */
const PAUSE_MS = { first: 1_000, longest: 30_000 };

export interface SubscriptionParts {
  /** The capabilities of the server. */
  readonly capabilities: unknown;
  /** Sends `subscriptions/listen`; `onend` is called when that has ended, unless `signal` has ended it. */
  readonly listen: (
    params: Record<string, unknown>,
    signal: AbortSignal,
    onend: (isRefused: boolean) => void,
  ) => Promise<void>;
  /** Ends the subscription for good. */
  readonly signal: AbortSignal;
}

export class Subscription {
  readonly #parts: SubscriptionParts;
  readonly #uris = new Set<string>();
  #current: AbortController | undefined;
  #acknowledged = Promise.withResolvers<void>();
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
    parts.signal.addEventListener("abort", () => {
      clearTimeout(this.#timer);
      this.#acknowledged.resolve();
      this.#current?.abort();
    });
  }

  /** Listens for the changes of a resource, or does so no more. */
  async change(uri: string, isWanted: boolean): Promise<void> {
    if (this.#uris.has(uri) === isWanted) return;
    if (isWanted) this.#uris.add(uri);
    else this.#uris.delete(uri);
    await this.renew();
  }

  acknowledge(): void {
    this.#failures = 0;
    this.#acknowledged.resolve();
  }

  /** Listens for what is wanted now, in place of what was. Resolves when the server does. */
  async renew(): Promise<void> {
    if (this.#parts.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const previous = this.#current;
    const notifications = this.#filter();
    this.#acknowledged.resolve();
    this.#acknowledged = Promise.withResolvers();
    if (Object.keys(notifications).length === 0) this.#current = undefined;
    else {
      const current = new AbortController();
      this.#current = current;
      void this.#parts.listen({ notifications }, current.signal, (isRefused) => {
        if (this.#current === current) this.#onEnd(isRefused);
      });
      await within(ACKNOWLEDGE_MS, this.#acknowledged.promise);
    }
    // Only now, so that nothing is missed between the two.
    previous?.abort();
  }

  #onEnd(isRefused: boolean): void {
    this.#current = undefined;
    this.#acknowledged.resolve();
    // A server that refuses it will do so again.
    if (isRefused || this.#parts.signal.aborted) return;
    const pause = Math.min(PAUSE_MS.longest, PAUSE_MS.first * 2 ** this.#failures++);
    this.#timer = setTimeout(() => void this.renew(), pause);
  }

  #filter(): SubscriptionFilter {
    const wanted = {
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: true,
      ...(this.#uris.size > 0 && { resourceSubscriptions: [...this.#uris] }),
    } as const;
    return deliverable(wanted, this.#parts.capabilities);
  }
}
