/**
 * Kills writers of one file at random moments, and checks that all acknowledged writes are there.
 */
import { FileStore, type Json } from "../../../store/mod.ts";
import { inspect } from "../../../store/admin/verify.ts";
import { Fixture } from "./processes.ts";
import { all, record } from "./stores.ts";

export interface KillingOptions {
  readonly kills: number;
  /** The number of concurrent writers; each killed one is replaced. */
  readonly writers: number;
  /** A random number from 0 to 1, for the moments. */
  readonly random: () => number;
  /** The mode of the writers: see the fixture. @default "pairs" */
  readonly mode?: string | undefined;
  /** Whether every other writer is of the version without sync marks. @default false */
  readonly areSomeOld?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called after each kill with their number. */
  readonly onKill?: (kills: number) => void;
}

export interface Killed {
  readonly acknowledged: number;
  readonly generation: number;
  /** The bytes of torn lines that killed writers left. */
  readonly torn: number;
}

/** A writer's session, and the last number that was acknowledged for each of its slots. */
interface Life {
  readonly session: string;
  readonly acknowledged: Map<number, number>;
}

/** The number of killed writers whose sessions are checked again after more kills. */
const KEPT = 4;
/** The pairs of keys that a writer uses, one after the other. */
const SLOTS = 40;
const MOST_WRITES = 400;
const OPENING_MS = 250;
const ROUND_MS = 3;

/** @throws {Error} naming an acknowledged write that is lost. */
export async function killWriters(path: string, options: KillingOptions): Promise<Killed> {
  const { random, signal, mode = "pairs", areSomeOld = false, onKill = () => {} } = options;
  const open = () => FileStore.open(path, { namespace: "test", warn: () => {} });
  await using store = await open();
  const lives: Life[] = [];
  let begun = 0;
  let ended = 0;
  let acknowledged = 0;
  let failure: unknown;

  async function liveAndDie() {
    const life: Life = { session: `sess-${begun++}`, acknowledged: new Map() };
    await store.create(record(life.session, { expiresAt: Number.MAX_SAFE_INTEGER }));
    const place = areSomeOld && begun % 2 === 0 ? `old:${path}` : path;
    await using writer = new Fixture("writer", place, life.session, mode, "w");
    let isKilled = false;
    const kill = () => {
      isKilled = true;
      writer.kill();
    };
    // Some are killed while they open the file, the others at any later moment.
    const timer = random() < 0.1 ? setTimeout(kill, random() * OPENING_MS) : undefined;
    const last = timer === undefined ? Math.floor(random() * MOST_WRITES) : undefined;
    let count = 0;
    for await (const line of writer.lines) {
      life.acknowledged.set(Number(line) % SLOTS, Number(line));
      if (count++ !== last) continue;
      // A writer acknowledges at one moment of its round, and must be killed at any.
      for (const end = performance.now() + random() * ROUND_MS; performance.now() < end;);
      kill();
    }
    clearTimeout(timer);
    signal?.throwIfAborted();
    if (!isKilled) throw new Error("A writer failed by itself");
    acknowledged += count;
    await check(store, life);
    lives.push(life);
    const oldest = lives.length > KEPT ? lives.shift() : undefined;
    if (oldest === undefined) return;
    await check(store, oldest);
    await store.delete(oldest.session);
  }

  await Promise.all(Array.from({ length: options.writers }, async () => {
    while (begun < options.kills && failure === undefined) {
      await liveAndDie().then(() => onKill(++ended), (error) => failure ??= error);
    }
  }));
  if (failure !== undefined) throw failure;
  await store.close();
  {
    await using again = await open();
    for (const life of lives) await check(again, life);
  }
  using found = inspect(path, Date.now());
  const [fault] = found.faults;
  if (fault !== undefined) throw new Error(`The file is damaged in line ${fault.line}`);
  const torn = await Deno.stat(`${path}.torn`).then(({ size }) => size, () => 0);
  return { acknowledged, generation: found.header?.generation ?? 0, torn };
}

async function check(store: FileStore, { session, acknowledged }: Life) {
  const found = new Map<string, Json>(await all(store, session));
  for (const [slot, number] of acknowledged) {
    const a = String(found.get(`w-a-${slot}`));
    // Later writes to the same keys may have been made without an acknowledgement.
    if (!(parseInt(a) >= number)) {
      throw new Error(`Lost: ${number} was acknowledged, and there is ${a.slice(0, 20)}`);
    }
  }
  for (let slot = 0; slot < SLOTS; slot++) {
    if (found.get(`w-a-${slot}`) !== found.get(`w-b-${slot}`)) {
      throw new Error("Lost: half of a transaction is there, and the other half is not");
    }
  }
}

export interface CountingOptions {
  readonly counters: number;
  /** The number to which each process counts. */
  readonly times: number;
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the sum so far. */
  readonly onCount?: (count: number) => void;
}

/** @throws {Error} if the sum is not exact. */
export async function countTogether(path: string, options: CountingOptions): Promise<void> {
  const { counters, times, signal, onCount = () => {} } = options;
  await using store = await FileStore.open(path, { namespace: "test" });
  await store.create(record("sess-1", { expiresAt: Number.MAX_SAFE_INTEGER }));
  await using open = new AsyncDisposableStack();
  const processes = Array.from(
    { length: counters },
    (_, i) => open.use(new Fixture("writer", path, "sess-1", "count", `${i}`, `${times}`)),
  );
  let steps = 0;
  await Promise.all(processes.map(async (process) => {
    for await (const _ of process.lines) onCount(++steps * 1000);
  }));
  signal?.throwIfAborted();
  for (const process of processes) {
    if (await process.ended() !== 0) throw new Error("A process that counts failed by itself");
  }
  const sum = counters * times;
  const [entry] = await all(store, "sess-1") ?? [];
  const calls = (await store.get("sess-1"))?.toolCalls;
  if (entry?.[1] !== sum || calls !== sum) {
    throw new Error(`Lost: the sum should be ${sum}, and it is ${entry?.[1]}, with ${calls} calls`);
  }
}
