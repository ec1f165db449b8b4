import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { stripVTControlCharacters } from "node:util";
import { startFixture } from "../../support/client/client_fixture.ts";
import { DEMO, demo } from "../../support/client/demo_run.ts";
import { startServer } from "../../support/servers/server.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { pictureOf, withoutDurations } from "../../../tasks/demo_picture.ts";

/** A run of one proof over one transport. */
const ONE_RUN = ["--server", "session_required", "--transport", "stdio"];

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

Deno.test("docs/pictures/demo.svg: shows the last screen as it is now; deno task demo:picture draws it", async () => {
  const file = await Deno.readTextFile(new URL("../../../docs/pictures/demo.svg", import.meta.url));
  assertEquals(withoutDurations(file), withoutDurations(pictureOf((await fullRun()).stdout)));
  assert(file.length < 60_000);
  for (const part of ["<title", "<desc", 'fill="#3fb950">✓ ']) assertStringIncludes(file, part);
  assertEquals(/<script|<image|href|url\(|@import/.test(file), false);
});

Deno.test("demo: writes no control characters to a pipe, or with NO_COLOR", async () => {
  for (const env of [{}, { NO_COLOR: "1", FORCE_COLOR: "1" }]) {
    const { stdout } = await demo(ONE_RUN, env);
    // deno-lint-ignore no-control-regex -- those are looked for
    assertEquals(/[\x00-\x09\x0b-\x1f]/.test(stdout), false, stdout);
  }
});

Deno.test("demo --verbose: shows the whole session after each step, and whole commands", async () => {
  const { stdout } = await demo([...ONE_RUN, "--verbose"]);
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

Deno.test({
  name: "demo: when SIGTERM stops it, its servers and its files go with it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using folder = await tempFolder();
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", DEMO, "--server", "session"],
      env: { TMPDIR: folder.path },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let said = "";
    let stopped = false;
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      said += text;
      // Over HTTP its server is a process of its own by then.
      if (!/port \d+\n/.test(said)) continue;
      // A second one would leave the files.
      if (!stopped) process.kill("SIGTERM");
      stopped = true;
    }
    assertEquals((await process.status).code, 143);
    assertEquals([...Deno.readDirSync(folder.path)], []);
    const url = `http://127.0.0.1:${/port (\d+)\n/.exec(said)?.[1]}/mcp`;
    const response = await fetch(url).then((response) => response.body?.cancel(), () => "gone");
    assertEquals(response, "gone");
  },
});

Deno.test("demo: a wrong flag is one clear line on stderr, and exit status 2", async () => {
  const unreachable = `http://127.0.0.1:${freePort()}/mcp`;
  await using server = await startServer({ server: "notebook", transport: "http" });
  await using foreign = await startFixture("http", "--name=constructor");
  const cases: [args: string[], named: string][] = [
    [["--nonsense"], "--nonsense"],
    [["positional"], "positional"],
    [["--", "--server", "session"], "--server"],
    [["--server", "x"], "hashcheck"],
    [["--transport", "tcp"], "stdio"],
    [["--url", "nonsense"], "--url"],
    [["--url", unreachable], unreachable],
    [["--url", server.url, "--transport", "stdio"], "--url"],
    [["--url", server.url, "--server", "hashcheck"], "notebook"],
    [["--url", foreign.url], "is none of session_required, notebook, hashcheck, session"],
  ];
  for (const [args, named] of cases) {
    const { code, stdout, stderr } = await demo(args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertMatch(stderr, /^demo: [^\n]+\n$/);
    assertStringIncludes(stderr, named);
  }
});

/** A port without a listener. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
