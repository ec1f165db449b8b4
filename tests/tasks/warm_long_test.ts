/** `deno task warm` on an empty cache, and hosts that then start the servers. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { INITIALIZE } from "../support/servers/server.ts";
import { tempFolder } from "../support/temp_folder.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAMS = [
  ["session", "experimental-mcp-sessions"],
  ["session_required", "session-required"],
  ["notebook", "notebook"],
  ["hashcheck", "hashcheck"],
] as const;
const NOWHERE = "http://127.0.0.1:9";
const OFFLINE = {
  HTTP_PROXY: NOWHERE,
  http_proxy: NOWHERE,
  HTTPS_PROXY: NOWHERE,
  https_proxy: NOWHERE,
  NO_PROXY: "",
  no_proxy: "",
};

interface Options {
  readonly args: string[];
  readonly env: Record<string, string>;
  readonly cwd?: string;
  readonly input?: string;
}

async function run({ args, env, cwd = ROOT, input = "" }: Options) {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** Paths of all files below a folder. */
async function filesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    found.push(...isDirectory ? await filesIn(path) : [path]);
  }
  return found.sort();
}

Deno.test("deno task warm: leaves a host nothing to download or compile", async () => {
  await using temporary = await tempFolder();
  const folder = temporary.path;
  const cache = join(folder, "cache");
  const warmed = await run({ args: ["task", "-q", "warm"], env: { DENO_DIR: cache } });
  assertEquals([warmed.code, warmed.stderr], [0, ""], warmed.stderr);
  assertStringIncludes(warmed.stdout, cache);
  assertStringIncludes(warmed.stdout, "DENO_DIR");

  // The host's folder has a configuration that must not reach the server.
  const host = join(folder, "host");
  await Deno.mkdir(host);
  await Deno.writeTextFile(join(host, "deno.json"), '{ "imports": { "zod": "./none.ts" } }');
  await Deno.writeTextFile(join(host, "package.json"), '{ "dependencies": { "zod": "^3" } }');

  const kept = async () => [
    ...await filesIn(join(cache, "gen")),
    ...await filesIn(join(cache, "npm")),
  ];
  const before = await kept();
  assert(before.length > 100);
  const start = (path: string, ...args: string[]) => [
    "run",
    "-A",
    "--cached-only",
    join(ROOT, path),
    ...args,
  ];
  const request = { jsonrpc: "2.0", id: 1, method: "initialize", params: INITIALIZE };
  const answers = async (args: string[], name: string) => {
    const { code, stdout, stderr } = await run({
      args,
      cwd: host,
      env: { ...OFFLINE, DENO_DIR: cache, XDG_STATE_HOME: folder, MCP_SESSIONS_STORE: "" },
      input: `${JSON.stringify(request)}\n`,
    });
    assertEquals([code, stderr], [0, ""], stderr);
    assertEquals(JSON.parse(stdout).result.serverInfo.name, name);
  };
  for (const [server, name] of PROGRAMS) {
    await answers(start(`servers/${server}.ts`, "--store", "memory:"), name);
    await answers(start(`servers/${server}.ts`, "--store", `file:${folder}/${server}`), name);
  }
  const behind = start("servers/notebook.ts", "--store", "memory:");
  await answers(start("client/bridge.ts", "--", Deno.execPath(), ...behind), "notebook");
  assertEquals(await kept(), before);
});

Deno.test("deno task warm: fails without a network, and says in one line what to do", async () => {
  await using temporary = await tempFolder();
  const folder = temporary.path;
  const env = { ...OFFLINE, DENO_DIR: join(folder, "cache") };
  const { code, stderr } = await run({ args: ["run", "-A", "tasks/warm.ts"], env });
  assertEquals(code, 1);
  assertMatch(stderr, /^Cannot fill Deno's cache: [^\n]+ Run this again where [^\n]+\n$/);
  // Deno itself reports missing packages before it runs the task.
  const task = await run({ args: ["task", "-q", "warm"], env });
  assertEquals(task.code, 1);
  assertMatch(task.stderr, /^error: .*npm package/);
});
