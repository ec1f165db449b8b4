/**
 * The MCP project's conformance suite for the modern era on a server of ours, and on the fixture on both
 * HTTP transports.
 */

import { assert, assertEquals } from "@std/assert";
import { MODERN_BASELINE } from "./baseline.ts";
import {
  differing,
  failedScenarios,
  faultsOf,
  fixture,
  type Run,
  runOn as runVersionOn,
  type Served,
} from "./suite.ts";

const MODES = { stateless: [], stateful: ["--stateful"] };

const runOn = (served: Served) => runVersionOn("2026-07-28", served);

let runs: Readonly<Record<keyof typeof MODES, Run>>;

Deno.test.beforeAll(async () => {
  runs = {
    stateless: await runOn({ server: fixture("server"), flags: MODES.stateless }),
    stateful: await runOn({ server: fixture("server"), flags: MODES.stateful }),
  };
});

for (const mode of ["stateless", "stateful"] as const) {
  Deno.test(`conformance 2026-07-28: the fixture served ${mode} passes`, () => {
    assertEquals(faultsOf(runs[mode], MODERN_BASELINE), []);
    assert(runs[mode].hasPassed);
  });

  Deno.test(`conformance 2026-07-28: session.ts served ${mode} passes each generic scenario`, async () => {
    const run = await runOn({ server: "session", flags: MODES[mode] });
    const generic = ["tools-list", "dns-rebinding-protection", "http-header-validation"];
    assertEquals(generic.filter((scenario) => !run.checks.has(scenario)), []);
    const failed = failedScenarios(run);
    assertEquals(generic.filter((scenario) => failed.includes(scenario)), []);
  });
}

Deno.test("conformance 2026-07-28: the fixture has the layer", () => {
  const [check] = runs.stateless.checks.get("tools-call-simple-text") ?? [];
  assertEquals(Object.keys(check?.details?.result?._meta ?? {}).sort(), [
    "io.github.mcp-sessions/session",
    "io.modelcontextprotocol/serverInfo",
  ]);
});

// They look for a wrong result alone: an error, whatever it is, passes.
const PASSED_BY_ERRORS = ["input-required-result-validate-input"];

Deno.test("conformance 2026-07-28: an HTTP server without MCP fails every scenario that needs a result", async () => {
  const run = await runOn({ server: fixture("server"), path: "/elsewhere" });
  const others = [...run.checks.keys()].filter((name) => !PASSED_BY_ERRORS.includes(name));
  assertEquals(failedScenarios(run), others.sort());
  assert(!run.hasPassed);
});

Deno.test("conformance 2026-07-28: a server of the legacy era fails every scenario that needs a result", async () => {
  const run = await runOn({ server: fixture("server"), flags: ["--era", "legacy"] });
  const passed = [...PASSED_BY_ERRORS, "input-required-result-unsupported-methods"];
  const others = [...run.checks.keys()].filter((name) => !passed.includes(name));
  assertEquals(failedScenarios(run), others.sort());
  assert(!run.hasPassed);
});

Deno.test("conformance 2026-07-28: a layer that refuses every call fails every scenario of a tool", async () => {
  const run = await runOn({ server: fixture("strict"), flags: ["--handles", "never"] });
  const calling = [...run.checks.keys()].filter((name) => /^tools-call-/.test(name)).sort();
  assertEquals(calling.length, 7);
  const failed = failedScenarios(run);
  assertEquals(calling.filter((scenario) => !failed.includes(scenario)), []);
  assertEquals(failed, differing(run, runs.stateless));
});
