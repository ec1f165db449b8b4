import { assertEquals } from "@std/assert";
import { KvProcess, TOKEN } from "../../support/kv_connect/process.ts";
import { startServer } from "../../support/servers/server.ts";
import { tempFolder } from "../../support/store/stores.ts";

Deno.test("KvStore: servers of one remote share a session, also after one is killed", async () => {
  await using folder = await tempFolder();
  await using kv = await KvProcess.start(`${folder.path}/kv`);
  const start = () =>
    startServer({
      server: "notebook",
      transport: "http",
      store: `kv:${kv.url}`,
      env: { DENO_KV_ACCESS_TOKEN: TOKEN },
    });
  await using first = await start();
  await using second = await start();
  const { id } = await first.create();
  const append = async (server: typeof first, text: string) =>
    (await server.toolResult("notebook_append", { text }, { id })).structuredContent["note_number"];
  const notes = async (server: typeof first) => {
    const { notes } = (await server.toolResult("notebook_read", {}, { id })).structuredContent;
    return (notes as { text: string }[]).map(({ text }) => text);
  };
  assertEquals(await append(first, "milk"), 1);
  assertEquals(await append(second, "bread"), 2);
  assertEquals(await notes(first), ["milk", "bread"]);

  await first.stop("SIGKILL");
  assertEquals(await append(second, "salt"), 3);
  await using third = await start();
  assertEquals(await notes(third), ["milk", "bread", "salt"]);

  const numbers = await Promise.all(
    Array.from({ length: 16 }, (_, i) => append(i % 2 === 0 ? second : third, `note ${i}`)),
  );
  assertEquals(numbers.sort((a, b) => Number(a) - Number(b)), numbers.map((_, i) => i + 4));
  const { structuredContent } = await third.toolResult("notebook_status", {}, { id });
  assertEquals(structuredContent, { session_id: id, note_count: 19, tool_calls: 22 });

  assertEquals((await second.request("session/delete", { id })).result?.deleted, true);
  assertEquals((await third.tool("notebook_read", {}, { id })).error?.code, -32002);
});
