/** The stdio transport: framing, and flow control of clients that do not read. */

import { assert, assertEquals } from "@std/assert";
import { sessionLayer } from "../../servers/base/mod.ts";
import { StdioTransport } from "../../servers/base/stdio_transport.ts";
import { MemoryStore } from "../../store/mod.ts";
import { create } from "../fixtures/changing.ts";
import { lines } from "../support/lines.ts";
import { POLICIES } from "../support/servers/bound_calls.ts";
import { startLimitedRaw } from "../support/servers/limited.ts";
import { modernRequest } from "../support/servers/modern_wire.ts";
import { assertPeak, RawProcess } from "../support/servers/raw_process.ts";
import { startServer } from "../support/servers/server.ts";
import { callRequest, presenting, request } from "../support/servers/wire.ts";
import { tempFolder } from "../support/temp_folder.ts";

Deno.test("StdioTransport: reads a message in pieces, and many messages in one piece", async () => {
  await using server = await startServer({ server: "session_required", transport: "stdio" });
  const { id } = await server.create();
  const text = "naïve 🦕 text";
  const call = callRequest("echo", { text }, "pieces", { "mcp/session": { id } });
  const reply = server.expect("pieces");
  const bytes = new TextEncoder().encode(`\r\n \n${call}\r\n`);
  for (const byte of bytes) await server.writeBytes(Uint8Array.of(byte));
  assertEquals((await reply).result?.content[0]?.text, text);

  const ids = Array.from({ length: 200 }, (_, index) => `many ${index}`);
  const replies = ids.map((id) => server.expect(id));
  await server.write(ids.map((id) => `${request("ping", {}, id)}\n`).join(""));
  for (const { result } of await Promise.all(replies)) assertEquals<unknown>(result, {});
});

Deno.test("StdioTransport: reads a last line without a newline", async () => {
  const server = await startServer({ server: "session_required", transport: "stdio" });
  const reply = server.expect("last");
  await server.write('{"jsonrpc":"2.0","id":"last","method":"ping"}');
  assertEquals(await server.endInput(), 0);
  assertEquals<unknown>((await reply).result, {});
});

Deno.test("StdioTransport: refuses a line that is not UTF-8 with a parse error", async () => {
  await using server = await startServer({ server: "session_required", transport: "stdio" });
  const reply = server.expect(null);
  await server.writeBytes(Uint8Array.of(0x22, 0xff, 0xfe, 0x22, 0x0a));
  assertEquals((await reply).error?.code, -32700);
});

Deno.test("StdioTransport: refuses a second request with the id of a pending one", async () => {
  await using server = await startServer({ server: "notebook", transport: "stdio" });
  const cookie = await server.create();
  const append = (text: string) =>
    callRequest("notebook_append", { text }, "twice", { "mcp/session": cookie });
  const expected = [server.expect("twice"), server.expect("twice")];
  await server.write(`${append("first")}\n${append("second")}\n`);
  const replies = await Promise.all(expected);
  assertEquals(replies.map(({ error }) => error?.code).sort(), [-32600, undefined]);
  const { structuredContent } = await server.toolResult("notebook_status", {}, cookie);
  assertEquals(structuredContent.note_count, 1);
});

Deno.test("StdioTransport: notifications that are not read take bounded memory", async () => {
  await using server = await startLimitedRaw();
  const params = { name: "chatter", arguments: { count: 20_000 } };
  await server.send({ id: 1, method: "tools/call", params });
  let read = 0;
  while ((await server.next()).id !== 1) read++;
  assert(read < 20_000);
  await assertPeak(server);
});

Deno.test("StdioTransport: calls that wait for a later one do not block it", async () => {
  await using server = await startServer({ server: POLICIES, transport: "stdio" });
  const cookie = await server.create();
  const held = Array.from({ length: 40 }, () => server.tool("hold", { text: "x" }, cookie));
  await server.toolResult("held");
  await server.toolResult("release");
  assertEquals((await Promise.all(held)).length, 40);
});

Deno.test("StdioTransport: a client that closes its end stops the server, which keeps its requests' effects", async () => {
  await using folder = await tempFolder();
  const store = `file:${folder.path}/sessions.jsonl`;
  await using server = await startServer({ server: "notebook", transport: "stdio", store });
  const cookie = await server.create();
  const script = new URL("../../servers/notebook.ts", import.meta.url).href;
  {
    await using deaf = new RawProcess([script, "--store", store]);
    await deaf.stopReading();
    const params = { name: "notebook_append", arguments: { text: "kept" }, ...presenting(cookie) };
    await deaf.send({ id: 1, method: "tools/call", params });
    // Its input is still open.
    assertEquals((await deaf.process.status).code, 0);
    assertEquals(await deaf.stderr, "");
  }
  const { structuredContent } = await server.toolResult("notebook_status", {}, cookie);
  assertEquals(structuredContent.note_count, 1);
});

Deno.test("StdioTransport: stop() waits for the requests that are pending, not for subscriptions, whose result is sent", async () => {
  const input = new TransformStream<Uint8Array, Uint8Array>();
  const output = new TransformStream<Uint8Array, Uint8Array>();
  const transport = new StdioTransport({ readable: input.readable, writable: output.writable });
  const server = create();
  await server.connect(sessionLayer(transport, { store: new MemoryStore(), policy: "optional" }));
  const writer = input.writable.getWriter();
  const received = lines(output.readable);
  const next = async () => JSON.parse((await received.next()).value ?? "{}");
  const send = (text: string) => writer.write(new TextEncoder().encode(`${text}\n`));
  await send(
    modernRequest("subscriptions/listen", { notifications: { toolsListChanged: true } }, "sub"),
  );
  assertEquals((await next()).method, "notifications/subscriptions/acknowledged");
  const stopped = transport.stop();
  assertEquals((await next()).id, "sub");
  await stopped;
  await writer.close();
  await server.close();
  await received.return(undefined);
});
