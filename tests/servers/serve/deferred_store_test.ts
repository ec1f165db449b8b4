/** The deferred store: `initialize` does not wait for it. */

import { assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { tempFolder } from "../../support/temp_folder.ts";
import { lines } from "../../support/lines.ts";
import { startServer } from "../../support/servers/server.ts";

const HOLDER = new URL("../../fixtures/store/holder.ts", import.meta.url).href;

const start = (path: string) =>
  startServer({ server: "notebook", transport: "stdio", store: `file:${path}` });

/** Lets another process hold the lock of a store's file until `release()`. */
async function held(path: string) {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", HOLDER, `${path}.lock`],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const said = lines(process.stdout);
  assertEquals((await said.next()).value, "held");
  return {
    async release() {
      process.kill("SIGCONT");
      assertEquals((await said.next()).value, "released");
    },
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // The process has ended already.
      }
      await process.status;
      await said.return(undefined);
    },
  };
}

Deno.test("DeferredStore: initialize does not wait for it, and every call gets its result", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "sessions.jsonl");
  await using holder = await held(path);
  await using server = await start(path);
  await server.initialize();
  const { tools } = await server.result("tools/list", { _meta: { "mcp/session": null } });
  assertEquals(tools.length, 4);
  const created = server.create();
  const refused = server.tool("notebook_read");
  await server.result("ping");
  await holder.release();
  const cookie = await created;
  assertEquals((await refused).error?.code, -32002);
  const { structuredContent } = await server.toolResult(
    "notebook_append",
    { text: "milk" },
    cookie,
  );
  assertEquals(structuredContent.note_number, 1);
});

Deno.test("DeferredStore: a server stops before its store is open", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "sessions.jsonl");
  await using holder = await held(path);
  await using server = await start(path);
  await server.initialize();
  assertEquals(await server.stop("SIGTERM"), 0);
  await holder.release();
});

for (const isSpokenTo of [true, false]) {
  const when = isSpokenTo ? "after a message" : "before any message";
  Deno.test(`DeferredStore: a damaged file ends the server with one line ${when}`, async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, "sessions.jsonl");
    await Deno.writeTextFile(path, "not a store\nat all\n");
    await using server = await start(path);
    if (isSpokenTo) await server.notify("notifications/initialized");
    assertEquals(await server.ended(), 1);
    assertEquals(server.stderr.length, 1);
    assertMatch(server.stderr[0] ?? "", /^notebook: /);
  });
}
