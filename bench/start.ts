/**
 * Time of a server's start, and its memory then: `deno task bench:start`. From the spawn of the
 * process to its response to `initialize` on stdio, against the barest server that the SDK makes:
 * on an idle machine, and beside a program that keeps one core busy.
 *
 * @module
 */

import { readNoFlags } from "../runtime/flags.ts";
import { BenchProcess } from "./process.ts";
import { comparison, inTurn, median } from "./rounds.ts";
import { megabytes, Rows } from "./table.ts";

readNoFlags("bench:start", "Measures how long a server takes to start on stdio. Needs Linux.");

const ROUNDS = 21;
const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "bench", version: "1.0.0" },
  },
};

function start(module: string, ...args: readonly string[]) {
  return async () => {
    const begin = performance.now();
    const server = new BenchProcess(module, args);
    try {
      await server.write(INITIALIZE);
      const { value: reply = "null" } = await server.stdout.next();
      const ms = performance.now() - begin;
      if (!JSON.parse(reply)?.result?.serverInfo) throw new Error(`${module} did not start`);
      return { ms, rssBytes: server.rssBytes() };
    } finally {
      await server.stop();
    }
  };
}

/** Starts each of these in turn, and compares ours with the barest. */
async function compareStarts(beside: string): Promise<void> {
  const [bare = [], ...ours] = await inTurn(measures, ROUNDS);
  for (const [i, store] of ["memory:", "file:"].entries()) {
    const starts = ours[i] ?? [];
    const times = comparison(starts.map(({ ms }) => ms), bare.map(({ ms }) => ms));
    const sizes = [starts, bare].map((each) => median(each.map(({ rssBytes }) => rssBytes)));
    rows.add({
      what: `hashcheck with \`${store}\`, from spawn to initialize${beside}`,
      against: "the SDK's barest server",
      figures: `${Math.round(times.a)} ms, ${megabytes(sizes[0] ?? NaN)} : ` +
        `${Math.round(times.b)} ms, ${megabytes(sizes[1] ?? NaN)}`,
      ratio: times.ratio,
      atMost: 1.25,
    });
  }
}

const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-bench-" });
const hashcheck = "../servers/hashcheck.ts";
const measures = [
  start("start_bare.ts"),
  start(hashcheck, "--store", "memory:"),
  start(hashcheck, "--store", `file:${folder}/start.jsonl`),
];
const rows = new Rows();
try {
  // The first start may compile modules and make files.
  for (const measure of measures) await measure();
  await compareStarts("");
  const busy = new BenchProcess("data:text/javascript,for(;;);");
  try {
    await compareStarts(", beside a busy core");
  } finally {
    await busy.stop();
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
if (!rows.print()) Deno.exit(1);
