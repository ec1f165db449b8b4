/**
 * Speed of the stores against their bounds: `deno task bench:store`. Each figure is a ratio of two
 * things that were measured in turn in this run.
 *
 * @module
 */

import { readNoFlags } from "../runtime/flags.ts";
import { openStore, type SessionStore } from "../store/mod.ts";
import { compare, median, quantile, rate } from "./rounds.ts";
import { fill, idOf, record } from "./sessions.ts";
import { perSecond, Rows } from "./table.ts";

readNoFlags("bench:store", "Measures what the stores are claimed to hold, in six minutes.");

const MANY = 1_000_000;
const rows = new Rows();
const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-bench-" });
const script = new URL("./store_worker.ts", import.meta.url).href;

async function open(url: string, sessions: number): Promise<SessionStore> {
  const store = await openStore(url, { namespace: "bench" });
  await Promise.all(Array.from({ length: sessions }, (_, i) => store.create(record(i))));
  return store;
}

let written = 0;
function write(store: SessionStore) {
  return (caller: number) =>
    store.transact(idOf(caller), {
      calls: 1,
      update: () => ({ value: undefined, set: [["key", `value ${written++}`]] }),
    });
}

async function transactions() {
  await using file = await open(`file:${folder}/transactions.jsonl`, 512);
  using raw = await Deno.open(`${folder}/raw`, { append: true, create: true });
  const line = new TextEncoder().encode(`${"x".repeat(180)}\n`);
  const syncedWrite = rate(() => {
    raw.writeSync(line);
    raw.syncDataSync();
    return Promise.resolve();
  });
  for (const [callers, atLeast] of [[1, 0.5], [8, 3], [64, 10], [512, 20]] as const) {
    rows.addRates(await compare(rate(write(file), callers), syncedWrite), {
      what: `durable transactions, ${callers} at once`,
      against: "raw write+fdatasync",
      atLeast,
    });
  }
  await using kv = await open(`kv:${folder}/bench.kv`, 64);
  const against = "Deno KV in a file";
  rows.addRates(await compare(rate(write(file), 64), rate(write(kv), 64)), {
    what: "durable transactions, 64 at once",
    against,
    atLeast: 10,
  });
  const get = (store: SessionStore) => rate((caller) => store.get(idOf(caller)));
  rows.addRates(await compare(get(file), get(kv)), { what: "get", against, atLeast: 5 });
}

/** Runs processes that write to one file at the same time; gives the report of each. */
async function workers(count: number, path: string, ms: number): Promise<Measured[]> {
  const processes = Array.from({ length: count }, (_, number) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", script, path, `${number}`, `${ms}`],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn());
  const outputs = processes.map((process) => process.stdout.pipeThrough(new TextDecoderStream()));
  const readers = outputs.map((output) => output.getReader());
  // All begin when each is ready.
  await Promise.all(readers.map((reader) => reader.read()));
  for (const { stdin } of processes) await stdin.close();
  return await Promise.all(readers.map(async (reader) => {
    let text = "";
    for (let part; !(part = await reader.read()).done;) text += part.value;
    return JSON.parse(text);
  }));
}

/** Runs a process of `store_worker.ts` to its end; gives its report. */
async function reportOf(...args: string[]) {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--v8-flags=--expose-gc", script, ...args],
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`The process failed: ${args}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Report of a worker: its rate, and the start and duration of each write, in ms. */
interface Measured {
  readonly perSecond: number;
  readonly latencies: readonly number[];
  readonly begins: readonly number[];
}

async function processes() {
  const path = `${folder}/processes.jsonl`;
  await (await open(`file:${path}`, 512)).close();
  const ratios: number[] = [];
  const fairness: number[] = [];
  const sums: [number, number][] = [];
  for (let round = 0; round < 5; round++) {
    const [one] = await workers(1, path, 1000);
    const four = (await workers(4, path, 1000)).map(({ perSecond }) => perSecond);
    const sum = four.reduce((sum, each) => sum + each, 0);
    ratios.push(sum / (one?.perSecond ?? NaN));
    fairness.push(Math.min(...four) / Math.max(...four));
    sums.push([sum, one?.perSecond ?? NaN]);
  }
  rows.add({
    what: "4 processes with 16 callers each, in all",
    against: "1 process",
    figures: sums[2]?.map(perSecond).join(" : ") ?? "",
    ratio: median(ratios),
    atLeast: 0.7,
  });
  rows.add({
    what: "the slowest of 4 processes",
    against: "the fastest",
    ratio: median(fairness),
    atLeast: 0.7,
  });
}

async function opening() {
  const path = `${folder}/many.jsonl`;
  await fill(path, "bench", MANY);
  const size = (await Deno.stat(path)).size;
  const figures: string[] = [];
  const ratios: number[] = [];
  let rss = 0;
  for (let round = 0; round < 3; round++) {
    const { openMs, parseMs, rssBytes } = await reportOf(path, "open", `${round % 2}`);
    ratios.push(parseMs / openMs);
    figures.push(`${(openMs / 1000).toFixed(1)} s : ${(parseMs / 1000).toFixed(1)} s`);
    rss = rssBytes;
  }
  rows.add({
    what: `opening ${MANY.toLocaleString("en")} sessions (${Math.round(size / 1e6)} MB)`,
    against: "one JSON.parse of the same bytes",
    figures: figures[1] ?? "",
    ratio: median(ratios),
    atLeast: 0.5,
  });
  rows.add({
    what: "memory for each of them, in KiB",
    against: "1",
    ratio: rss / MANY / 1024,
    atMost: 1,
  });
  await using many = await openStore(`file:${path}`, { namespace: "bench" });
  await using few = await open(`file:${folder}/few.jsonl`, 1000);
  const page = (store: SessionStore, from: number) =>
    rate(() => store.list({ owner: null, after: record(from).stateId, limit: 50 }));
  const pages = await compare(page(few, 500), page(many, MANY / 2));
  rows.add({
    what: `a page of 50 sessions out of ${MANY.toLocaleString("en")}`,
    against: "out of 1,000",
    figures: `${perSecond(pages.b)} : ${perSecond(pages.a)}`,
    ratio: pages.ratio,
    atMost: 1.5,
  });
}

async function compaction() {
  const ratios: number[] = [];
  const times: [number, number][] = [];
  for (let round = 0; round < 5; round++) {
    const path = `${folder}/compaction-${round}.jsonl`;
    await fill(path, "bench", 200_000);
    const writing = workers(1, path, 5000);
    // The writer must be first, and is ready within a second.
    await new Promise((go) => setTimeout(go, 2000));
    const { from, opened, to } = await reportOf(path, "compact");
    const [writer] = await writing;
    const within = (start: number, end: number) =>
      writer?.latencies.filter((_, i) => {
        const begin = writer.begins[i] ?? 0;
        return begin >= start && begin < end;
      }) ?? [];
    const idle = quantile(within(0, from), 0.99);
    const busy = quantile(within(opened, to), 0.99);
    ratios.push(busy / idle);
    times.push([busy, idle]);
    await Deno.remove(path);
  }
  rows.add({
    what: "another writer's p99 while a file of 200,000 sessions is compacted",
    against: "its p99 before",
    figures: times[2]?.map((ms) => `${ms.toFixed(1)} ms`).join(" : ") ?? "",
    ratio: median(ratios),
    atMost: 4,
  });
}

try {
  await transactions();
  await processes();
  await opening();
  await compaction();
} finally {
  await Deno.remove(folder, { recursive: true });
}

if (!rows.print()) Deno.exit(1);
