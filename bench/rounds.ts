/**
 * Paired measurement: two things in turn in one run, compared by the median of the rounds, as a
 * machine's speed drifts and other work comes and goes.
 *
 * @module
 */

const ROUNDS = 7;
const ROUND_MS = 300;

/** Works for about this long; gives the rate in a second. */
export type Rate = (ms: number) => Promise<number>;

/** Two rates, and the median of the rounds' own ratios, not the ratio of the medians. */
export interface Comparison {
  readonly a: number;
  readonly b: number;
  readonly ratio: number;
}

export async function compare(a: Rate, b: Rate) {
  await a(ROUND_MS / 3);
  await b(ROUND_MS / 3);
  const [first = [], second = []] = await inTurn([() => a(ROUND_MS), () => b(ROUND_MS)], ROUNDS);
  return comparison(first, second);
}

/** Measures each of these once a round, one after the other; gives the figures of each, by rounds. */
export async function inTurn<T>(
  measures: readonly (() => Promise<T>)[],
  rounds: number,
): Promise<T[][]> {
  const found: T[][] = measures.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, measure] of measures.entries()) found[i]?.push(await measure());
  }
  return found;
}

export function comparison(a: readonly number[], b: readonly number[]): Comparison {
  const ratios = a.map((value, round) => value / (b[round] ?? NaN));
  return { a: median(a), b: median(b), ratio: median(ratios) };
}

/** Rate of `work` in a second with `count` callers at once. */
export function rate(work: (caller: number) => Promise<unknown>, count = 1): Rate {
  return async (ms) => {
    const start = performance.now();
    let done = 0;
    const caller = async (_: unknown, number: number) => {
      while (performance.now() - start < ms) {
        await work(number);
        done++;
      }
    };
    await Promise.all(Array.from({ length: count }, caller));
    return done / (performance.now() - start) * 1000;
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? NaN) + (sorted[sorted.length >> 1] ?? NaN)) / 2;
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}
