/** What servers are allowed: enough to serve, and no more than docs/deploy.md says. */

import { assert, assertEquals } from "@std/assert";
import { HOST_SESSION_VARIABLES } from "../../protocol/host_conversations.ts";
import { denoDir } from "../support/deno_dir.ts";
import { CLEAN_ENV, DECIDING_VARIABLES } from "../support/environment.ts";
import { lines } from "../support/lines.ts";
import { SERVERS, startServer, TRANSPORTS } from "../support/servers/server.ts";
import { blockWith } from "./pages.ts";

const config = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));

for (const transport of TRANSPORTS) {
  Deno.test(`deno run -P=${transport}: is enough for every server with the default store`, async () => {
    for (const name of SERVERS) {
      const folder = await Deno.makeTempDir();
      try {
        await using server = await startServer({
          server: name,
          transport,
          store: "",
          env: { XDG_STATE_HOME: folder },
          permissions: ["--no-prompt", `-P=${transport}`],
        });
        await server.create();
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }
  });
}

Deno.test("deno.json: no set of permissions lets a server run programs, and stdio has no network", () => {
  const { stdio, http, ...others } = config.permissions;
  assertEquals(others, {});
  assertEquals(Object.keys(stdio).sort(), ["env", "read", "write"]);
  assertEquals(Object.keys(http).sort(), ["env", "net", "read", "write"]);
  assert(Array.isArray(stdio.env));
  assertEquals([...HOST_SESSION_VARIABLES, ...http.env], stdio.env);
});

Deno.test("deno.json: no task that runs tests lets the environment of whoever runs it decide", () => {
  const unset = `unset ${DECIDING_VARIABLES.join(" ")} && `;
  for (const [name, { command }] of Object.entries<{ command: string }>(config.tasks)) {
    if (!/\bdeno test\b|\btest_jsr\.ts\b/.test(command)) continue;
    assert(command.startsWith(unset), `The task ${name} must begin with ${unset}`);
  }
});

for (const home of ["", " behind a symbolic link"]) {
  Deno.test({
    name:
      `docs/deploy.md: its lines with the least permissions start a server in a home folder${home}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const block = blockWith("docs/deploy.md", "state=$state");
      // Deno's cache is in the home folder too, and must not be an empty one.
      const DENO_DIR = await denoDir();
      const all = block.replaceAll("\\\n", " ").trim().split("\n");
      const commands = all.filter((line) => line.startsWith("deno "));
      const setup = all.slice(0, -commands.length).join("\n");
      assertEquals(commands.length, 2);
      for (const command of commands) {
        const folder = await Deno.makeTempDir();
        try {
          await Deno.mkdir(`${folder}/home`);
          await Deno.symlink(`${folder}/home`, `${folder}/link`);
          // A port of this test's own, in place of the one that is everybody's.
          const own = command.replace(":8765", ":0") +
            (command.includes(":8765") ? " --port 0" : "");
          await using server = new Deno.Command("sh", {
            args: ["-c", `${setup}\nexec ${own.replace(/^deno\b/, Deno.execPath())}`],
            cwd: new URL("../..", import.meta.url),
            env: {
              ...CLEAN_ENV,
              HOME: `${folder}/${home === "" ? "home" : "link"}`,
              DENO_DIR,
              XDG_STATE_HOME: "",
              NO_COLOR: "1",
            },
            stdin: "piped",
            stdout: "piped",
            stderr: "piped",
          }).spawn();
          const create = { jsonrpc: "2.0", id: 1, method: "session/create" };
          const writer = server.stdin.getWriter();
          await writer.write(new TextEncoder().encode(JSON.stringify(create) + "\n"));
          const isHttp = command.includes("streamable-http");
          const { value } = await lines(isHttp ? server.stderr : server.stdout).next();
          if (isHttp) assert(value?.startsWith("notebook listening on"), value);
          else assert(value?.includes('"id":"sess-'), value);
          const state = `${folder}/home/.local/state`;
          assert((await Deno.stat(`${state}/mcp-sessions/notebook.jsonl`)).isFile);
          for (const made of [state, `${state}/mcp-sessions`]) {
            assertEquals(((await Deno.stat(made)).mode ?? 0) & 0o777, 0o700);
          }
          await writer.close();
          await (isHttp ? server.stdout : server.stderr).cancel();
        } finally {
          await Deno.remove(folder, { recursive: true });
        }
      }
    },
  });
}

const canUseTerminal = Deno.build.os === "linux" &&
  await new Deno.Command("script", { args: ["--version"], stdout: "null" }).output().then(
    ({ success }) => success,
    () => false,
  );

/** What a command says on a terminal, on which a session is asked for, and then the end is typed. */
async function saidOnTerminal(
  command: string,
  state: string,
): Promise<{ text: string; code: number }> {
  await using server = new Deno.Command("script", {
    args: ["-qec", `exec ${command.replace(/^deno\b/, Deno.execPath())}`, "/dev/null"],
    cwd: new URL("../..", import.meta.url),
    env: { ...CLEAN_ENV, SHELL: "/bin/sh", TERM: "xterm-256color", XDG_STATE_HOME: state },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = server.stdin.getWriter();
  const say = (text: string) => writer.write(new TextEncoder().encode(text));
  await say('{"jsonrpc":"2.0","id":1,"method":"session/create"}\n');
  const seen: string[] = [];
  for await (const line of lines(server.stdout)) {
    seen.push(line);
    // Ctrl-D.
    if (/"result"|"error"/.test(line)) await say("\x04");
  }
  await writer.close().catch(() => {});
  return { text: seen.join("\n"), code: (await server.status).code };
}

const bridge = "deno run --no-prompt --allow-env=HOME,XDG_STATE_HOME --allow-read --allow-write " +
  "--allow-net client/bridge.ts --url http://127.0.0.1:1/mcp --log-level info";

for (
  const [name, command, expected, code] of [
    ...SERVERS.map((name) => {
      // `session` would be one letter from the task `sessions`.
      const task = name === "session" ? "session_probe" : name;
      const command = `${config.tasks[task].command} --store memory: --log-level info`;
      return [name, command, /speaks MCP over .*"id":"sess-.*info: stopped/s, 0] as const;
    }),
    // There is no server behind it.
    ["bridge", bridge, /an MCP host starts this .*"reason":"not_sent"/s, 1] as const,
  ]
) {
  Deno.test({
    name: `${name}: serves on a terminal too with the least permissions${
      canUseTerminal ? "" : " (skipped: it takes Linux and script)"
    }`,
    ignore: !canUseTerminal,
    async fn() {
      const state = await Deno.makeTempDir();
      try {
        const said = await saidOnTerminal(command, state);
        assert(expected.test(said.text), said.text);
        assertEquals(said.code, code);
      } finally {
        await Deno.remove(state, { recursive: true });
      }
    },
  });
}
