/** Runs of the demo with each flag, and its end by a signal. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startServer } from "../../support/servers/server.ts";
import { demo } from "../../support/client/demo.ts";

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
          if (!/port \d+\n/.test(said)) continue;
          // A second one would leave the files.
          if (!stopped) process.kill(signal);
          stopped = true;
        }
        assertEquals((await process.status).code, status);
        assertEquals([...Deno.readDirSync(folder)], []);
        const url = `http://127.0.0.1:${/port (\d+)\n/.exec(said)?.[1]}/mcp`;
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
    const { code, stdout, stderr } = await demo(args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertMatch(stderr, /^demo: [^\n]+\n$/);
    assertStringIncludes(stderr, named);
  }
});

/** A port that nobody listens on any more. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
