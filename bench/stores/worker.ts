/**
 * The processes of `run.ts`:
 *
 *     stores/worker.ts URL write MS      writes to one session for this long; says how often
 *     stores/worker.ts URL fill COUNT    makes sessions
 *     stores/worker.ts URL open          opens the store and reads a session; says how long that took, and
 *                                        the memory of the process after reading some more
 *
 * @module
 */

import { openStore } from "../../store/mod.ts";
import { lines } from "../process.ts";
import { idOf, record } from "../sessions.ts";

const [url = "", what = "", argument = ""] = Deno.args;
const begin = performance.now();
await using store = await openStore(url, { namespace: "bench", warn: () => {} });

async function write(ms: number) {
  await store.get(idOf(0));
  console.log("ready");
  for await (const _ of lines(Deno.stdin.readable)) break;
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < ms; count++) {
    await store.transact(idOf(0), {
      keys: ["n"],
      calls: 1,
      update: (state) => ({ value: undefined, set: [["n", Number(state.get("n") ?? 0) + 1]] }),
    });
  }
  console.log(count);
}

async function fill(count: number) {
  for (let i = 0; i < count; i += 1000) {
    const some = Array.from({ length: Math.min(1000, count - i) }, (_, j) => record(i + j));
    await Promise.all(some.map((session) => store.create(session)));
  }
  console.log("{}");
}

async function look() {
  await store.get(idOf(1));
  const openMs = performance.now() - begin;
  for (let i = 0; i < 20_000; i++) await store.get(idOf(i * 50));
  console.log(JSON.stringify({ openMs, rssBytes: Deno.memoryUsage().rss }));
}

if (what === "write") await write(Number(argument));
else if (what === "fill") await fill(Number(argument));
else await look();
