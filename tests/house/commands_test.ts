/** The commands in the pages, run as they stand there but for ports and places. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { lines } from "../support/lines.ts";
import { startServer } from "../support/servers/server.ts";
import { tempFolder } from "../support/store/stores.ts";
import { blockWith, ROOT } from "./pages.ts";
import { environment, initialized } from "./starting.ts";

/** What each line of a block says on stdout; one that fails, fails the test. */
async function run(block: string, folder: string): Promise<string[]> {
  const said: string[] = [];
  for (const line of block.trim().split("\n")) {
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", line],
      cwd: ROOT,
      env: environment(folder),
    }).output();
    assertEquals(code, 0, `${line}\n${new TextDecoder().decode(stderr)}`);
    said.push(new TextDecoder().decode(stdout));
  }
  return said;
}

Deno.test("docs/sessions_command.md: its runs go on in one session, over stdio", async () => {
  await using folder = await tempFolder();
  const block = blockWith("docs/sessions_command.md", "create --title");
  const [created, , read, list, jar] = await run(block, folder.path);
  const [id] = /sess-[0-9a-f]+/.exec(created!) ?? [];
  assert(id);
  assertStringIncludes(read!, "1. milk");
  assertStringIncludes(list!, id);
  assertStringIncludes(list!, "Shopping");
  assertStringIncludes(jar!, id);
});

Deno.test("docs/sessions_command.md: its runs go on in one session, over HTTP", async () => {
  await using folder = await tempFolder();
  await using server = await startServer({ server: "notebook", transport: "http" });
  const block = blockWith("docs/sessions_command.md", "sessions resume");
  const said = await run(block.replaceAll("http://127.0.0.1:8767/mcp", server.url), folder.path);
  const ids = said.slice(0, 4).map((text) => /sess-[0-9a-f]+/.exec(text)?.[0]);
  assert(ids[0] !== undefined);
  assertEquals(ids, Array(4).fill(ids[0]));
});

Deno.test("docs/store_command.md: its commands look after a file, and copy it", async () => {
  await using folder = await tempFolder();
  const file = `${folder.path}/sessions.jsonl`;
  await using server = await startServer({
    server: "notebook",
    transport: "stdio",
    store: `file:${file}`,
  });
  await server.create();
  const block = blockWith("docs/store_command.md", "store servers");
  const inPlace = block.replaceAll(/\b(?=sessions\.(?:jsonl|db))/g, `${folder.path}/`);
  const [servers, listed, , copied, json] = await run(inPlace, folder.path);
  assertMatch(servers!, /^notebook +1 /m);
  assertMatch(listed!, /^SESSION /);
  assertMatch(copied!, /^Copied 1 session\.$/m);
  assertEquals(JSON.parse(json!.slice(json!.indexOf("{"))).total, 1);
});

Deno.test("docs/stores.md: its commands look at a file and save what is good in it", async () => {
  await using folder = await tempFolder();
  const file = `${folder.path}/sessions.jsonl`;
  await using server = await startServer({
    server: "notebook",
    transport: "stdio",
    store: `file:${file}`,
  });
  await server.create();
  await server.endInput();
  const block = blockWith("docs/stores.md", "store verify");
  await run(block.replaceAll(/\b(?=(?:sessions|saved)\.jsonl)/g, `${folder.path}/`), folder.path);
  assert((await Deno.stat(`${folder.path}/saved.jsonl`)).isFile);
});

const STDIO = blockWith("docs/servers.md", "servers/session.ts\n").trim().split("\n");
const HTTP = blockWith("docs/servers.md", "streamable-http\n").trim().split("\n");

Deno.test("docs/servers.md: its lines start every server, over stdio and HTTP", async () => {
  await using folder = await tempFolder();
  const inOrder = ["experimental-mcp-sessions", "session-required", "notebook", "hashcheck"];
  const overStdio: string[] = [];
  for (const line of STDIO) {
    overStdio.push(await initialized(line.split(" "), { cwd: ROOT, folder: folder.path }));
  }
  assertEquals(overStdio, inOrder);
  for (const [n, line] of HTTP.entries()) {
    const [command = "", ...args] = line.replace(/ --port \d+/, "").split(" ");
    await using child = new Deno.Command(command, {
      args: [...args, "--port", "0"],
      cwd: ROOT,
      env: environment(folder.path),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const said = lines(child.stderr);
    assertMatch((await said.next()).value ?? "", new RegExp(`^${inOrder[n]} listening on http:`));
    child.kill("SIGKILL");
    await said.return(undefined);
  }
});
