import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { stripVTControlCharacters } from "node:util";
import { REFUSALS, startFixture } from "../../support/client/client_fixture.ts";
import { startServer } from "../../support/servers/server.ts";
import { pictureOf, withoutDurations } from "../../../tasks/demo_picture.ts";
import { demo } from "../../support/client/demo.ts";

let styledRun: ReturnType<typeof demo> | undefined;
/** The one full run of this file, in color. */
const fullRun = () => styledRun ??= demo([], { FORCE_COLOR: "1" });

Deno.test("demo: all five proofs hold, over every transport", async () => {
  const { code, stdout, stderr } = await fullRun();
  assertEquals([code, stderr], [0, ""], stdout);
  const plain = stripVTControlCharacters(stdout);
  assertStringIncludes(plain, "Failed: none. Held: 12 of 12 runs, in ");
  const table = plain.slice(plain.indexOf("What each proof shows"));
  for (const number of [1, 2, 3, 5]) {
    assertMatch(table, new RegExp(`^${number}\\. .*✓ [0-9.]+ s +✓ [0-9.]+ s$`, "m"));
  }
  assertEquals(table.match(/^4\. .*✓ [0-9.]+ s$/gm)?.length, 3);
  assertEquals(plain.match(/: MATCH$/gm)?.length, 6);
  assertEquals(plain.match(/^ {4}✓ /gm)?.length, 46);
});

Deno.test("demo: a full run has 120 lines at most, of 80 columns", async () => {
  const lines = stripVTControlCharacters((await fullRun()).stdout).trimEnd().split("\n");
  assert(lines.length <= 120, `${lines.length} lines`);
  assertEquals(lines.filter((line) => line.length > 80), []);
});

Deno.test("demo: the session's panel tells only what changed", async () => {
  const plain = stripVTControlCharacters((await fullRun()).stdout);
  assertEquals(plain.match(/│ capability/g)?.length, 1);
  const life = plain.slice(
    plain.lastIndexOf("over http: servers/session.ts"),
    plain.indexOf("What"),
  );
  assertEquals(life.match(/│ \w+ \w+/g), [
    "│ session sess",
    "│ expiry moved",
    "│ session none",
    "│ session sess",
    "│ session sess",
  ]);
  assertEquals(plain.includes("{"), false);
});

Deno.test("docs/demo.svg: shows the last screen as it is now; deno task demo:picture draws it", async () => {
  const file = await Deno.readTextFile(new URL("../../../docs/demo.svg", import.meta.url));
  assertEquals(withoutDurations(file), withoutDurations(pictureOf((await fullRun()).stdout)));
  assert(file.length < 60_000);
  for (const part of ["<title", "<desc", 'fill="#3fb950">✓ ']) assertStringIncludes(file, part);
  assertEquals(/<script|<image|href|url\(|@import/.test(file), false);
});

Deno.test("demo: writes no control characters to a pipe, or with NO_COLOR", async () => {
  const args = ["--server", "session_required", "--transport", "stdio"];
  for (const env of [{}, { NO_COLOR: "1", FORCE_COLOR: "1" }]) {
    const { stdout } = await demo(args, env);
    // deno-lint-ignore no-control-regex -- those are looked for
    assertEquals(/[\x00-\x09\x0b-\x1f]/.test(stdout), false, stdout);
  }
});

Deno.test("demo --verbose: shows the whole session after each step, and whole commands", async () => {
  const { stdout } = await demo([
    "--server",
    "session_required",
    "--transport",
    "stdio",
    "--verbose",
  ]);
  const shown = stdout.slice(stdout.indexOf("    ✓ whoami"));
  assertEquals(shown.match(/^ {4}✓ /gm)?.length, 4);
  const rows = [
    /│ capability session v2: create, list, delete$/gm,
    /│ session {4}sess-[0-9a-f]{32}$/gm,
    /│ title {6}demo · session-required$/gm,
    /│ expiry {5}\d{4}-.*Z$/gm,
    /│ cookie {5}\{"id":"sess-[0-9a-f]{32}".*\}$/gm,
  ];
  for (const row of rows) assertEquals(shown.match(row)?.length, 4, `${row}`);
  assertMatch(stdout, /over stdio: deno run -A servers\/session_required.ts --store file:/);
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

Deno.test("demo: shows what came where a tool fails that must not", async () => {
  await using server = await startFixture("http", "--name=notebook", "--fails");
  const { code, stdout } = await demo(["--url", server.url]);
  assertEquals(code, 1, stdout);
  assertMatch(stdout, /✗ call of notebook_append$/m);
  assertMatch(stdout, /came: {5}an isError result: No such file$/m);
  assertEquals(/\[object|undefined/.test(stdout), false, stdout);
});

Deno.test("demo: -32002 without a reason is a refusal, too", async () => {
  await using server = await startFixture("http", "--name=session-required", "--bare");
  const { stdout } = await demo(["--url", server.url]);
  assertMatch(stdout, /✓ whoami without a cookie is refused: error -32002$/m);
  assertMatch(stdout, /✓ whoami with a made-up id is refused: error -32002$/m);
  assertEquals(/\[object|undefined/.test(stdout.split("whoami with its cookie")[0] ?? ""), false);
});
