/**
 * The demo with each server alone, with servers that run already, and with servers that break a promise.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { REFUSALS, startFixture } from "../../support/client/client_fixture.ts";
import { demo } from "../../support/client/demo_run.ts";
import { startServer } from "../../support/servers/server.ts";

Deno.test("demo --server --transport: runs the proofs of one server over one transport", async () => {
  const cases: [args: string[], runs: number][] = [
    [["--server", "notebook", "--transport", "stdio"], 2],
    [["--server", "session_required"], 2],
    [["--server", "hashcheck", "--transport", "stdio"], 1],
    [["--server", "session", "--transport", "stdio"], 1],
  ];
  for (const [args, runs] of cases) {
    const { code, stdout } = await demo(args);
    assertEquals(code, 0, stdout);
    assertStringIncludes(stdout, `Held: ${runs} of ${runs} runs, in `);
  }
});

Deno.test("demo --url: uses a server that is running, and does not kill it", async () => {
  for (const name of ["session_required", "notebook", "hashcheck", "session"] as const) {
    await using server = await startServer({ server: name, transport: "http" });
    const { code, stdout } = await demo(["--url", server.url]);
    assertEquals(code, 0, stdout);
    if (name === "hashcheck") {
      assertMatch(stdout, /kill -9 and restart: not run/);
      assertMatch(stdout, /new connection, same cookie: MATCH/);
      assertMatch(stdout, /– \S+ s, in part$/m);
      assertMatch(stdout, /– not run$/m);
    }
    assertEquals(stdout.includes("Not run: "), ["hashcheck", "session"].includes(name));
    await server.initialize();
  }
});

Deno.test("demo: a server that breaks its promise makes the exit status 1", async () => {
  const cases: [broken: string, failed: string, came: string][] = [
    ["openGate", "1. Enforcement: no tool runs without a session", "the result of a call that ran"],
    [
      "sharedNotebook",
      "2. Session-scoped state: two sessions, two notebooks",
      '[{"text":"buy milk"}',
    ],
    ["idleProbe", "5. The cookie's life: ", '{"id":"sess-'],
  ];
  for (const [broken, failed, came] of cases) {
    await using server = await startServer({
      server: new URL("../../fixtures/broken.ts", import.meta.url),
      transport: "http",
      args: [broken],
    });
    const { code, stdout } = await demo(["--url", server.url]);
    assertEquals(code, 1, stdout);
    const [, table = "", atTheEnd = ""] = stdout.split(/^(?=What each proof shows|Failed: \d)/m);
    assertMatch(table, /^\d\. .*✗ \S+ s$/m);
    // Whole once more, where the terminal stays.
    assertStringIncludes(atTheEnd, failed);
    assertMatch(atTheEnd, /^ {4}✗ .+\n {6}expected: .+$/m);
    assertStringIncludes(atTheEnd, `came:     ${came}`);
    assertMatch(atTheEnd, new RegExp(`from: {5}\\w+ over http, ${server.url}$`, "m"));
  }
});

for (const says of REFUSALS) {
  Deno.test(`demo: a refusal in words alone is no -32002, and is shown as it came: ${says}`, async () => {
    await using server = await startFixture("http", "--name=session-required", `--says=${says}`);
    const { code, stdout } = await demo(["--server", "session_required", "--url", server.url]);
    assertEquals(code, 1, stdout);
    assertMatch(stdout, /✗ whoami without a cookie is refused: error -32002$/m);
    assertStringIncludes(stdout, `came:     an isError result: ${says}\n`);
    assertStringIncludes(stdout, "Failed: 1. Held: 0 of 1 runs");
    assertEquals(/\[object|undefined/.test(stdout), false, stdout);
  });
}
