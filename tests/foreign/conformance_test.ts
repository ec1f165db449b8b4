/**
 * The MCP project's conformance suite: the scenarios that ask for no tools of their own, on a
 * server of ours as it is.
 */

import { assertMatch } from "@std/assert";
import { startServer } from "../support/server.ts";

const SUITE = "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12";

// The suite counts a scenario that has checked nothing as passed; here one check must have passed.
const PASSED = /^Passed: ([1-9]\d*)\/\1, 0 failed, 0 warnings$/m;

const ANY_HTTP = ["server-initialize", "ping", "tools-list", "dns-rebinding-protection"];

const SCENARIOS: Readonly<Record<string, readonly string[]>> = {
  stateless: ANY_HTTP,
  stateful: [...ANY_HTTP, "server-session-lifecycle", "server-sse-multiple-streams"],
};

/** Runs a scenario, and gives what the suite says. */
async function run(scenario: string, url: string | URL): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // The suite's packages are no part of this project, nor of its lockfile.
    args: ["run", "-A", "--no-config", "--no-lock", SUITE, "server", "--scenario", scenario]
      .concat("--url", `${url}`),
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return text.decode(stdout) + text.decode(stderr);
}

for (const [kind, scenarios] of Object.entries(SCENARIOS)) {
  Deno.test(`conformance: session.ts over ${kind} HTTP passes ${scenarios.join(", ")}`, async () => {
    const flags = kind === "stateful" ? ["--stateful"] : [];
    await using server = await startServer({ server: "session", transport: "http", flags });
    for (const scenario of scenarios) {
      const said = await run(scenario, server.url);
      assertMatch(said, PASSED, `${scenario}: ${said}`);
    }
  });
}

Deno.test("conformance: what is no MCP endpoint fails", async () => {
  await using server = await startServer({ server: "session", transport: "http" });
  const said = await run("ping", new URL("/elsewhere", server.url));
  assertMatch(said, /^Passed: \d+\/\d+, 1 failed/m);
});
