/**
 * The processes of `store.ts`:
 *
 *     store_worker.ts FILE NUMBER MS     writes for this long; reports its rate
 *     store_worker.ts FILE open FIRST    opens the file, and parses its bytes at once, in either order
 *     store_worker.ts FILE compact       compacts the file; reports start and end
 */

import { FileStore } from "../store/mod.ts";
import { idOf } from "./sessions.ts";

const CALLERS = 16;
const [path = "", what = "", argument = ""] = Deno.args;
const open = (compactBytes: number) => FileStore.open(path, { namespace: "bench", compactBytes });

async function write(first: number, ms: number) {
  await using store = await open(Infinity);
  console.log("ready");
  // The end of the input starts the work.
  for await (const _ of Deno.stdin.readable);
  const latencies: number[] = [];
  const begins: number[] = [];
  const start = performance.now();
  const caller = async (_: unknown, number: number) => {
    for (let n = 0; performance.now() - start < ms; n++) {
      const begun = performance.now();
      await store.transact(idOf(first * CALLERS + number), {
        update: () => ({ value: undefined, set: [["key", `value ${n}`]] }),
      });
      latencies.push(performance.now() - begun);
      begins.push(Math.round(performance.timeOrigin + begun));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const perSecond = latencies.length / (performance.now() - start) * 1000;
  console.log(JSON.stringify({ perSecond, latencies, begins }));
}

async function openOnce(parseFirst: boolean) {
  const parse = () => {
    const text = Deno.readTextFileSync(path).trimEnd().replaceAll("\n", ",");
    const start = performance.now();
    JSON.parse(`[${text}]`);
    return performance.now() - start;
  };
  let parseMs = parseFirst ? parse() : 0;
  collect();
  const before = Deno.memoryUsage().rss;
  const start = performance.now();
  const store = await open(Infinity);
  const openMs = performance.now() - start;
  collect();
  const rssBytes = Deno.memoryUsage().rss - before;
  await store.get(idOf(1));
  if (!parseFirst) parseMs = parse();
  console.log(JSON.stringify({ openMs, parseMs, rssBytes }));
  await store.close();
}

function collect() {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc === "function") gc();
}

async function compact() {
  const { ino } = await Deno.stat(path);
  const from = Date.now();
  // Opening a file that grew far enough compacts it.
  await using _store = await open(1);
  const opened = Date.now();
  while ((await Deno.stat(path)).ino === ino) await new Promise((go) => setTimeout(go, 5));
  console.log(JSON.stringify({ from, opened, to: Date.now() }));
}

if (what === "open") await openOnce(argument === "1");
else if (what === "compact") await compact();
else await write(Number(what), Number(argument));
