import { assertEquals, assertMatch } from "@std/assert";
import { output } from "../support/output.ts";

const OLD = new URL("../fixtures/old_deno.ts", import.meta.url).href;
const NEEDS = /needs Deno 2\.9 or later and runs in Deno \d+\.\d+\.\d+: run `deno upgrade`/;

function runOld(script: string, args: readonly string[] = []) {
  return output(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--preload",
      OLD,
      new URL(`../../${script}`, import.meta.url).href,
      ...args,
    ],
    env: { NO_COLOR: "1", MCP_SESSIONS_STORE: "memory:" },
    stdin: "null",
  });
}

for (
  const [script, ...args] of [
    ["servers/notebook.ts"],
    ["client/demo.ts"],
    ["client/sessions.ts", "jar", "list"],
    ["client/bridge.ts", "--url", "http://127.0.0.1:1/mcp"],
  ] as const
) {
  Deno.test(`${script}: refuses an old Deno in one line`, async () => {
    const { code, stdout, stderr } = await runOld(script, args);
    assertEquals([code, stdout, stderr.trimEnd().split("\n").length], [1, "", 1], stderr);
    assertMatch(stderr, NEEDS);
  });
}

Deno.test("openStore(): refuses a file store on an old Deno", async () => {
  const { stdout } = await runOld("tests/fixtures/store/open.ts", ["file:never/made.jsonl"]);
  assertMatch(stdout, NEEDS);
});
