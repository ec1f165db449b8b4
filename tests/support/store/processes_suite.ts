/** Tests of a store that several processes have, some of which are killed, as its database may be. */

import { assertEquals } from "@std/assert";
import { Fixture } from "./processes.ts";
import { forEver, record } from "./stores.ts";
import { tempFolder } from "../temp_folder.ts";
import { openStore } from "../../../store/mod.ts";

/** A fault of a database, such as a kill, and its end. */
export interface Fault {
  /** As it ends the sentence "while the database …". */
  readonly name: string;
  run(): Promise<void>;
}

export interface Place {
  readonly url: string;
  readonly faults?: readonly Fault[];
}

export interface RunOptions {
  readonly url: string;
  /** The workers that are killed and started again, one after the other. */
  readonly kills: number;
  /** What happens after each kill. */
  readonly faults?: readonly Fault[];
  /** See the fixture. @default "honest" */
  readonly mode?: string;
}

const NAMES = ["a", "b", "c", "d"];
/** The writes that each worker has acknowledged before the next is killed, and before the end. */
const EACH = 25;
/** For a run that makes no progress any more. */
const LONGEST_MS = 240_000;

/**
 * Registers the tests of a store. `faults` names those that `open` gives; what it opens is closed after
 * each test by the stack.
 */
export function testProcesses(
  name: string,
  open: (folder: string, stack: AsyncDisposableStack) => Place | Promise<Place>,
  faults: readonly string[] = [],
): void {
  const test = (what: string, kills: number, fault?: string) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using folder = await tempFolder();
      await using stack = new AsyncDisposableStack();
      const place = await open(folder.path, stack);
      const chosen = place.faults?.filter((each) => each.name === fault) ?? [];
      assertEquals(chosen.length, fault === undefined ? 0 : 1);
      await runProcesses({ url: place.url, kills, faults: chosen });
    });
  test("four processes that write to one session all succeed, with a number for each call", 0);
  test("four processes that are killed in turn lose nothing, and make nothing twice", 8);
  for (const fault of faults) {
    test(
      `four processes lose nothing, and make nothing twice, while the database ${fault}`,
      3,
      fault,
    );
  }
}

/** @throws {Error} that names a promise which was broken. */
export async function runProcesses(options: RunOptions): Promise<void> {
  const { url, kills, faults = [], mode = "honest" } = options;
  {
    await using store = await openStore(url, { namespace: "test", warn: () => {} });
    for (const id of sessionsOf(NAMES)) await store.create(record(id, forEver));
  }
  const log = new Log();
  {
    await using stack = new AsyncDisposableStack();
    const late = AbortSignal.timeout(LONGEST_MS);
    const workers = NAMES.map((name) => stack.use(new Worker(url, name, mode, log)));
    const next = () => Promise.race([log.all(workers, EACH), rejected(late), log.failure]);
    await next();
    for (let i = 0; i < kills; i++) {
      await workers[i % workers.length]!.kill();
      for (const fault of faults) await fault.run();
      workers[i % workers.length]!.start();
      await next();
    }
    await Promise.race([
      Promise.all(workers.map((worker) => worker.end())),
      rejected(late),
      log.failure,
    ]);
  }
  await using store = await openStore(url, { namespace: "test", warn: () => {} });
  for (const id of sessionsOf(NAMES)) {
    const numbers = new Map(await store.entries(id, { limit: 99 }));
    log.check(id, (await store.get(id))?.toolCalls, numbers, { kills, mayFail: faults.length > 0 });
  }
}

function sessionsOf(names: readonly string[]): string[] {
  return ["common", ...names.map((name) => `own ${name}`)];
}

function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("It makes no progress any more")));
  });
}

/** A worker, which is started again after it was killed. */
class Worker implements AsyncDisposable {
  readonly name: string;
  readonly #url: string;
  readonly #mode: string;
  readonly #log: Log;
  #process!: Fixture;
  #reading!: Promise<void>;
  #isEnding = false;

  constructor(url: string, name: string, mode: string, log: Log) {
    this.#url = url;
    this.name = name;
    this.#mode = mode;
    this.#log = log;
    this.start();
  }

  start() {
    this.#isEnding = false;
    this.#process = new Fixture("worker", this.#url, this.name, this.#mode);
    this.#log.begin(this);
    this.#reading = this.#read().catch((error) => this.#log.fail(error));
  }

  /** Asks for what it reads in a session. */
  ask(session: string) {
    // One that is killed meanwhile does not answer.
    this.#process.send(session).catch(() => {});
  }

  async kill() {
    this.#isEnding = true;
    this.#process.kill();
    await this.#reading;
    await this.#process[Symbol.asyncDispose]();
  }

  /** Lets it finish what it has begun. */
  async end() {
    this.#isEnding = true;
    await this.#process.begin();
    await this.#reading;
    if (await this.#process.ended() !== 0) throw new Error("A worker failed by itself");
  }

  async [Symbol.asyncDispose]() {
    this.#isEnding = true;
    await this.#process[Symbol.asyncDispose]();
    await this.#reading;
  }

  async #read() {
    for await (const line of this.#process.lines) {
      // A line that a kill has torn says nothing.
      if (line.endsWith("}")) this.#log.take(this, JSON.parse(line));
    }
    if (!this.#isEnding) throw new Error("A worker ended by itself");
  }
}

interface Said {
  readonly session?: string;
  readonly number?: number;
  readonly calls?: number;
  readonly failed?: string;
  readonly read?: string;
  readonly numbers?: Readonly<Record<string, number>>;
}

/** The last that was acknowledged of each session: of its calls, and of each worker's number. */
interface Acknowledged {
  calls: number;
  readonly numbers: Map<string, number>;
}

interface Asked {
  readonly session: string;
  readonly least: { readonly calls: number; readonly numbers: Readonly<Record<string, number>> };
}

/** What workers said, and whether it can be true. */
class Log {
  readonly failure: Promise<never>;
  readonly fail: (error: unknown) => void;
  readonly #last = new Map<string, Acknowledged>();
  readonly #calls = new Map<string, Set<number>>();
  readonly #acknowledged = new Map<string, number>();
  readonly #failed = new Map<string, number>();
  readonly #workers = new Map<Worker, Asked[]>();
  #waiting: (() => void)[] = [];
  #asks = 0;

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    this.failure = promise;
    this.fail = reject;
    promise.catch(() => {});
  }

  /** A new life of a worker, which was asked nothing yet. */
  begin(worker: Worker) {
    this.#workers.set(worker, []);
  }

  take(worker: Worker, { session, number, calls = 0, failed, read, numbers = {} }: Said) {
    if (read !== undefined) return this.#takeRead(worker, calls, numbers);
    const name = `${session} ${worker.name}`;
    if (failed !== undefined) {
      if (failed !== "unavailable") throw new Error(`A worker failed: ${failed}`);
      return this.#failed.set(name, (this.#failed.get(name) ?? 0) + 1);
    }
    const last = this.#lastOf(session!);
    if (number! <= (last.numbers.get(worker.name) ?? 0)) {
      throw new Error("Lost: a number of a worker was told again");
    }
    const told = this.#calls.getOrInsertComputed(session!, () => new Set());
    if (told.has(calls)) throw new Error("Twice: the number of a call was told again");
    told.add(calls);
    last.calls = Math.max(last.calls, calls);
    last.numbers.set(worker.name, number!);
    const count = (this.#acknowledged.get(name) ?? 0) + 1;
    this.#acknowledged.set(name, count);
    if (count % 5 === 0) this.#ask(worker, session!);
    for (const look of this.#waiting) look();
  }

  /** Resolves when each worker has acknowledged so many more writes to each of its sessions. */
  async all(workers: readonly Worker[], more: number): Promise<void> {
    const names = workers.flatMap(({ name }) => [`common ${name}`, `own ${name} ${name}`]);
    const count = (name: string) => this.#acknowledged.get(name) ?? 0;
    const goals = names.map((name) => [name, count(name) + more] as const);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = [() => {
      if (goals.every(([name, goal]) => count(name) >= goal)) resolve();
    }];
    await promise;
  }

  /** Compares a session at the end with what was acknowledged. */
  check(
    session: string,
    calls: number | undefined,
    numbers: ReadonlyMap<string, unknown>,
    { kills, mayFail }: { readonly kills: number; readonly mayFail: boolean },
  ) {
    let sum = 0;
    for (const [worker, found] of numbers) {
      const name = `${session} ${worker}`;
      const acknowledged = this.#acknowledged.get(name) ?? 0;
      const failed = this.#failed.get(name) ?? 0;
      if (failed > 0 && !mayFail) throw new Error(`Failed: ${failed} writes of ${name}`);
      const last = this.#lastOf(session).numbers.get(worker) ?? 0;
      if (Number(found) < Math.max(last, acknowledged)) {
        throw new Error(`Lost: ${last} was acknowledged to ${name}, and there is ${found}`);
      }
      // Of a killed worker, the last write may have been made without an acknowledgement.
      const most = acknowledged + failed + Math.ceil(kills / NAMES.length);
      if (Number(found) > most) {
        throw new Error(`Twice: at most ${most} writes of ${name}, and there are ${found}`);
      }
      sum += Number(found);
    }
    if (calls !== sum) throw new Error(`Lost: ${calls} calls of ${session} for ${sum} writes`);
    if (this.#lastOf(session).calls > sum) throw new Error("Lost: a number told has no call");
  }

  /** Asks another worker, which must not say less than what is acknowledged by now. */
  #ask(of: Worker, session: string) {
    const workers = [...this.#workers.keys()];
    const other =
      workers[(workers.indexOf(of) + 1 + this.#asks++ % (NAMES.length - 1)) % NAMES.length]!;
    const { calls, numbers } = this.#lastOf(session);
    this.#workers.get(other)?.push({
      session,
      least: { calls, numbers: Object.fromEntries(numbers) },
    });
    other.ask(session);
  }
  #takeRead(worker: Worker, calls: number, numbers: Readonly<Record<string, number>>) {
    const asked = this.#workers.get(worker)?.shift();
    if (asked === undefined) throw new Error("A worker said what it was not asked");
    const { session, least } = asked;
    const behind = Object.entries(least.numbers).find(([name, n]) => !((numbers[name] ?? 0) >= n));
    if (calls < least.calls || behind !== undefined) {
      throw new Error(
        `Stale: ${calls} calls of ${session} and ${JSON.stringify(numbers)} were read after ` +
          JSON.stringify(least),
      );
    }
  }

  #lastOf(session: string): Acknowledged {
    return this.#last.getOrInsertComputed(session, () => ({ calls: 0, numbers: new Map() }));
  }
}
