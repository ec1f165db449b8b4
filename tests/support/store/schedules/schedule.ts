/** Schedules: several stores make one call at a time, in an order that a list of choices tells. */

import { setImmediate } from "node:timers";
import { isOfSession, lostAnswer, type Way } from "../faulty_rows.ts";

/** What waits for its turn. */
interface Step {
  /** The number of its store. */
  readonly store: number;
  readonly name: string;
  run(): unknown;
  /** The same, with an answer that is lost. */
  lose?(): unknown;
}

/** A point of a schedule: what each choice there costs, and which was taken. */
export interface Point {
  readonly costs: readonly number[];
  readonly chosen: number;
}

/** A timer that waits for longer is a deadline, which never comes here. */
const LONGEST_PAUSE_MS = 100;
/** Each pause takes as long, so that nothing but the choices decides. */
const PAUSE_MS = 10;
const MOST_STEPS = 1_000;

export class Schedule implements Disposable {
  readonly points: Point[] = [];
  readonly log: string[] = [];
  readonly #choose: (count: number) => number;
  #last = 0;
  #now = 0;
  /** Whether an answer was lost: no more than one is. */
  #hasLost = false;
  readonly #waiting: Step[] = [];
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: performance.now,
  };

  /** The choices go on with those of `choose`, which gets their number; by default with the first. */
  constructor(choices: readonly number[], choose: (count: number) => number = () => 0) {
    this.#choose = (count) => choices[this.points.length] ?? choose(count);
    const setTimeout = (run: () => void, ms = 0) => {
      const pause = () => {
        this.#now += PAUSE_MS;
        run();
      };
      if (ms < LONGEST_PAUSE_MS) {
        this.#waiting.push({ store: this.#last, name: "pause", run: pause });
      }
      return { unref: () => {} };
    };
    Object.assign(globalThis, { setTimeout, clearTimeout: () => {} });
    performance.now = () => this.#now;
  }

  /** The way of a store to its rows. */
  way(store: number): Way {
    return {
      read: (want, make) => this.#wait(store, `read ${JSON.stringify(want)}`, make),
      commit: (commit, make) => {
        const { sets, deletes } = commit;
        return this.#wait(store, JSON.stringify({ sets, deletes }), make, isOfSession(commit));
      },
    };
  }

  #wait<T>(store: number, name: string, make: () => Promise<T>, canLose = false): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const lose = () => make().then(() => reject(lostAnswer()));
    const run = () => make().then(resolve, reject);
    this.#waiting.push({ store, name, run, ...(canLose && { lose }) });
    return promise;
  }

  /** Runs until nothing waits. */
  async run(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const choices = this.#choices();
      if (choices.length === 0) return;
      if (this.points.length === MOST_STEPS) throw new Error("It takes for ever");
      const chosen = this.#choose(choices.length);
      this.points.push({ costs: choices.map(({ cost }) => cost), chosen });
      const { step, lose } = choices[chosen]!;
      this.#waiting.splice(this.#waiting.indexOf(step), 1);
      this.#last = step.store;
      this.log.push(`store ${step.store}: ${step.name}${lose ? ", whose answer is lost" : ""}`);
      this.#hasLost ||= lose !== undefined;
      void (lose ?? step.run)();
    }
  }

  /** What may be next: first that of the store that was the last, as long as it has something to do. */
  #choices() {
    const own = this.#waiting.find(({ store }) => store === this.#last);
    const others = this.#waiting.filter((step) => step !== own);
    const steps = own === undefined ? others : [own, ...others];
    return steps.flatMap((step) => {
      const cost = own === undefined || step === own ? 0 : 1;
      const { lose } = step;
      return [
        { step, cost },
        ...lose === undefined || this.#hasLost ? [] : [{ step, cost: cost + 1, lose }],
      ];
    });
  }

  [Symbol.dispose](): void {
    const { setTimeout, clearTimeout, now } = this.#real;
    Object.assign(globalThis, { setTimeout, clearTimeout });
    performance.now = now;
  }
}

/** Runs all schedules up to a cost: of switches from a store that could go on, and of a lost answer. */
export async function allSchedules(
  mostCost: number,
  run: (choices: readonly number[]) => Promise<readonly Point[]>,
): Promise<number> {
  const todo: (readonly number[])[] = [[]];
  let count = 0;
  for (let choices = todo.pop(); choices !== undefined; choices = todo.pop()) {
    count++;
    const points = await run(choices);
    const taken = points.map(({ chosen }) => chosen);
    let spent = 0;
    for (const [at, { costs, chosen }] of points.entries()) {
      // What was told to choose has its other choices elsewhere.
      for (let other = 1; at >= choices.length && other < costs.length; other++) {
        if (spent + costs[other]! <= mostCost) todo.push([...taken.slice(0, at), other]);
      }
      spent += costs[chosen]!;
    }
  }
  return count;
}
