/** SIGHUP: what it reloads, and where it ends the process as ever. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { callerOf } from "../../support/servers/callers.ts";
import { POLICIES } from "../../support/servers/bound_calls.ts";
import { type HttpServer, startServer, TRANSPORTS } from "../../support/servers/server.ts";
import { bearer, tokenLine, tokensFile, writeTokens } from "../../support/servers/tokens.ts";
import { callRequest, request, statusOf } from "../../support/servers/wire.ts";
import { CLEAN_ENV } from "../../support/environment.ts";
import { lines } from "../../support/lines.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { until } from "../../support/until.ts";

// Windows has no such signal to send.
const ignore = Deno.build.os === "windows";

/** Whether a token lets its bearer in. */
async function isIn({ url }: HttpServer, token: string): Promise<boolean> {
  const status = await statusOf(url, request("session/list"), bearer(token));
  // With --stateful, the bearer of a token still lacks a transport session.
  assert([200, 400, 401].includes(status), `${status}`);
  return status !== 401;
}

/** Sends SIGHUP, and waits for what the server says of it. */
async function reload(server: HttpServer): Promise<string> {
  const told = () => server.stderr.filter((line) => line.includes("SIGHUP: "));
  const before = told().length;
  server.process.kill("SIGHUP");
  return (await until(told, ({ length }) => length > before)).at(-1) ?? "";
}

async function start(tokens: Record<string, string>, flags: string[] = []) {
  const file = await tokensFile(tokens);
  const server = await startServer({
    server: POLICIES,
    transport: "http",
    flags: [...file.flags, "--log-level", "info", ...flags],
  });
  return {
    server,
    path: file.flags[1] ?? "",
    async [Symbol.asyncDispose]() {
      await server.stop("SIGKILL");
      await file[Symbol.asyncDispose]();
    },
  };
}

for (const flags of [[], ["--stateful"]]) {
  Deno.test({
    name:
      `SIGHUP with --tokens ${flags}: new tokens count, old ones no more, and calls in flight go on`,
    ignore,
    async fn() {
      await using started = await start({ "a-token": "alice", "b-token": "bob" }, flags);
      const { server, path } = started;
      const [alice, bob] = [await callerOf(server, "a-token"), await callerOf(server, "b-token")];
      const { result: session } = await alice("session/create", {});
      const _meta = { "mcp/session": { id: session?.id } };
      const held = alice("tools/call", { name: "hold", arguments: { text: "kept" }, _meta });
      await bob("tools/call", { name: "held", arguments: {} });
      assertEquals(await isIn(server, "c-token"), false);

      await writeTokens(path, { "a-next": "alice", "b-token": "bob", "c-token": "carol" });
      assertMatch(await reload(server), /: info: SIGHUP: tokens reloaded$/);
      const tokens = ["a-token", "a-next", "b-token", "c-token"];
      const are = await Promise.all(tokens.map((token) => isIn(server, token)));
      assertEquals(are, [false, true, true, true]);

      await bob("tools/call", { name: "release", arguments: {} });
      const { result } = await held;
      assertEquals(result?.structuredContent.outcome, "written");
      assertEquals(await server.stop(), 0);
    },
  });
}

Deno.test({
  name:
    "SIGHUP with --tokens: a file that is half written, wrong or gone leaves the old tokens in force",
  ignore,
  async fn() {
    await using started = await start({ "a-token": "alice" });
    const { server, path } = started;
    const line = await tokenLine("secret-token", "carol");
    const cases: [content: string | undefined, reason: RegExp][] = [
      ["", /has no token/],
      [line.slice(0, 40), /line 1 is not/],
      // It would be the token of somebody else.
      [line.slice(0, -2), /its last line has no end: it may be half written/],
      [`${line}\n${line.slice(0, 20)}`, /line 2 is not/],
      [undefined, /Cannot read the tokens in .*No such file/],
    ];
    for (const [content, reason] of cases) {
      if (content === undefined) await Deno.remove(path);
      else await Deno.writeTextFile(path, content);
      const told = await reload(server);
      assertMatch(told, /: error: SIGHUP: tokens stay as they were: /);
      assertMatch(told, reason);
      assert(!told.includes("carol") && !told.includes(line.slice(0, 20)), told);
      assertEquals(await isIn(server, "a-token"), true);
      assertEquals(await isIn(server, "secret-token"), false);
    }
    await Deno.writeTextFile(path, `${line}\n`);
    assertMatch(await reload(server), /tokens reloaded$/);
    assertEquals(await isIn(server, "secret-token"), true);
  },
});

Deno.test({
  name:
    "SIGHUP with --tokens and --audit: a pipe of tokens that nobody writes keeps no audit file from its turn",
  ignore,
  async fn() {
    await using folder = await tempFolder();
    const audit = `${folder.path}/audit.jsonl`;
    await using started = await start({ "a-token": "alice" }, ["--audit", audit]);
    const { server, path } = started;
    await Deno.remove(path);
    const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
    assertEquals(success, true);
    for (const round of [1, 2]) {
      await Deno.rename(audit, `${audit}.${round}`);
      server.process.kill("SIGHUP");
      await until(() => Deno.stat(audit).catch(() => undefined), (found) => found !== undefined);
    }
    assertEquals(await isIn(server, "a-token"), true);
  },
});

Deno.test({
  name: "SIGHUP with --tokens: reloads under load lose no call, and what was written last counts",
  ignore,
  async fn() {
    await using started = await start({ "a-token": "alice" });
    const { server, path } = started;
    let isOver = false;
    const { result } = await (await callerOf(server, "a-token"))("session/create", {});
    const _meta = { "mcp/session": { id: result?.id } };
    const call = callRequest("count", {}, 1, _meta);
    const callers = Array.from({ length: 8 }, async () => {
      const statuses = new Map<number, number>();
      while (!isOver) {
        const status = await statusOf(server.url, call, bearer("a-token"));
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      return statuses;
    });
    for (let round = 0; round < 30; round++) {
      await Deno.writeTextFile(`${path}.next`, "");
      await writeTokens(`${path}.next`, { "a-token": "alice", [`token-${round}`]: "bob" });
      await Deno.rename(`${path}.next`, path);
      // Several at once: those before may not win over the last.
      for (let times = 0; times < 3; times++) server.process.kill("SIGHUP");
      await until(() => isIn(server, `token-${round}`), (is) => is);
    }
    isOver = true;
    for (const statuses of await Promise.all(callers)) {
      assertEquals([...statuses.keys()], [200]);
    }
    assertEquals(await isIn(server, "token-29"), true);
    assertEquals(await isIn(server, "token-28"), false);
  },
});

const canUseTerminal = Deno.build.os === "linux" &&
  await new Deno.Command("script", { args: ["--version"], stdout: "null" }).output().then(
    ({ success }) => success,
    () => false,
  );

Deno.test({
  name:
    "SIGHUP with --tokens: ends a server whose terminal has gone, and reloads while it is there" +
    (canUseTerminal ? "" : " (skipped: it takes Linux and script)"),
  ignore: !canUseTerminal,
  async fn() {
    await using tokens = await tokensFile({ "a-token": "alice" });
    const flags = `--transport streamable-http --port 0 --store memory: ${tokens.flags.join(" ")}`;
    const program = `exec '${Deno.execPath()}' run -A servers/session.ts ${flags} --log-level info`;
    const terminal = new Deno.Command("script", {
      args: ["-qec", `echo pid $$; ${program}`, "/dev/null"],
      cwd: new URL("../../..", import.meta.url),
      env: { ...CLEAN_ENV, SHELL: "/bin/sh", NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    let pid = 0;
    for await (const line of lines(terminal.stdout)) {
      pid = Number(/^pid (\d+)/.exec(line)?.[1] ?? pid);
      if (line.includes("listening on")) Deno.kill(pid, "SIGHUP");
      // As by closing the window.
      if (line.includes("SIGHUP: tokens reloaded")) terminal.kill("SIGKILL");
    }
    await terminal.stdin.close().catch(() => {});
    assertEquals((await terminal.status).signal, "SIGKILL");
    assert(pid > 0);
    await until(() => isThere(pid), (is) => !is);
  },
});

/** Whether a process of this number runs. */
async function isThere(pid: number): Promise<boolean> {
  const { success } = await new Deno.Command("kill", {
    args: ["-0", `${pid}`],
    stderr: "null",
  }).output();
  return success;
}

for (const transport of TRANSPORTS) {
  Deno.test({
    name: `SIGHUP over ${transport}: ends a server that has nothing to reload`,
    ignore,
    async fn() {
      const server = await startServer({ server: "session", transport });
      await server.create();
      assertEquals(await server.stop("SIGHUP"), 129);
    },
  });
}
