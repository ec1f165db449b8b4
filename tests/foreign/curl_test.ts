/**
 * curl, as docs/hosts.md shows it: the lines are run as they stand there, but for the port.
 */

import { assert, assertEquals } from "@std/assert";
import { startServer, type WireResult } from "../support/servers/server.ts";

const hosts = await Deno.readTextFile(new URL("../../docs/hosts.md", import.meta.url));

async function sh(script: string): Promise<WireResult[]> {
  const { success, stdout, stderr } = await new Deno.Command("sh", { args: ["-c", script] })
    .output();
  assert(success, new TextDecoder().decode(stderr));
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return lines.map((line) => JSON.parse(line).result);
}

Deno.test("curl: goes on in a session by its handle, after a restart of the server too", async () => {
  const recipe = /```sh\n(call\(\) \{ curl [\s\S]*?)```/.exec(hosts)?.[1]?.trim();
  const [, port] = /servers\/notebook\.ts .*--port (\d+)`/.exec(hosts) ?? [];
  assert(recipe && port);
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
