/**
 * The MCP project's conformance suite on a server of ours, and on a fixture with all that the scenarios
 * need: behind the session layer on both HTTP transports, and without the layer.
 */

import { assert, assertEquals } from "@std/assert";
import { type ServerName, startServer } from "../support/servers/server.ts";
import { BASELINE, type Mode } from "./conformance_baseline.ts";
import { differing, failuresOf, faultsOf, type Run, runSuite } from "./conformance_suite.ts";

interface Served {
  readonly server: ServerName | URL;
  readonly flags?: string[];
  readonly path?: string;
}

/** Starts a server and runs the suite on it. */
async function runOn({ server, flags = [], path = "" }: Served): Promise<Run> {
  await using process = await startServer({ server, transport: "http", flags });
  return await runSuite(new URL(path, process.url));
}

const fixture = (name: string) => new URL(`../fixtures/conformance/${name}.ts`, import.meta.url);

let runs: Readonly<Record<Mode, Run>>;

Deno.test.beforeAll(async () => {
  runs = {
    stateless: await runOn({ server: fixture("server") }),
    stateful: await runOn({ server: fixture("server"), flags: ["--stateful"] }),
    plain: await runOn({ server: fixture("plain") }),
  };
});

const MODES = ["stateless", "stateful", "plain"] as const;

for (const mode of MODES) {
  Deno.test(`conformance: the fixture served ${mode} fails what the baseline says, and only that`, () => {
    assertEquals(faultsOf(runs[mode], BASELINE[mode]), []);
  });
}

Deno.test("conformance: each check ends behind the layer as without it", () => {
  assertEquals(differing(runs.stateful, runs.plain), []);
});

Deno.test("conformance: the fixture has the layer, and the fixture that it is compared with has none", () => {
  const cookies = MODES.map((mode) => {
    const [check] = runs[mode].get("tools-call-simple-text") ?? [];
    return typeof check?.details?.result?._meta?.["mcp/session"];
  });
  assertEquals(cookies, ["object", "object", "undefined"]);
});

// Scenarios that need no tools, resources or prompts of their own.
const ANY_HTTP = ["server-initialize", "ping", "tools-list", "dns-rebinding-protection"];

Deno.test.each<readonly [kind: string, flags: string[], generic: string[]]>([
  ["stateless", [], ANY_HTTP],
  ["stateful", ["--stateful"], [
    ...ANY_HTTP,
    "server-session-lifecycle",
    "server-sse-multiple-streams",
  ]],
])(
  "conformance: session.ts over %s HTTP passes each generic scenario",
  async (_, flags, generic) => {
    const run = await runOn({ server: "session", flags });
    assertEquals(generic.filter((scenario) => !run.has(scenario)), []);
    const failed = scenariosOf(failuresOf(run));
    assertEquals(generic.filter((scenario) => failed.includes(scenario)), []);
  },
);

Deno.test("conformance: an HTTP server without MCP fails every scenario", async () => {
  const run = await runOn({ server: fixture("server"), path: "/elsewhere" });
  assertEquals(scenariosOf(failuresOf(run)), [...run.keys()].sort());
});

Deno.test("conformance: a layer that refuses every call fails every scenario of a tool", async () => {
  const run = await runOn({
    server: fixture("strict"),
    flags: ["--stateful", "--handles", "never"],
  });
  const calling = [...run.keys()].filter((name) => /^(?:tools-call|elicitation)-/.test(name))
    .sort();
  assertEquals(calling.length, 12);
  assertEquals(differing(run, runs.plain), calling);
  const faults = faultsOf(run, BASELINE.stateful);
  for (const scenario of calling) {
    assert(faults.some((fault) => fault.startsWith(`${scenario}:`)), scenario);
  }
});

Deno.test("conformance: a baseline entry that passes is a fault", () => {
  const baseline = { ...BASELINE.stateful, "ping:ping": "out of date" };
  const fault = "ping:ping does not fail: remove it from the baseline";
  assert(faultsOf(runs.stateful, baseline).includes(fault));
});

function scenariosOf(failures: ReadonlyMap<string, string>): string[] {
  const names = [...failures.keys()].map((check) => check.slice(0, check.indexOf(":")));
  return [...new Set(names)].sort();
}
