/**
 * Cost of a call over HTTP: `deno task bench:http`. Each server is a process of its own, the load
 * another, and the servers are measured in turn in one run. Needs Linux, for `/proc`; Git, for the
 * commit that ours is measured against; and npm.
 *
 * @module
 */

import { readNoFlags } from "../runtime/flags.ts";
import { Checkout } from "./checkout.ts";
import type { CallKind, Sessions } from "./http_calls.ts";
import { Load, type Measured, Target } from "./http_target.ts";
import type { BenchProcess } from "./process.ts";
import { comparison, inTurn, median } from "./rounds.ts";
import { fill } from "./sessions.ts";
import { megabytes, perSecond, printTable, Rows } from "./table.ts";

readNoFlags(
  "bench:http",
  "Measures what a call costs over HTTP, in both eras, in six minutes. Needs Linux, Git and npm.",
);

const ROUNDS = 7;
const ROUND_MS = 500;
const WARM_UP_MS = 1500;
const AT_ONCE = [1, 32, 256];
const HELD_AT = 32;
const MEMORY_REQUESTS = 100_000;
/** After these, what the opening of a large store has left is collected. */
const OPENED_REQUESTS = 20_000;
const FEW = 10;
const MANY = 1_000_000;
const HASHCHECK = "../servers/hashcheck.ts";
const MEASURED_IN_MEMORY = ["ours, no layer", "ours, memory", "ours, durable file"];

/** The commit that ours is measured against, from before it served two eras. */
const BASE = "3443e0b";

const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-bench-" });
const load = new Load();
const rows = new Rows();
const running: Target[] = [];

type Program = ConstructorParameters<typeof BenchProcess>;

async function start(name: string, calls: CallKind, ...program: Program) {
  const target = await Target.start({ name, program, calls, load });
  running.push(target);
  await target.run(HELD_AT, { ms: WARM_UP_MS });
  return target;
}

function startBare(name: string, kind: string, sessions: Sessions) {
  return start(name, { sessions, era: "legacy" }, "http_server.ts", [kind]);
}

function startHashcheck(name: string, store: string, calls: CallKind, module = HASHCHECK) {
  const flags = ["--transport", "streamable-http", "--port", "0", "--store", store];
  return start(name, calls, module, flags);
}

async function stopAll() {
  for (const target of running.splice(0)) await target.stop();
}

const middle = (found: readonly Measured[], of: keyof Measured) =>
  median(found.map((each) => each[of]));
const rates = (found: readonly Measured[] = []) => found.map((each) => each.perSecond);
const cpuTimes = (found: readonly Measured[] = []) => found.map((each) => each.cpuMicroseconds);

/** Measures all servers at one number of connections; gives the figures of each, by rounds. */
async function measure(targets: readonly Target[], connections: number) {
  for (const target of targets) await target.run(connections, { ms: ROUND_MS });
  const measures = targets.map((target) => () => target.measure(connections, ROUND_MS));
  return await inTurn(measures, ROUNDS);
}

async function servers(base: Checkout) {
  const legacy = { sessions: "own", era: "legacy" } as const;
  const modern = { sessions: "own", era: "modern" } as const;
  const file = (name: string) => `file:${folder}/${name}.jsonl`;
  const before = base.url("servers/hashcheck.ts");
  const targets = [
    await startBare("raw `Deno.serve`", "raw", "raw"),
    await startBare("SDK, stateful", "stateful", "transport"),
    await startBare("SDK, stateless", "stateless", "none"),
    await startBare("ours, no layer", "bare", "none"),
    await startHashcheck("ours, memory", "memory:", legacy),
    await startHashcheck("ours, durable file", file("legacy"), legacy),
    await startHashcheck(`${BASE}, memory`, "memory:", legacy, before),
    await startHashcheck(`${BASE}, durable file`, file("before"), legacy, before),
    await startHashcheck("ours, modern, memory", "memory:", modern),
    await startHashcheck("ours, modern, durable file", file("modern"), modern),
    await start(
      "SDK 2, `createMcpHandler`",
      { sessions: "none", era: "modern" },
      "http_server_2.ts",
      [],
      // Without the lockfile, which must not have the package; and without aborting the signals of
      // requests that have their response, of which Deno warns.
      ["--no-lock", "--unstable-no-legacy-abort"],
    ),
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
  await memory(targets.filter(({ name }) => MEASURED_IN_MEMORY.includes(name)));
}

/** Holds the figures, in the order of the servers, to the bounds. */
function hold(found: readonly (readonly Measured[])[]) {
  const [
    ,
    stateful,
    stateless,
    bare,
    memory,
    durable,
    memoryBefore,
    durableBefore,
    modernMemory,
    modernDurable,
    handler,
  ] = found;
  const add = (
    what: string,
    a: readonly Measured[] = [],
    against: string,
    b: readonly Measured[] = [],
    atLeast: number,
  ) => rows.addRates(comparison(rates(a), rates(b)), { what, against, atLeast });
  const [inMemory, inFile] = ["`hashcheck_store` in memory", "`hashcheck_store`, durable"];
  add(inFile, durable, "SDK stateless, a bare tool", stateless, 5);
  add(inFile, durable, "SDK stateful, a bare tool", stateful, 1.5);
  add(inMemory, memory, "ours without the layer, a bare tool", bare, 0.7);
  add(inFile, durable, "in memory", memory, 0.6);
  add(inMemory, memory, BASE, memoryBefore, 0.95);
  add(inFile, durable, BASE, durableBefore, 0.95);
  add(`${inMemory}, modern`, modernMemory, "legacy", memory, 0.65);
  add(`${inFile}, modern`, modernDurable, "legacy", durable, 0.65);
  add(`${inFile}, modern`, modernDurable, "SDK 2's `createMcpHandler`, a bare tool", handler, 3.5);
  const cpu = comparison(cpuTimes(memory), cpuTimes(memoryBefore));
  rows.add({
    what: `CPU of a call of ${inMemory}`,
    against: BASE,
    figures: `${Math.round(cpu.a)} µs : ${Math.round(cpu.b)} µs`,
    ratio: cpu.ratio,
    atMost: 0.8,
  });
  const busiest = Math.max(...found.slice(1).map((each) => middle(each, "loadPart")));
  rows.add({
    what: "the load's own CPU at the server that keeps it busiest, but for raw",
    against: "one core",
    ratio: busiest,
    // A load without time left would measure itself.
    atMost: 0.8,
  });
}

/** Compares the memory of servers between two moments under load. */
async function memory(targets: readonly Target[]) {
  const lines: string[][] = [];
  for (const target of targets) {
    // An idle server gives memory back, so busy is compared with busy.
    await target.run(HELD_AT, { requests: MEMORY_REQUESTS / 2 });
    const before = target.rssBytes();
    await target.run(HELD_AT, { requests: MEMORY_REQUESTS });
    const after = target.rssBytes();
    lines.push([target.name, megabytes(before), megabytes(after)]);
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
      const calls = { sessions: kind(count), era: "legacy" } as const;
      const target = await startHashcheck(`${count} sessions`, `file:${path}`, calls);
      await target.run(HELD_AT, { requests: OPENED_REQUESTS });
      targets.push(target);
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
  await using base = await Checkout.of(BASE);
  await servers(base);
  await stopAll();
  await sessions();
} finally {
  await stopAll();
  await load.stop();
  await Deno.remove(folder, { recursive: true });
}
if (!rows.print()) Deno.exit(1);
