import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { HOST_SESSION_VARIABLES } from "../../../protocol/host_conversations.ts";
import { HttpServer, SERVERS, startServer } from "../../support/servers/server.ts";
import { CLEAN_ENV } from "../../support/environment.ts";
import { tempFolder } from "../../support/temp_folder.ts";

async function run(server: string, args: string[], env: Record<string, string> = {}) {
  const script = new URL(`../../../servers/${server}.ts`, import.meta.url);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script.href, ...args],
    env: { ...CLEAN_ENV, NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

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

Deno.test("a wrong store: is one clear line on stderr, and exit status 2", async () => {
  for (const store of ["nonsense", "redis://x", "memory:x"]) {
    const { code, stdout, stderr } = await run("notebook", ["--store", store]);
    assertEquals([code, stdout], [2, ""], stderr);
    assertMatch(stderr, /^notebook: --store: [^\n]+ \(see --help\)\n$/);
    assertStringIncludes(stderr, store);
  }
});

Deno.test("a wrong MCP_SESSIONS_STORE: named in one line on stderr", async () => {
  const { code, stderr } = await run("notebook", [], { MCP_SESSIONS_STORE: "nonsense" });
  assertEquals(code, 2);
  assertMatch(stderr, /^notebook: MCP_SESSIONS_STORE: [^\n]+\n$/);
});

Deno.test("a store that cannot be opened: one line on stderr, and exit status 1", async () => {
  for (const store of ["file:/dev/null/sessions.jsonl", "kv:/dev/null/kv", "kv:https://x"]) {
    const { code, stdout, stderr } = await run("notebook", ["--store", store]);
    assertEquals([code, stdout], [1, ""], store);
    assertMatch(stderr, /^notebook: [^\n]+\n$/, store);
  }
});

Deno.test("a port in use: one line on stderr, and exit status 1", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const args = ["--transport", "streamable-http", "--port", `${port}`, "--store", "memory:"];
  const { code, stderr } = await run("notebook", args);
  assertEquals(code, 1);
  assertMatch(stderr, new RegExp(`^notebook: Cannot listen on 127.0.0.1:${port} [^\n]+\n$`));
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
