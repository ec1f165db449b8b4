/**
 * Kills writers of one file, at moments that nobody chose, and looks whether everything that they
 * were told is there.
 *
 * @module
 */
import { FileStore, type Json } from "../../../store/mod.ts";
import { inspect } from "../../../store/admin/inspection.ts";
import { Fixture } from "./processes.ts";
import { all, record } from "./stores.ts";

/** How writers are killed. */
export interface KillingOptions {
  readonly kills: number;
  /** How many write at once; each that is killed is replaced. */
  readonly writers: number;
  /** From 0 to 1, for the moments. */
  readonly random: () => number;
  /** What the writers do: see the fixture. @default "pairs" */
  readonly mode?: string | undefined;
  /** Is every other writer the file store of before there were marks? @default false */
  readonly areSomeOld?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told after each kill how many there were. */
  readonly onKill?: (kills: number) => void;
}

/** What came of it. */
export interface Killed {
  readonly acknowledged: number;
  /** How often the file was written anew. */
  readonly generation: number;
  /** The bytes of unfinished lines that the killed ones left. */
  readonly torn: number;
}

/** A writer's session, and the last number that was acknowledged for each of its slots. */
interface Life {
  readonly session: string;
  readonly acknowledged: Map<number, number>;
}

/** How many dead writers' sessions stay, to be looked at again after more kills. */
const KEPT = 4;
/** How many pairs of keys a writer uses, one after the other. */
const SLOTS = 40;
const MOST_WRITES = 400;
const OPENING_MS = 250;
const ROUND_MS = 3;

/** @throws {Error} naming what was acknowledged and is not there. */
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
    // Some die while they open the file, the others in the middle of whatever they do.
    const timer = random() < 0.1 ? setTimeout(kill, random() * OPENING_MS) : undefined;
    const last = timer === undefined ? Math.floor(random() * MOST_WRITES) : undefined;
    let count = 0;
    for await (const line of writer.lines) {
      life.acknowledged.set(Number(line) % SLOTS, Number(line));
      if (count++ !== last) continue;
      // The writer says so at one moment of its round; it is to be killed at any.
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
    // Later writes to the same keys may have been made, and not been heard of.
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

/** How processes count together. */
export interface CountingOptions {
  readonly counters: number;
  /** How far each of them counts. */
  readonly times: number;
  readonly signal?: AbortSignal | undefined;
  /** Told now and then how far they are together. */
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
