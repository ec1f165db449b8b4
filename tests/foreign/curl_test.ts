/**
 * curl and openssl, as the pages show them: the lines are run as they stand there, but for ports and
 * places.
 */

import { assert, assertEquals } from "@std/assert";
import { blockWith, readPage, ROOT } from "../house/pages.ts";
import { environment } from "../house/starting.ts";
import { lines } from "../support/lines.ts";
import { post, startServer, type WireResult } from "../support/servers/server.ts";
import { tempFolder } from "../support/store/stores.ts";

async function sh(script: string): Promise<WireResult[]> {
  const { success, stdout, stderr } = await new Deno.Command("sh", { args: ["-c", script] })
    .output();
  assert(success, new TextDecoder().decode(stderr));
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return lines.map((line) => JSON.parse(line).result);
}

Deno.test("curl: goes on in a session by its handle, after a restart of the server too", async () => {
  const recipe = blockWith("docs/hosts.md", "call() { curl ").trim();
  const [, port] = /servers\/notebook\.ts .*--port (\d+)`/.exec(readPage("docs/hosts.md").text) ??
    [];
  assert(port);
  const folder = await Deno.makeTempDir();
  const start = (port: number) => {
    const store = `file:${folder}/sessions.jsonl`;
    return startServer({ server: "notebook", transport: "http", store, port });
  };
  try {
    await using first = await start(0);
    const own = Number(new URL(first.url).port);
    const lines = recipe.replace(`:${port}/`, `:${own}/`);
    const [appended, read] = await sh(lines);
    const { session_id } = appended?.structuredContent ?? {};
    assertEquals([read?.content[0]?.text, read?.structuredContent.count], ["1. milk", 1]);
    await first.stop("SIGKILL");

    await using _second = await start(own);
    const [, last = ""] = /\n(call notebook_read .*)$/.exec(lines) ?? [];
    const call = lines.slice(0, lines.indexOf("\nsession="));
    const [again] = await sh(`${call}\nsession=${session_id}\n${last}`);
    assertEquals(again?.structuredContent, read?.structuredContent);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("docs/deploy.md: its lines make a token, and a server that serves nobody without it", async () => {
  await using folder = await tempFolder();
  const block = blockWith("docs/deploy.md", "openssl").trim()
    .replaceAll("tokens.txt", `${folder.path}/tokens.txt`)
    .replace("\ndeno run", '\necho "$token"\nexec deno run');
  await using server = new Deno.Command("sh", {
    args: ["-c", `${block} --port 0`],
    cwd: ROOT,
    env: environment(folder.path),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [stdout, stderr] = [lines(server.stdout), lines(server.stderr)];
  const token = (await stdout.next()).value ?? "";
  const said = (await stderr.next()).value ?? "";
  const [url] = /http:\S+/.exec(said) ?? [];
  assert(url, said);
  const create = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "session/create" });
  const status = async (headers: Record<string, string>) => {
    const response = await post(url, create, headers);
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await status({ authorization: `Bearer ${token}` }), 200);
  assertEquals(await status({}), 401);
  server.kill("SIGKILL");
  await Promise.all([stdout.return(undefined), stderr.return(undefined)]);
});
