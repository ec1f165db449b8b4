/**
 * The MCP project's conformance suite for the legacy era on a server of ours, and on a fixture with all
 * that the scenarios need: behind the session layer on both HTTP transports, and without the layer.
 */

import { assert, assertEquals } from "@std/assert";
import { LEGACY_BASELINE } from "./baseline.ts";
import {
  differing,
  failedScenarios,
  faultsOf,
  fixture,
  type Run,
  runOn as runVersionOn,
  type Served,
} from "./suite.ts";

const MODES = ["stateless", "stateful", "plain"] as const;

const runOn = (served: Served) => runVersionOn("2025-11-25", served);

let runs: Readonly<Record<(typeof MODES)[number], Run>>;

Deno.test.beforeAll(async () => {
  runs = {
    stateless: await runOn({ server: fixture("server") }),
    stateful: await runOn({ server: fixture("server"), flags: ["--stateful"] }),
    plain: await runOn({ server: fixture("plain") }),
  };
});

for (const mode of MODES) {
  Deno.test(`conformance: the fixture served ${mode} fails what the baseline says, and only that`, () => {
    assertEquals(faultsOf(runs[mode], LEGACY_BASELINE[mode]), []);
  });
}

Deno.test("conformance: each check ends behind the layer as without it", () => {
  assertEquals(differing(runs.stateful, runs.plain), []);
});

Deno.test("conformance: the fixture has the layer, and the fixture that it is compared with has none", () => {
  const cookies = MODES.map((mode) => {
    const [check] = runs[mode].checks.get("tools-call-simple-text") ?? [];
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
    assertEquals(generic.filter((scenario) => !run.checks.has(scenario)), []);
    const failed = failedScenarios(run);
    assertEquals(generic.filter((scenario) => failed.includes(scenario)), []);
  },
);

Deno.test("conformance: an HTTP server without MCP fails every scenario", async () => {
  const run = await runOn({ server: fixture("server"), path: "/elsewhere" });
  assertEquals(failedScenarios(run), [...run.checks.keys()].sort());
});

Deno.test("conformance: a layer that refuses every call fails every scenario of a tool", async () => {
  const run = await runOn({
    server: fixture("strict"),
    flags: ["--stateful", "--handles", "never"],
  });
  const calling = [...run.checks.keys()].filter((name) => /^(?:tools-call|elicitation)-/.test(name))
    .sort();
  assertEquals(calling.length, 12);
  assertEquals(differing(run, runs.plain), calling);
  const faults = faultsOf(run, LEGACY_BASELINE.stateful);
  for (const scenario of calling) {
    assert(faults.some((fault) => fault.startsWith(`${scenario}:`)), scenario);
  }
});

Deno.test("conformance: a baseline entry that passes is a fault", () => {
  const baseline = { ...LEGACY_BASELINE.stateful, "ping:ping": "out of date" };
  const fault = "ping:ping does not fail: remove it from the baseline";
  assert(faultsOf(runs.stateful, baseline).includes(fault));
});
