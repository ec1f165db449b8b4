/**
 * Cost of a call over HTTP: `deno task bench:http`. Each server is a process of its own, the load
 * another, and the servers are measured in turn in one run. Needs Linux, for `/proc`.
 *
 * @module
 */

import type { Sessions } from "./http_calls.ts";
import { Load, type Measured, Target } from "./http_target.ts";
import { comparison, inTurn, median } from "./rounds.ts";
import { fill } from "./sessions.ts";
import { megabytes, perSecond, printTable, Rows } from "./table.ts";

const ROUNDS = 7;
const ROUND_MS = 500;
const WARM_UP_MS = 1500;
const AT_ONCE = [1, 32, 256];
const HELD_AT = 32;
const MEMORY_REQUESTS = 100_000;
const FEW = 10;
const MANY = 1_000_000;

const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-bench-" });
const load = new Load();
const rows = new Rows();
const running: Target[] = [];

async function start(name: string, sessions: Sessions, ...program: [string, ...string[]]) {
  const target = await Target.start({ name, program, sessions, load });
  running.push(target);
  await target.run(HELD_AT, { ms: WARM_UP_MS });
  return target;
}

function startBare(name: string, kind: string, sessions: Sessions) {
  return start(name, sessions, "http_server.ts", kind);
}

function startHashcheck(name: string, store: string, sessions: Sessions) {
  const flags = ["--transport", "streamable-http", "--port", "0", "--store", store];
  return start(name, sessions, "../servers/hashcheck.ts", ...flags);
}

async function stopAll() {
  for (const target of running.splice(0)) await target.stop();
}

const middle = (found: readonly Measured[], of: keyof Measured) =>
  median(found.map((each) => each[of]));
const rates = (found: readonly Measured[] = []) => found.map((each) => each.perSecond);

/** Measures all servers at one number of connections; gives the figures of each, by rounds. */
async function measure(targets: readonly Target[], connections: number) {
  for (const target of targets) await target.run(connections, { ms: ROUND_MS });
  const measures = targets.map((target) => () => target.measure(connections, ROUND_MS));
  return await inTurn(measures, ROUNDS);
}

async function servers() {
  const targets = [
    await startBare("raw `Deno.serve`", "raw", "raw"),
    await startBare("SDK, stateful", "stateful", "transport"),
    await startBare("SDK, stateless", "stateless", "none"),
    await startBare("ours, no layer", "bare", "none"),
    await startHashcheck("ours, memory", "memory:", "own"),
    await startHashcheck("ours, durable file", `file:${folder}/sessions.jsonl`, "own"),
  ];
  const lines: string[][] = [];
  for (const connections of AT_ONCE) {
    const found = await measure(targets, connections);
    for (const [i, target] of targets.entries()) {
      const came = found[i] ?? [];
      lines.push([
        `${connections}`,
        target.name,
        perSecond(middle(came, "perSecond")),
        `${middle(came, "p50Ms").toFixed(2)} ms`,
        `${middle(came, "p99Ms").toFixed(2)} ms`,
        `${Math.round(middle(came, "cpuMicroseconds"))} µs`,
        `${Math.round(middle(came, "loadPart") * 100)} %`,
      ]);
    }
    if (connections === HELD_AT) hold(found);
  }
  printTable(
    ["connections", "server", "requests", "p50", "p99", "CPU a request", "load's CPU"],
    lines,
  );
  console.log();
  await memory(targets);
}

/** Holds the figures, in the order of the servers, to the bounds. */
function hold(found: readonly (readonly Measured[])[]) {
  const [, stateful, stateless, bare, memory, durable] = found.map(rates);
  const add = (
    what: string,
    a: number[] = [],
    against: string,
    b: number[] = [],
    atLeast: number,
  ) => rows.addRates(comparison(a, b), { what, against, atLeast });
  const store = "`hashcheck_store`, durable";
  add(store, durable, "SDK stateless, a bare tool", stateless, 3);
  add(store, durable, "SDK stateful, a bare tool", stateful, 1.3);
  add("`hashcheck_store` in memory", memory, "ours without the layer, a bare tool", bare, 0.7);
  add(store, durable, "in memory", memory, 0.6);
  const busiest = Math.max(...found.slice(1).map((each) => middle(each, "loadPart")));
  rows.add({
    what: "the load's own CPU at the server that keeps it busiest, but for raw",
    against: "one core",
    ratio: busiest,
    // A load without time left would measure itself.
    atMost: 0.8,
  });
}

async function memory(targets: readonly Target[]) {
  const lines: string[][] = [];
  for (const target of targets) {
    // An idle server gives memory back, so busy is compared with busy.
    await target.run(HELD_AT, { requests: MEMORY_REQUESTS / 2 });
    const before = target.rssBytes();
    await target.run(HELD_AT, { requests: MEMORY_REQUESTS });
    const after = target.rssBytes();
    lines.push([target.name, megabytes(before), megabytes(after)]);
    if (!target.name.startsWith("ours")) continue;
    rows.add({
      what: `memory of ${target.name}, after ${MEMORY_REQUESTS.toLocaleString("en")} requests more`,
      against: "before",
      figures: `${megabytes(after)} : ${megabytes(before)}`,
      ratio: after / before,
      // V8's heap comes and goes by this much before it collects; a leak would be more.
      atMost: 1.3,
    });
  }
  printTable(["server", "memory when warm", "after 100,000 requests more"], lines);
  console.log();
}

/** Calls to a store with few sessions against one with many, on the durable file. */
async function sessions() {
  const paths = [FEW, MANY].map((count) => ({ count, path: `${folder}/${count}.jsonl` }));
  for (const { count, path } of paths) await fill(path, "hashcheck", count);
  const measureWith = async (kind: (count: number) => Sessions) => {
    const targets: Target[] = [];
    for (const { count, path } of paths) {
      targets.push(await startHashcheck(`${count} sessions`, `file:${path}`, kind(count)));
    }
    const [few, many] = await measure(targets, HELD_AT);
    await stopAll();
    return comparison(rates(many), rates(few));
  };
  const many = MANY.toLocaleString("en");
  rows.addRates(await measureWith(() => "own"), {
    what: `durable, a session for each connection, with ${many} others in the store`,
    against: `with ${FEW} others`,
    atLeast: 0.9,
  });
  const random = await measureWith((count) => count);
  console.log(
    `When each call takes a random one of the ${many} sessions, most of them for the first time, ` +
      `there are ${perSecond(random.a)}; of ${FEW} sessions, ${perSecond(random.b)}: ` +
      `${random.ratio.toFixed(2)} times.\n`,
  );
}

try {
  await servers();
  await stopAll();
  await sessions();
} finally {
  await stopAll();
  await load.stop();
  await Deno.remove(folder, { recursive: true });
}
if (!rows.print()) Deno.exit(1);
