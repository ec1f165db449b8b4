import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { HOST_SESSION_VARIABLES } from "../../../protocol/host_conversations.ts";
import { HttpServer, SERVERS, startServer } from "../../support/servers/server.ts";
import { runProgram } from "../../support/run_program.ts";
import { writeTokens } from "../../support/servers/tokens.ts";
import { namesIn } from "../../support/store/stores.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const run = (server: string, args: string[], env = {}) =>
  runProgram([new URL(`../../../servers/${server}.ts`, import.meta.url).href, ...args], env);

for (const server of SERVERS) {
  Deno.test(`${server} --help: lists the flags on stdout`, async () => {
    const { code, stdout, stderr } = await run(server, ["--help"]);
    assertEquals([code, stderr], [0, ""]);
    const flags = "transport host port path stateful tokens allow-anonymous allowed-host " +
      "allowed-origin store ttl bind conversation-key session handles log-level help version";
    for (const flag of flags.split(" ")) assertStringIncludes(stdout, `--${flag}`);
    for (const variable of HOST_SESSION_VARIABLES) assertStringIncludes(stdout, `$${variable}`);
    assertStringIncludes(stdout, `servers/${server}.ts`);
  });
}

Deno.test("--version: prints the version and nothing else", async () => {
  const { code, stdout } = await run("notebook", ["--version"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^\d+\.\d+\.\d+\n$/);
});

Deno.test("a server that cannot start: one line on stderr, status 2 for a wrong flag, else 1", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const http = ["--transport", "streamable-http", "--store", "memory:", "--port"];
  const cases: [code: number, message: RegExp, args: string[], env?: Record<string, string>][] = [
    [2, /^--store: .*nonsense.* \(see --help\)$/, ["--store", "nonsense"]],
    [2, /^--store: .*mysql:\/\/x.* \(see --help\)$/, ["--store", "mysql://x"]],
    [2, /^--store: .*memory:x.* \(see --help\)$/, ["--store", "memory:x"]],
    [2, /^--store: .*kv:.* \(see --help\)$/, ["--store", "kv:"]],
    [2, /^MCP_SESSIONS_STORE: /, [], { MCP_SESSIONS_STORE: "nonsense" }],
    [1, /./, ["--store", "file:/dev/null/sessions.jsonl"]],
    [1, /./, ["--store", "kv:/dev/null/kv"]],
    [1, /./, ["--store", "kv:https://x"]],
    [
      1,
      new RegExp(`^Cannot listen on 127.0.0.1:${taken.addr.port} `),
      [...http, `${taken.addr.port}`],
    ],
    [1, /^Cannot read the tokens in /, [...http, "0", "--tokens", "/no/such/file"]],
  ];
  for (const [status, message, args, env] of cases) {
    const { code, stdout, stderr } = await run("notebook", args, env);
    assertEquals([code, stdout], [status, ""], stderr);
    const [, line = ""] = /^notebook: ([^\n]+)\n$/.exec(stderr) ?? [];
    assertMatch(line, message, stderr);
  }
});

Deno.test("--audit: the file of the store or of the tokens is refused, and nothing is written", async () => {
  await using folder = await tempFolder();
  const path = (name: string) => `${folder.path}/${name}`;
  await writeTokens(path("tokens"), { "a-token": "alice" });
  await Deno.symlink("tokens", path("alias"));
  const before = await Deno.readTextFile(path("tokens"));
  const http = ["--transport", "streamable-http", "--port", "0", "--tokens", path("tokens")];
  const cases: [audit: string, store: string, whose: string][] = [
    ["new", `file:${path("new")}`, "the store's"],
    ["new", `sqlite:${path("new")}`, "the store's"],
    ["tokens", "memory:", "that of --tokens"],
    ["alias", "memory:", "that of --tokens"],
  ];
  for (const [audit, store, whose] of cases) {
    const args = [...http, "--store", store, "--audit", path(audit)];
    const { code, stderr } = await run("notebook", args);
    const message = `--audit needs a file of its own: ${path(audit)} is ${whose} (see --help)`;
    assertEquals([code, stderr], [2, `notebook: ${message}\n`]);
  }
  assertEquals(namesIn(folder.path).sort(), ["alias", "tokens"]);
  assertEquals(await Deno.readTextFile(path("tokens")), before);
});

Deno.test("a server says where its sessions are kept, without the user and password of its store", async () => {
  const url = "redis://alice:s3cret@127.0.0.1:1";
  const { code, stderr } = await run("notebook", ["--log-level", "info", "--store", url]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "sessions are kept in redis://…@127.0.0.1:1\n");
  assert(!/alice|s3cret/.test(stderr), stderr);
});

Deno.test({
  name: "the default store: a file in the state directory that survives a restart",
  // On other systems, moving that folder would move Deno's own cache too.
  ignore: Deno.build.os !== "linux",
  fn: defaultStore,
});

async function defaultStore() {
  await using folder = await tempFolder();
  const options = { server: "hashcheck", store: "", env: { XDG_STATE_HOME: folder.path } } as const;
  const first = await startServer({ ...options, transport: "stdio" });
  const cookie = await first.create();
  await first.toolResult("hashcheck_store", { key: "k", text: "hello" }, cookie);
  await first.stop("SIGKILL");
  await using second = await startServer({ ...options, transport: "http" });
  const { structuredContent } = await second.toolResult(
    "hashcheck_verify",
    { key: "k", text: "hello" },
    cookie,
  );
  assertEquals(structuredContent.match, true);
  const file = await Deno.stat(`${folder.path}/mcp-sessions/hashcheck.jsonl`);
  assertEquals((file.mode ?? 0) & 0o777, 0o600);
}

Deno.test("MCP_SESSIONS_STORE: names the store without --store", async () => {
  await using folder = await tempFolder();
  await using server = await startServer({
    server: "hashcheck",
    transport: "stdio",
    store: "",
    env: { MCP_SESSIONS_STORE: `file:${folder.path}/named.jsonl` },
  });
  await server.create();
  assertEquals((await Deno.stat(`${folder.path}/named.jsonl`)).isFile, true);
});

Deno.test("two servers on one store: neither sees the other's sessions", async () => {
  await using folder = await tempFolder();
  const store = `file:${folder.path}/shared.jsonl`;
  await using notebook = await startServer({ server: "notebook", transport: "stdio", store });
  await using hashcheck = await startServer({ server: "hashcheck", transport: "stdio", store });
  const cookie = await notebook.create();
  assertEquals((await hashcheck.tool("hashcheck_list", {}, cookie)).error?.code, -32002);
  assertEquals((await hashcheck.result("session/list")).sessions, []);
  assertEquals((await hashcheck.result("session/delete", { id: cookie.id })).deleted, false);
  assertEquals((await notebook.result("session/list")).sessions, [cookie]);
});

Deno.test("--host, --port and --path: set the server's address", async () => {
  for (const [host, shown] of [["localhost", "localhost"], ["::1", "[::1]"]] as const) {
    await using server = await startServer({
      server: "notebook",
      transport: "http",
      flags: ["--host", host, "--path", "/other"],
    });
    assertEquals(server instanceof HttpServer && new URL(server.url).hostname, shown);
    assertMatch(server.url, /\/other$/);
    await server.initialize();
  }
});
