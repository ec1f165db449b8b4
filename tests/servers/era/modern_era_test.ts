/** Messages that come while the era layer loads what serves modern clients: none overtakes another. */

import { assertEquals, assertStringIncludes } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { member } from "../../../runtime/json.ts";
import { EraLayer } from "../../../servers/base/era/era_layer.ts";
import type { EraTransport } from "../../../servers/base/era/era_transport.ts";
import type { RoundTripOptions } from "../../../servers/base/era/round_trips.ts";
import type { JSONRPCMessage, RequestId } from "../../../servers/base/sdk.ts";
import { MemoryStore } from "../../../store/mod.ts";
import { envelope } from "../../support/servers/modern_wire.ts";
import { INITIALIZE } from "../../support/servers/server.ts";
import { until } from "../../support/until.ts";

const ROUND_TRIPS: RoundTripOptions = { store: new MemoryStore(), keys: [], now: Date.now };

const BROKEN: RoundTripOptions = {
  get store(): never {
    throw new Error("nothing can be loaded");
  },
  keys: [],
  now: Date.now,
};

/** A client of an era layer that has loaded nothing yet, and what goes through the layer. */
async function connect(roundTrips = ROUND_TRIPS) {
  const [client, wire] = InMemoryTransport.createLinkedPair();
  const transport: EraTransport = Object.assign(wire, { servedEras: "both" as const });
  const layer = new EraLayer(transport, "both", roundTrips);
  const received: unknown[] = [];
  const sent: JSONRPCMessage[] = [];
  const errors: string[] = [];
  const answer = (id: RequestId, result: Record<string, unknown>) =>
    layer.send({ jsonrpc: "2.0", id, result });
  layer.onerror = ({ message }) => void errors.push(message);
  layer.onmessage = (message) => {
    if (!("method" in message)) return;
    const { method, params } = message;
    if (method === "initialize" && "id" in message) {
      const capabilities = { tools: { listChanged: true } };
      const serverInfo = { name: "loading", version: "1.0.0" };
      void answer(message.id, { protocolVersion: "2025-11-25", capabilities, serverInfo });
    } else if (method === "notifications/cancelled") received.push(`cancel ${params?.requestId}`);
    else if ("id" in message) received.push(message.id);
  };
  client.onmessage = (message) => void sent.push(message);
  await layer.start();
  await client.start();
  const request = (id: RequestId, method: string, params: Record<string, unknown> = {}) =>
    void client.send({ jsonrpc: "2.0", id, method, params });
  const legacy = (id: RequestId) => request(id, "tools/call", { name: "tool" });
  const modern = (id: RequestId, method = "tools/call", params: object = {}) =>
    request(id, method, { name: "tool", _meta: envelope(), ...params });
  const cancel = (requestId: RequestId) =>
    void client.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } });
  const initialize = () => request("initialize", "initialize", INITIALIZE);
  return {
    transport,
    layer,
    received,
    sent,
    errors,
    answer,
    legacy,
    modern,
    cancel,
    initialize,
  };
}

const codes = (messages: readonly JSONRPCMessage[]) =>
  messages.map((message) => [member(message, "id"), member(member(message, "error"), "code")]);

Deno.test("ModernEra: what comes while it loads is received in its order, by legacy clients too", async () => {
  const { received, legacy, modern, cancel, initialize } = await connect();
  initialize();
  legacy(1);
  modern(2);
  legacy(3);
  cancel(3);
  modern(4);
  legacy(5);
  assertEquals(received, [1]);
  await until(() => received.length, (length) => length >= 6);
  assertEquals(received, [1, 2, 3, "cancel 3", 4, 5]);
  legacy(6);
  modern(7);
  legacy(8);
  // From now on nothing waits.
  assertEquals(received.slice(6), [6, 7, 8]);
});

Deno.test("ModernEra: a request that is cancelled while it loads gets no answer, and its id is free", async () => {
  const { received, sent, answer, legacy, modern, cancel, initialize } = await connect();
  initialize();
  sent.splice(0);
  modern(1);
  cancel(1);
  legacy(1);
  await until(() => received.length, (length) => length >= 3);
  assertEquals(received, [1, "cancel 1", 1]);
  await answer(1, { content: [] });
  assertEquals<unknown>(sent, [{ jsonrpc: "2.0", id: 1, result: { content: [] } }]);
});

Deno.test("ModernEra: an id that is in flight while it loads is refused to the second, in either era", async () => {
  const { received, sent, legacy, modern, initialize } = await connect();
  initialize();
  sent.splice(0);
  modern(1);
  legacy(1);
  modern(1);
  await until(() => sent.length, (length) => length >= 2);
  assertEquals(codes(sent), [[1, -32600], [1, -32600]]);
  assertEquals(received, [1]);
});

Deno.test.each(["stop", "close"] as const)(
  "ModernEra: a subscription that is asked for before the %s ends with its result",
  async (end) => {
    const { transport, layer, sent, modern, initialize } = await connect();
    initialize();
    sent.splice(0);
    modern(1, "subscriptions/listen", { notifications: { toolsListChanged: true } });
    if (end === "stop") transport.onstop?.();
    else void layer.close();
    await until(() => sent.length, (length) => length >= 2);
    const [acknowledged, ended] = sent;
    assertEquals(
      member(acknowledged, "method"),
      "notifications/subscriptions/acknowledged",
    );
    assertEquals(member(ended, "id"), 1);
    assertEquals(member(member(ended, "result"), "resultType"), "complete");
  },
);

Deno.test("ModernEra: nothing is received after the end of a connection on which it was loading", async () => {
  const { transport, received, sent, errors, legacy, modern, initialize } = await connect();
  initialize();
  sent.splice(0);
  modern(1);
  legacy(2);
  transport.onclose?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals([received, sent, errors], [[], [], []]);
});

Deno.test("ModernEra: if it cannot be loaded, requests of its era are errors, and others go on", async () => {
  const { received, sent, errors, legacy, modern, initialize } = await connect(BROKEN);
  initialize();
  sent.splice(0);
  modern(1);
  legacy(2);
  modern(3);
  await until(() => sent.length, (length) => length >= 2);
  assertEquals(codes(sent), [[1, -32603], [3, -32603]]);
  assertEquals(received, [2]);
  // The next one tries again.
  modern(4);
  await until(() => sent.length, (length) => length >= 3);
  assertEquals(codes(sent).at(-1), [4, -32603]);
  legacy(5);
  assertEquals(received, [2, 5]);
  for (const error of errors) assertStringIncludes(error, "nothing can be loaded");
  assertEquals(errors.length, 3);
});
