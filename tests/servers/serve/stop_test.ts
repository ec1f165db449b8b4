/** Signals and the end of input. */

import { assertEquals, assertMatch } from "@std/assert";
import { tempFolder } from "../../support/temp_folder.ts";
import { INITIALIZE, post, startServer } from "../../support/servers/server.ts";

Deno.test("end of stdin: pending requests get their response and are stored, and the exit status is 0", async () => {
  await using folder = await tempFolder();
  const store = `file:${folder.path}/sessions.jsonl`;
  await using first = await startServer({ server: "notebook", transport: "stdio", store });
  const cookie = await first.create();
  const replies = Array.from(
    { length: 50 },
    (_, index) => first.toolResult("notebook_append", { text: `${index}` }, cookie),
  );
  assertEquals(await first.endInput(), 0);
  assertEquals((await Promise.all(replies)).length, 50);

  await using second = await startServer({ server: "notebook", transport: "http", store });
  const { structuredContent } = await second.toolResult("notebook_status", {}, cookie);
  assertEquals(structuredContent.note_count, 50);
});

for (const flags of [[], ["--stateful"]]) {
  Deno.test({
    name: `SIGTERM over http ${flags}: a pending call gets its response first`,
    ignore: Deno.build.os === "windows",
    async fn() {
      const fixture = new URL("../../fixtures/policies.ts", import.meta.url);
      const server = await startServer({ server: fixture, transport: "http", flags });
      const headers: Record<string, string> = {};
      let lastId = 0;
      const send = async (method: string, params: object) => {
        const response = await post(
          server.url,
          JSON.stringify({ jsonrpc: "2.0", id: ++lastId, method, params }),
          headers,
        );
        const id = response.headers.get("mcp-session-id");
        if (id !== null) headers["mcp-session-id"] = id;
        return await response.text();
      };
      await send("initialize", INITIALIZE);
      const call = send("tools/call", { name: "wait", arguments: { text: "300" } });
      await send("tools/call", { name: "held" });
      assertEquals(await server.stop(), 0);
      assertMatch(await call, /"waited"/);
    },
  });
}
