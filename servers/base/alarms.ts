/**
 * Many alarms on one timer: nearly every call sets one, and hardly any rings.
 *
 * @module
 */

/** Calls back at times that were asked for. */
export class Alarms {
  readonly #times = new Map<() => void, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer wakes; there may be nothing to do by then. */
  #next = Infinity;

  /** Calls `ring` once, after so many milliseconds; in place of its alarm that was set before. */
  set(ring: () => void, afterMs: number): void {
    const time = performance.now() + afterMs;
    this.#times.set(ring, time);
    if (time < this.#next) this.#wait(time);
  }

  /** Takes back an alarm that has not rung. */
  clear(ring: () => void): void {
    // The timer stays: to stop it would take longer than the whole rest of setting an alarm.
    this.#times.delete(ring);
  }

  /** Takes back all alarms, and stops the timer. */
  stop(): void {
    this.#times.clear();
    clearTimeout(this.#timer);
    this.#next = Infinity;
  }

  #wait(time: number): void {
    clearTimeout(this.#timer);
    this.#next = time;
    this.#timer = setTimeout(() => this.#ring(), time - performance.now());
    this.#timer.unref();
  }

  #ring(): void {
    const now = performance.now();
    this.#next = Infinity;
    for (const [ring, time] of [...this.#times]) {
      if (time > now) continue;
      this.#times.delete(ring);
      ring();
    }
    const next = this.#times.values().reduce((a, b) => Math.min(a, b), Infinity);
    if (next < this.#next) this.#wait(next);
  }
}
