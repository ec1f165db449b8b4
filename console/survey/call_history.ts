/**
 * Calls over the last half hour, from the counts of one survey to those of the next.
 *
 * @module
 */

import type { SurveyedSession } from "./survey.ts";

export const MINUTE_MS = 60_000;
/** The minutes that a history goes back. */
export const HISTORY_MINUTES = 30;

interface Interval {
  readonly from: number;
  readonly to: number;
  readonly calls: ReadonlyMap<string, number>;
}

type Counts = ReadonlyMap<string, ReadonlyMap<string, number>>;

export class CallHistory {
  #last: { readonly at: number; readonly counts: Counts } | undefined;
  #intervals: Interval[] = [];

  /** When counting began; `undefined` before the first survey. */
  since: number | undefined;

  /** Adds what was called since the survey before. */
  add(at: number, sessions: readonly SurveyedSession[]): void {
    const counts = new Map<string, Map<string, number>>();
    const calls = new Map<string, number>();
    const last = this.#last;
    for (const { namespace, stateId, toolCalls } of sessions) {
      let server = counts.get(namespace);
      if (server === undefined) counts.set(namespace, server = new Map());
      server.set(stateId, toolCalls);
      // All calls of a session that was not there before are new.
      const more = toolCalls - (last?.counts.get(namespace)?.get(stateId) ?? 0);
      if (more > 0) calls.set(namespace, (calls.get(namespace) ?? 0) + more);
    }
    this.since ??= at;
    this.#last = { at, counts };
    if (last === undefined) return;
    const oldest = at - (HISTORY_MINUTES + 1) * MINUTE_MS;
    this.#intervals = this.#intervals.filter(({ to }) => to > oldest);
    this.#intervals.push({ from: last.at, to: at, calls });
  }

  /** Calls between two times, of one server or all; those of a long interval are spread evenly. */
  between(from: number, to: number, namespace?: string): number {
    let sum = 0;
    for (const interval of this.#intervals) {
      const overlap = Math.min(to, interval.to) - Math.max(from, interval.from);
      if (overlap <= 0) continue;
      const calls = namespace === undefined
        ? interval.calls.values().reduce((a, b) => a + b, 0)
        : interval.calls.get(namespace) ?? 0;
      sum += calls * overlap / (interval.to - interval.from);
    }
    return sum;
  }
}
