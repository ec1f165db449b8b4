/**
 * Cost of what watches a server: `deno task bench:observers`. Calls of `hashcheck_store` in memory over
 * HTTP, to servers that differ in their observers alone, measured in turn. Needs Linux, for `/proc`, and
 * Git, for a commit from before there were observers.
 *
 * @module
 */

import { readNoFlags } from "../../runtime/flags.ts";
import { Checkout } from "../checkout.ts";
import { Load, type Measured, Target } from "../http_target.ts";
import { comparison, inTurn, median } from "../rounds.ts";
import { perSecond, printTable, Rows } from "../table.ts";

readNoFlags(
  "bench:observers",
  "Measures what log lines, OpenTelemetry and the audit log cost a call over HTTP. Needs Linux and Git.",
);

const ROUNDS = 15;
const ROUND_MS = 500;
const WARM_UP_MS = 1500;
const CONNECTIONS = 32;
const HASHCHECK = "../servers/hashcheck.ts";
const FLAGS = ["--transport", "streamable-http", "--port", "0", "--store", "memory:"];

/** The last commit without observers. */
const BASE = "d60a061";

/** A collector that drops what it gets. */
const collector = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (it) => {
  await it.bytes();
  return new Response();
});
const OTEL = {
  OTEL_DENO: "true",
  OTEL_DENO_CONSOLE: "ignore",
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
};
const ONE_PERCENT = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.01" };

/** Servers with an observer, against one without. */
const WATCHED: readonly (readonly [name: string, flags: string[], env: Record<string, string>])[] =
  [
    ["a line for each request", ["--log-level", "info"], {}],
    ["a line of JSON for each", ["--log-level", "info", "--log-format", "json"], {}],
    ["the audit log", ["--audit", "/dev/null"], {}],
    ["OpenTelemetry, 1 % of the spans", [], { ...OTEL, ...ONE_PERCENT }],
    ["OpenTelemetry, every span", [], OTEL],
  ];

const cpuTimes = (found: readonly Measured[] = []) => found.map((each) => each.cpuMicroseconds);
const rates = (found: readonly Measured[] = []) => found.map((each) => each.perSecond);

const load = new Load();
const rows = new Rows();
const targets: Target[] = [];

async function start(
  name: string,
  module: string,
  flags: readonly string[] = [],
  env: Record<string, string> = {},
) {
  const target = await Target.start({
    name,
    program: [module, [...FLAGS, ...flags], [], env],
    calls: { sessions: "own", era: "legacy" },
    load,
  });
  targets.push(target);
  await target.run(CONNECTIONS, { ms: WARM_UP_MS });
}

function measured() {
  return inTurn(targets.map((target) => () => target.measure(CONNECTIONS, ROUND_MS)), ROUNDS);
}

try {
  await using base = await Checkout.of(BASE);
  await start("no observer", HASHCHECK);
  await start(BASE, base.url("servers/hashcheck.ts"));
  // By themselves, as the others export their spans while these are measured.
  const [own, before] = await measured();
  for (const [name, flags, env] of WATCHED) await start(name, HASHCHECK, flags, env);
  const found = await measured();
  printTable(
    ["server", "requests", "CPU a request", "CPU, no observer is 1"],
    targets.map(({ name }, index) => [
      name,
      perSecond(median(rates(found[index]))),
      `${Math.round(median(cpuTimes(found[index])))} µs`,
      comparison(cpuTimes(found[index]), cpuTimes(found[0])).ratio.toFixed(2),
    ]),
  );
  console.log();
  const cpu = comparison(cpuTimes(own), cpuTimes(before));
  rows.add({
    what: "CPU of a call without an observer",
    against: BASE,
    figures: `${Math.round(cpu.a)} µs : ${Math.round(cpu.b)} µs`,
    ratio: cpu.ratio,
    atMost: 1.03,
  });
} finally {
  for (const target of targets) await target.stop();
  await load.stop();
  await collector.shutdown();
}
if (!rows.print()) Deno.exit(1);
