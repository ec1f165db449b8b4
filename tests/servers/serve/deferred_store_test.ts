/** A host waits for `initialize`, and must not wait for the store. */

import { assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { lines } from "../../support/lines.ts";
import { startServer } from "../../support/servers/server.ts";

/** Has another process take the lock of a store's file until it is told to go on. */
async function held(path: string) {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      new URL("../../fixtures/store/holder.ts", import.meta.url).href,
      `${path}.lock`,
    ],
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
        // It has ended by itself.
      }
      await process.status;
      await said.return(undefined);
    },
  };
}

async function inFolder(work: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(join(folder, "sessions.jsonl"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a store that is not open yet: keeps no host waiting for initialize, and every call has its answer", async () => {
  await inFolder(async (path) => {
    await using holder = await held(path);
    await using server = await startServer({
      server: "notebook",
      transport: "stdio",
      store: `file:${path}`,
    });
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
});

Deno.test("a store that is not open yet: keeps no server from stopping", async () => {
  await inFolder(async (path) => {
    await using holder = await held(path);
    await using server = await startServer({
      server: "notebook",
      transport: "stdio",
      store: `file:${path}`,
    });
    await server.initialize();
    assertEquals(await server.stop("SIGTERM"), 0);
    await holder.release();
  });
});

for (const isSpokenTo of [true, false]) {
  const who = isSpokenTo ? "a client speaks" : "no client says anything";
  Deno.test(`a damaged store: ends the server with one clear line where ${who}`, async () => {
    await inFolder(async (path) => {
      await Deno.writeTextFile(path, "not a store\nat all\n");
      await using server = await startServer({
        server: "notebook",
        transport: "stdio",
        store: `file:${path}`,
      });
      if (isSpokenTo) await server.notify("notifications/initialized");
      assertEquals(await server.ended(), 1);
      assertEquals(server.stderr.length, 1);
      assertMatch(server.stderr[0] ?? "", /^notebook: /);
    });
  });
}

Deno.test("a wrong --store: ends the server before a client has said anything", async () => {
  for (const store of ["nonsense", "memory:x", "kv:", "redis://x"]) {
    await using server = await startServer({ server: "notebook", transport: "stdio", store });
    assertEquals(await server.ended(), 2);
    assertMatch(server.stderr.join("\n"), /^notebook: --store: .+$/);
  }
});
