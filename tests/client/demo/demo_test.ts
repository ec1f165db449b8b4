import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { HOST_SESSION_VARIABLES } from "../../../protocol/conversation.ts";
import { REFUSALS, startFixture } from "../../support/client/client_fixture.ts";
import { startServer } from "../../support/servers/server.ts";

async function demo(...args: string[]) {
  const script = new URL("../../../client/demo.ts", import.meta.url);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script.href, ...args],
    env: {
      // None of them may change which sessions the demo's servers use.
      ...Object.fromEntries(HOST_SESSION_VARIABLES.map((name) => [name, "somebody's"])),
      MCP_SESSIONS_STORE: "file:/nonexistent/store",
    },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("demo: all five proofs hold, over every transport", async () => {
  const { code, stdout, stderr } = await demo();
  assertEquals([code, stderr], [0, ""], stdout);
  assertStringIncludes(stdout, "Nothing failed. Of 12 runs, 12 hold.");
  for (const number of [1, 2, 3, 4, 5]) assertMatch(stdout, new RegExp(`  holds    ${number}\\. `));
  assertEquals(stdout.match(/: MATCH$/gm)?.length, 6);
  const steps = stdout.match(/^ {2}✓ /gm)?.length;
  for (const row of ["capability session v2", "features   create, list, delete"]) {
    assertEquals(stdout.match(new RegExp(`│ ${row}$`, "gm"))?.length, steps, row);
  }
  for (const row of ["session    sess-", "title      ", "expiry     ", 'cookie     {"id":"sess-']) {
    assertStringIncludes(stdout, `│ ${row}`);
  }
  // deno-lint-ignore no-control-regex -- a pipe is no terminal, so there is no color in it
  assertEquals(/\x1b/.test(stdout), false);
});

Deno.test("demo --server --transport: runs the proofs of one server over one transport", async () => {
  const cases: [args: string[], runs: number][] = [
    [["--server", "notebook", "--transport", "stdio"], 2],
    [["--server", "session_required"], 2],
    [["--server", "hashcheck", "--transport", "stdio"], 1],
    [["--server", "session", "--transport", "stdio"], 1],
  ];
  for (const [args, runs] of cases) {
    const { code, stdout } = await demo(...args);
    assertEquals(code, 0, stdout);
    assertStringIncludes(stdout, `Of ${runs} runs, ${runs} hold.`);
  }
});

Deno.test("demo --url: uses a server that is running, and does not kill it", async () => {
  for (const name of ["session_required", "notebook", "hashcheck", "session"] as const) {
    await using server = await startServer({ server: name, transport: "http" });
    const { code, stdout } = await demo("--url", server.url);
    assertEquals(code, 0, stdout);
    if (name === "hashcheck") {
      assertMatch(stdout, /kill -9 and a restart: not run/);
      assertMatch(stdout, /a new connection with the same cookie: MATCH/);
    }
    assertEquals(stdout.includes("Not run"), ["hashcheck", "session"].includes(name));
    await server.initialize();
  }
});

Deno.test("demo: a server that breaks its promise makes the exit status 1", async () => {
  const cases: [broken: string, named: string][] = [
    ["openGate", "failed   1. Enforcement"],
    ["sharedNotebook", "failed   2. "],
    ["idleProbe", "failed   5. "],
  ];
  for (const [broken, named] of cases) {
    await using server = await startServer({
      server: new URL("../../fixtures/broken.ts", import.meta.url),
      transport: "http",
      args: [broken],
    });
    const { code, stdout } = await demo("--url", server.url);
    assertEquals(code, 1, stdout);
    assertStringIncludes(stdout, named);
    assertMatch(stdout, /^ {2}✗ /m);
  }
});

for (const says of REFUSALS) {
  Deno.test(`demo: a refusal in words alone is no -32002, and is shown as it came: ${says}`, async () => {
    await using server = await startFixture("http", "--name=session-required", `--says=${says}`);
    const { code, stdout } = await demo("--server", "session_required", "--url", server.url);
    assertEquals(code, 1, stdout);
    assertMatch(stdout, /✗ before: whoami without a cookie is refused with -32002$/m);
    assertStringIncludes(stdout, `but: an isError result: ${says}\n`);
    assertStringIncludes(stdout, "failed   1. Enforcement");
    assertEquals(/\[object|undefined/.test(stdout), false, stdout);
  });
}

Deno.test("demo: shows what came where a tool fails that must not", async () => {
  await using server = await startFixture("http", "--name=notebook", "--fails");
  const { code, stdout } = await demo("--url", server.url);
  assertEquals(code, 1, stdout);
  assertMatch(stdout, /✗ notebook_append failed: No such file$/m);
  assertEquals(/\[object|undefined/.test(stdout), false, stdout);
});

Deno.test("demo: -32002 without a reason is a refusal, too", async () => {
  await using server = await startFixture("http", "--name=session-required", "--bare");
  const { stdout } = await demo("--url", server.url);
  assertMatch(stdout, /✓ before: whoami without a cookie is refused with -32002$/m);
  assertMatch(stdout, /✓ before: whoami with an id that was made up is refused with -32002$/m);
  assertEquals(/\[object|undefined/.test(stdout.split("after session/create")[0] ?? ""), false);
});

for (const [signal, status] of [["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  Deno.test({
    name: `demo: when ${signal} stops it, its servers and its files go with it`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const folder = await Deno.makeTempDir();
      try {
        const script = new URL("../../../client/demo.ts", import.meta.url);
        const process = new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", script.href, "--server", "session"],
          env: { TMPDIR: folder },
          stdin: "null",
          stdout: "piped",
          stderr: "inherit",
        }).spawn();
        let said = "";
        let stopped = false;
        for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
          said += text;
          // Over HTTP its server is a process of its own by then.
          if (!said.includes("session over http") || !said.includes("--port")) continue;
          // A second one would leave the files.
          if (!stopped) process.kill(signal);
          stopped = true;
        }
        assertEquals((await process.status).code, status);
        assertEquals([...Deno.readDirSync(folder)], []);
        const url = `http://127.0.0.1:${/--port (\d+)/.exec(said)?.[1]}/mcp`;
        const response = await fetch(url).then((response) => response.body?.cancel(), () => "gone");
        assertEquals(response, "gone");
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

Deno.test("demo: a wrong flag is one clear line on stderr, and exit status 2", async () => {
  const nobody = `http://127.0.0.1:${freePort()}/mcp`;
  await using server = await startServer({ server: "notebook", transport: "http" });
  const cases: [args: string[], named: string][] = [
    [["--nonsense"], "--nonsense"],
    [["positional"], "positional"],
    [["--", "--server", "session"], "--server"],
    [["--server", "x"], "hashcheck"],
    [["--transport", "tcp"], "stdio"],
    [["--url", "nonsense"], "--url"],
    [["--url", nobody], nobody],
    [["--url", server.url, "--transport", "stdio"], "--url"],
    [["--url", server.url, "--server", "hashcheck"], "notebook"],
  ];
  for (const [args, named] of cases) {
    const { code, stdout, stderr } = await demo(...args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertMatch(stderr, /^demo: [^\n]+\n$/);
    assertStringIncludes(stderr, named);
  }
  const { code, stdout } = await demo("--help");
  assertEquals(code, 0);
  for (const flag of ["--server", "--transport", "--url", "--help"]) {
    assertStringIncludes(stdout, flag);
  }
});

/** A port that nobody listens on any more. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
