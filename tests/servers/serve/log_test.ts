/** Text of callers in a server's log, where it must not act on a terminal. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  HttpServer,
  opened,
  post,
  type Server,
  startServer,
  StdioServer,
} from "../../support/servers/server.ts";
import { CLEAN_ENV } from "../../support/environment.ts";
import { lines } from "../../support/lines.ts";
import { RawConnection } from "../../support/servers/raw_http.ts";
import { request } from "../../support/servers/wire.ts";

/** Characters that reverse, hide, move or break the text after them, and a lone surrogate. */
const ODD =
  "\u202e\u200e\u061c\u2066\u200b\ufeff\u00ad\u{e0041}\u2028\u2029\u0085\u001b[2J\u0007\r\n\t\ud800";
const ID = `sess-${"0123456789abcdef".repeat(2)}`;
const CONNECTIONS: [name: string, transport: "stdio" | "http", flags: string[]][] = [
  ["stdio", "stdio", []],
  ["HTTP", "http", []],
  ["HTTP --stateful", "http", ["--stateful"]],
];

for (const [name, transport, flags] of CONNECTIONS) {
  Deno.test(`the log of a server over ${name}: one printable line for each message`, async () => {
    const all = [...flags, "--log-level", "debug"];
    await using server: Server = await startServer({ server: "notebook", transport, flags: all });
    const headers = server instanceof HttpServer ? await opened(server.url) : {};
    const text = `${ODD}${ID}${"x".repeat(5000)}`;
    const messages = [
      { id: text, result: {} },
      { id: `${text}2`, error: { code: 1, message: text } },
      { method: "notifications/progress", params: { progressToken: text, progress: 1 } },
      { id: text, method: text, params: { [text]: text } },
      { id: 1, method: "tools/call", params: { name: text, arguments: { [text]: text } } },
      { id: text, method: "session/create", params: { hints: { data: { [text]: 7 } } } },
      { id: text, method: "ping", params: text },
      { id: 2, method: "ping" },
    ].map((message) => JSON.stringify({ jsonrpc: "2.0", ...message }));
    if (server instanceof HttpServer) {
      for (const message of messages) {
        await (await post(server.url, message, headers)).body?.cancel();
        await (await post(server.url, message, { ...headers, "mcp-protocol-version": ID })).text();
      }
      for (const host of ["\u202e", `${ID}.example`, "\u001b[2J", `x${"y".repeat(5000)}`]) {
        using connection = await RawConnection.open(server.url);
        await connection.post("{}", { host });
        await connection.read();
        const origin = `http://${host.replace(/[^a-z\d.-]/g, "")}`;
        await (await post(server.url, "{}", { origin })).body?.cancel();
      }
    } else if (server instanceof StdioServer) {
      for (const message of messages) {
        const { id, method } = JSON.parse(message);
        if (id === undefined || method === undefined) await server.write(`${message}\n`);
        else await server.send(message, id);
      }
    }
    await server.stop();
    assert(server.stderr.length > (transport === "http" ? 6 : 3), server.stderr.join("\n"));
    for (const line of server.stderr) {
      assertMatch(line, /^notebook(: | listening on )/);
      assertEquals(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.exec(line), null, JSON.stringify(line));
      assert(line.length < 400, `${line.length} characters`);
      assertEquals(line.includes(ID), false);
    }
  });
}

Deno.test("the log of a server on stdio: that nobody reads it any more costs no call", async () => {
  const flags = ["--store", "memory:", "--log-level", "info", "--audit", "-"];
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "servers/notebook.ts", ...flags],
    cwd: new URL("../../..", import.meta.url),
    env: CLEAN_ENV,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await process.stderr.cancel();
  const writer = process.stdin.getWriter();
  const answered: unknown[] = [];
  const ids = Array.from({ length: 20 }, (_, id) => id);
  const sent = ids.map((id) => `${request("session/create", {}, id)}\n`).join("");
  await writer.write(new TextEncoder().encode(sent));
  for await (const line of lines(process.stdout)) {
    answered.push(JSON.parse(line).id);
    if (answered.length === ids.length) await writer.close();
  }
  assertEquals([answered.length, (await process.status).code], [ids.length, 0]);
});
