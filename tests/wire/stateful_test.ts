/** What `--stateful` does where the SDK's transport alone would leave a client waiting. */

import { assertEquals } from "@std/assert";
import { INITIALIZE, messagesOf, post, startServer } from "../support/server.ts";

const FIXTURE = new URL("../fixtures/policies.ts", import.meta.url);

/** A server, and what sends messages within one transport session of it. */
async function open() {
  const flags = ["--stateful"];
  const server = await startServer({ server: FIXTURE, transport: "http", flags });
  const headers: Record<string, string> = {};
  const send = (message: object) =>
    post(server.url, JSON.stringify({ jsonrpc: "2.0", ...message }), headers);
  const response = await send({ id: 0, method: "initialize", params: INITIALIZE });
  await response.text();
  headers["mcp-session-id"] = response.headers.get("mcp-session-id") ?? "";
  const call = (id: number, name: string, args = {}) =>
    send({ id, method: "tools/call", params: { name, arguments: args } });
  return { server, send, call };
}

Deno.test("--stateful: an id that is used again is refused, and the first request answered", async () => {
  const { server, call } = await open();
  await using _ = server;
  const first = await call(7, "wait", { text: "500" });
  await (await call(8, "held")).text();
  const second = await call(7, "wait", { text: "0" });
  assertEquals(second.status, 400);
  assertEquals((await messagesOf(second)).map(({ error }) => error?.code), [-32600]);
  const [answer] = await messagesOf(first);
  assertEquals([answer?.id, answer?.result?.structuredContent.outcome], [7, "waited"]);
  // Once it is answered, its id is free.
  assertEquals((await messagesOf(await call(7, "wait", { text: "0" })))[0]?.id, 7);
});

Deno.test("--stateful: the stream of a call that is cancelled ends", async () => {
  const { server, send, call } = await open();
  await using _ = server;
  const cancelled = await call(7, "wait", { text: "3600000" });
  await (await call(8, "held")).text();
  const params = { requestId: 7 };
  const told = await send({ method: "notifications/cancelled", params });
  assertEquals([told.status, await told.text()], [202, ""]);
  assertEquals(await cancelled.text(), "");
  assertEquals(await server.stop(), 0);
});

Deno.test("--stateful: what opens no transport session is refused without one", async () => {
  const { server } = await open();
  await using _ = server;
  for (const method of ["POST", "GET", "DELETE"]) {
    const response = await fetch(server.url, {
      method,
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      ...(method === "POST" && { body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' }),
    });
    const [message] = await messagesOf(response);
    assertEquals([response.status, message?.error?.code], [400, -32000], method);
    assertEquals(response.headers.get("mcp-session-id"), null);
  }
});
