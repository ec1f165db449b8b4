/** Acknowledged writes after every signal, and calls that never end. */

import { assertEquals, assertMatch } from "@std/assert";
import { tempFolder } from "../../support/temp_folder.ts";
import { POLICIES } from "../../support/servers/bound_calls.ts";
import { RawConnection } from "../../support/servers/raw_http.ts";
import { startServer, TRANSPORTS } from "../../support/servers/server.ts";

const SIGNALS = [
  ["SIGTERM", "file"],
  ["SIGINT", "file"],
  ["SIGKILL", "file"],
  ["SIGTERM", "kv"],
  ["SIGKILL", "kv"],
] as const;

for (const transport of TRANSPORTS) {
  for (const [signal, scheme] of SIGNALS) {
    Deno.test({
      name: `${signal} over ${transport}: acknowledged writes are in ${scheme} after a restart`,
      // Windows has no such signals.
      ignore: Deno.build.os === "windows",
      async fn() {
        await using folder = await tempFolder();
        const store = `${scheme}:${folder.path}/sessions`;
        const options = { server: "notebook", transport, store } as const;
        const first = await startServer(options);
        const cookie = await first.create();
        const texts = Array.from({ length: 20 }, (_, index) => `note ${index}`);
        for (const text of texts) await first.toolResult("notebook_append", { text }, cookie);
        const status = await first.stop(signal);
        assertEquals(status, signal === "SIGKILL" ? 137 : 0);

        await using second = await startServer(options);
        const { structuredContent } = await second.toolResult("notebook_read", {}, cookie);
        const notes = structuredContent.notes as { text: string }[];
        assertEquals(notes.map(({ text }) => text), texts);
      },
    });
  }
}

for (const transport of TRANSPORTS) {
  Deno.test({
    name:
      `SIGTERM over ${transport}: a call that never ends delays the server for seconds only, and has its line`,
    ignore: Deno.build.os === "windows",
    async fn() {
      const flags = ["--log-level", "info"];
      const server = await startServer({ server: POLICIES, transport, flags });
      const never = server.tool("wait", { text: "3600000" }).catch(() => "cut off");
      await server.toolResult("held");
      const late = setTimeout(() => server.process.kill("SIGKILL"), 30_000);
      assertEquals(await server.stop(), 0);
      clearTimeout(late);
      // Over stdio, nothing tells the client that the response will never come.
      if (transport === "http") assertEquals(await never, "cut off");
      assertMatch(server.stderr.join("\n"), / target=wait outcome=cancelled ms=/);
    },
  });
}

for (const flags of [[], ["--stateful"]]) {
  Deno.test({
    name: `SIGTERM over http ${flags}: a request whose body is still coming gets 503`,
    ignore: Deno.build.os === "windows",
    async fn() {
      const server = await startServer({ server: "notebook", transport: "http", flags });
      using connection = await RawConnection.open(server.url);
      const { host } = new URL(server.url);
      const head = `POST /mcp HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n` +
        "accept: application/json, text/event-stream\r\n";
      // After the response to a whole request, the server waits for the body of the next one.
      const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
      const whole = `${head}content-length: ${ping.length}\r\n\r\n${ping}`;
      await connection.write(`${whole}${head}content-length: 100\r\n\r\n{`);
      await connection.response();
      server.process.kill("SIGTERM");
      assertMatch(await connection.read(), /^HTTP\/1\.1 503 [^]*\nretry-after: [1-9]/i);
      assertEquals(await server.ended(), 0);
    },
  });
}
