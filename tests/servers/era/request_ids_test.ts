/** Ids of modern requests: of cancelled ones, and of one that is in flight already. */

import { assertEquals } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { EraLayer } from "../../../servers/base/era/era_layer.ts";
import { McpServer, sessionLayer } from "../../../servers/base/mod.ts";
import { member } from "../../../runtime/json.ts";
import { MemoryStore } from "../../../store/mod.ts";
import type { JSONRPCMessage, RequestId } from "../../../servers/base/sdk.ts";
import { INITIALIZE } from "../../support/servers/server.ts";
import { until } from "../../support/until.ts";
import { envelope } from "../../support/servers/modern_wire.ts";

/** A client of an era layer, and the messages on either side of it; `answer` answers in the server's place. */
async function connect() {
  const [client, wire] = InMemoryTransport.createLinkedPair();
  const roundTrips = { store: new MemoryStore(), keys: [], now: Date.now };
  const layer = new EraLayer(wire, "both", roundTrips);
  const received: RequestId[] = [];
  const sent: JSONRPCMessage[] = [];
  const answer = (id: RequestId, result: Record<string, unknown>) =>
    layer.send({ jsonrpc: "2.0", id, result });
  layer.onmessage = (message) => {
    if (!("id" in message) || !("method" in message)) return;
    const { id, method } = message;
    if (method === "initialize") queueMicrotask(() => answer(id, {}));
    else received.push(id);
  };
  client.onmessage = (message) => sent.push(message);
  await layer.start();
  await client.start();
  const call = async (id: number, isModern = true) => {
    const params = { name: "tool", ...(isModern && { _meta: envelope() }) };
    const count = received.length;
    await client.send({ jsonrpc: "2.0", id, method: "tools/call", params });
    await until(() => received.length, (length) => length > count);
  };
  const cancel = (requestId: number) =>
    client.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } });
  return { call, cancel, answer, received, sent };
}

Deno.test("EraLayer: a modern request that was cancelled gets no answer, and its id is free for either era", async () => {
  const { call, cancel, answer, received, sent } = await connect();
  const result = { content: [], _meta: { "mcp/session": { id: "x" } } };
  for (const id of [1, 2, 3]) {
    await call(id);
    await cancel(id);
  }
  await answer(1, result);
  assertEquals(sent, []);
  await call(2, false);
  await answer(2, result);
  assertEquals<unknown>(sent.pop(), { jsonrpc: "2.0", id: 2, result });
  await call(3);
  await answer(3, { content: [] });
  assertEquals<unknown>(sent.pop(), {
    jsonrpc: "2.0",
    id: 3,
    result: { content: [], resultType: "complete", _meta: {} },
  });
  assertEquals(received, [1, 2, 3, 2, 3]);
});

Deno.test("EraLayer: a modern request with the id of an initialize in flight is refused, and takes no answer", async () => {
  const [client, transport] = InMemoryTransport.createLinkedPair();
  const server = new McpServer({ name: "ids", version: "1.0.0" });
  await server.connect(sessionLayer(transport, { store: new MemoryStore() }));
  const answers: unknown[] = [];
  client.onmessage = (message) => void answers.push(message);
  await client.start();
  await Promise.all([
    client.send({ jsonrpc: "2.0", id: 1, method: "initialize", params: INITIALIZE }),
    client.send({
      jsonrpc: "2.0",
      id: 1,
      method: "server/discover",
      params: { _meta: envelope() },
    }),
  ]);
  await until(() => answers.length, (length) => length === 2);
  assertEquals(answers.map((answer) => member(member(answer, "error"), "code")), [
    -32600,
    undefined,
  ]);
  assertEquals(member(member(answers[1], "result"), "resultType"), undefined);
  await server.close();
});
