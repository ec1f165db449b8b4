/**
 * Coalesced timer: one timer for many things under way. Most of them end long before they are due, and
 * a timer for each would cost more than the rest of a short call.
 *
 * @module
 */

// A longer delay would overflow the timer, which then fires at once.
const MAX_DELAY_MS = 2 ** 31 - 1;
// Things due within this part of an interval share a wake-up.
const SLACK = 1 / 8;

export class CoalescedTimer<T> {
  readonly #intervalMs: number | ((thing: T) => number);
  readonly #ondue: (thing: T) => void;
  readonly #dueTimes = new Map<T, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer wakes; by then there may be nothing to do. */
  #wakeTime = Infinity;

  /** Calls `ondue` after each `intervalMs`, or up to an eighth of that later. */
  constructor(intervalMs: number | ((thing: T) => number), ondue: (thing: T) => void) {
    this.#intervalMs = intervalMs;
    this.#ondue = ondue;
  }

  /** Begins an interval of a thing; ends the current one. */
  begin(thing: T): void {
    const intervalMs = typeof this.#intervalMs === "number"
      ? this.#intervalMs
      : this.#intervalMs(thing);
    const slack = Math.min(intervalMs, MAX_DELAY_MS) * SLACK;
    const due = Math.ceil(performance.now() / slack + 1 / SLACK) * slack;
    this.#dueTimes.set(thing, due);
    if (due < this.#wakeTime) this.#wakeAt(due);
  }

  end(thing: T): void {
    // The timer stays: to stop it would take longer than all the rest.
    this.#dueTimes.delete(thing);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#dueTimes.keys();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#wakeTime = Infinity;
  }

  #wakeAt(time: number): void {
    clearTimeout(this.#timer);
    this.#wakeTime = time;
    const delayMs = Math.max(0, Math.min(time - performance.now(), MAX_DELAY_MS));
    this.#timer = setTimeout(() => this.#wake(), delayMs);
    // The process must not stay alive for this timer.
    this.#timer.unref();
  }

  #wake(): void {
    const now = performance.now();
    this.#wakeTime = Infinity;
    for (const [thing, due] of [...this.#dueTimes]) {
      if (due > now || this.#dueTimes.get(thing) !== due) continue;
      this.begin(thing);
      this.#ondue(thing);
    }
    const next = this.#dueTimes.values().reduce((a, b) => Math.min(a, b), Infinity);
    if (next < this.#wakeTime) this.#wakeAt(next);
  }
}
