/** Connections of clients of the modern era: broken, rebuilt, and with a stream for each request. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { isOutcomeUnknown } from "../../../client/mod.ts";
import type { JSONRPCRequest } from "../../../client/sdk.ts";
import { EraServer, errorOf, RawClient, resultOf } from "../../support/client/era_server.ts";

const CALL = { name: "x", arguments: {} };
const HOLD = { name: "hold" };
const holding = ({ method, params }: JSONRPCRequest) =>
  method === "subscriptions/listen" || params?.name === "hold" ? "hold" : undefined;

/** Lets what is queued happen. */
const turn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("ReconnectingTransport: a modern connection is rebuilt by a discovery", async () => {
  const server = new EraServer({ answer: holding });
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  const held = client.modern("tools/call", HOLD);
  await turn();
  server.kill();
  assert(isOutcomeUnknown(errorOf(await held)));
  resultOf(await client.modern("tools/call", CALL));
  assertEquals(server.methods[1], ["server/discover", "session/list", "tools/call"]);
  assertEquals([client.told, client.closed], [["created", "reconnected"], 0]);
});

Deno.test("ReconnectingTransport: a connection whose client never discovered is rebuilt too", async () => {
  const server = new EraServer();
  await using client = await RawClient.start(server);
  resultOf(await client.modern("tools/call", CALL));
  server.kill();
  server.sessions.clear();
  server.sessions.add("sess-of another");
  resultOf(await client.modern("tools/call", CALL));
  assertEquals(server.methods[1]?.[0], "server/discover");
  assertEquals(server.methods.flat().includes("initialize"), false);
  assertEquals(client.told, ["created", "reconnected", "lost", "created"]);
});

Deno.test("ReconnectingTransport: a legacy connection that was probed is rebuilt by initialize", async () => {
  const server = new EraServer({ era: "legacy" });
  await using client = await RawClient.start(server);
  errorOf(await client.modern("server/discover"));
  await client.initialize();
  server.kill();
  resultOf(await client.request("tools/call", CALL));
  assertEquals(server.methods[1], [
    "initialize",
    "notifications/initialized",
    "session/list",
    "tools/call",
  ]);
});

Deno.test("ReconnectingTransport: a server that ends of the probe is started again for initialize", async () => {
  const server: EraServer = new EraServer({
    era: "legacy",
    answer: ({ method }) => {
      if (method !== "server/discover") return undefined;
      queueMicrotask(() => server.kill());
      return "hold";
    },
  });
  await using client = await RawClient.start(server);
  errorOf(await client.modern("server/discover"));
  await client.initialize();
  resultOf(await client.request("tools/call", CALL));
  assertEquals([server.methods[0], client.closed], [["server/discover"], 0]);
});

Deno.test("ReconnectingTransport: a first connection that breaks after the probe closes it", async () => {
  const server: EraServer = new EraServer({
    answer: () => {
      queueMicrotask(() => server.kill());
      return "hold";
    },
  });
  await using client = await RawClient.start(server);
  errorOf(await client.modern("server/discover"));
  errorOf(await client.request("initialize"));
  assertEquals([server.connections, client.closed], [2, 1]);
});

Deno.test("ReconnectingTransport: a 404 to a modern request is no lost transport session", async () => {
  const server = new EraServer();
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  const { transport } = server;
  assert(transport);
  transport.sessionId = "transport-session";
  const send = transport.send;
  const notFound = Object.assign(new Error("Method not found"), { data: { status: 404 } });
  transport.send = (message, options) =>
    "method" in message && message.method === "a/b"
      ? Promise.reject(notFound)
      : send(message, options);
  assertEquals(await assertRejects(() => client.modern("a/b")), notFound);
  assertEquals(server.connections, 1);
  await client.initialize();
  resultOf(await client.request("a/b"));
  assertEquals(server.connections, 2, "for a legacy one it is");
});

for (const hasPerRequestStream of [true, false]) {
  const how = hasPerRequestStream ? "by closing its stream" : "by a message";

  Deno.test(`withSession: frees a request that its caller cancels ${how}`, async () => {
    const server = new EraServer({ hasPerRequestStream, answer: holding });
    await using client = await RawClient.start(server);
    await client.modern("server/discover");
    assertEquals(client.transport.hasPerRequestStream, hasPerRequestStream);
    const stream = new AbortController();
    let answers = 0;
    void client.modern("tools/call", HOLD, { requestSignal: stream.signal })
      .then(() => answers++);
    await turn();
    const { message, options } = server.received.at(-1)!;
    assertEquals(options?.requestSignal, stream.signal);
    stream.abort();
    if (!hasPerRequestStream) {
      const params = { requestId: "id" in message ? message.id : undefined };
      await client.transport.send({ jsonrpc: "2.0", method: "notifications/cancelled", params });
    }
    server.kill();
    await turn();
    assertEquals(answers, 0, "a request that was still pending would have an unknown outcome");
    assertEquals(server.metas("notifications/cancelled").length, hasPerRequestStream ? 0 : 1);
  });

  Deno.test(`withSession: cancels a request of its own ${how}`, async () => {
    const server = new EraServer({
      hasPerRequestStream,
      answer: ({ method }) => method === "session/create" ? "hold" : undefined,
    });
    await using client = await RawClient.start(server, { establishMs: 20 });
    await client.modern("server/discover");
    assertEquals(client.transport.cookie, undefined);
    await turn();
    const create = server.received[1];
    assertEquals(create?.options?.requestSignal?.aborted, true);
    assertEquals(
      server.methods[0]?.slice(2),
      hasPerRequestStream ? [] : ["notifications/cancelled"],
    );
  });
}

Deno.test("withSession: a call whose stream ends without its answer has an unknown outcome", async () => {
  const server = new EraServer({ hasPerRequestStream: true, answer: holding });
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  const call = client.modern("tools/call", HOLD);
  await turn();
  server.received.at(-1)?.options?.onRequestStreamEnd?.();
  assert(isOutcomeUnknown(errorOf(await call)));
});

Deno.test("withSession: a subscription goes on beside calls, and its end is no unknown outcome", async () => {
  const server = new EraServer({ answer: holding });
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  const listening = client.modern("subscriptions/listen", {}, { id: "listen:0" });
  await turn();
  const changed = {
    jsonrpc: "2.0",
    method: "notifications/tools/list_changed",
    params: { _meta: { "io.modelcontextprotocol/subscriptionId": "listen:0" } },
  } as const;
  server.say(changed);
  resultOf(await client.modern("tools/call", CALL));
  assertEquals(client.notifications, [changed]);
  server.kill();
  const error = errorOf(await listening);
  assertEquals([error.code, isOutcomeUnknown(error)], [-32000, false]);
});

Deno.test("withSession: the server ends a subscription by cancelling it", async () => {
  const server = new EraServer({ answer: holding });
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  void client.modern("subscriptions/listen", {}, { id: "listen:0" });
  await turn();
  const params = { requestId: "listen:0" };
  const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params } as const;
  server.say(cancelled);
  server.kill();
  await turn();
  assertEquals(client.notifications, [cancelled]);
});

Deno.test("withSession: a caller that watches the stream of a request hears its end from there alone", async () => {
  const server = new EraServer({ hasPerRequestStream: true, answer: holding });
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  let ends = 0;
  const onRequestStreamEnd = () => void ends++;
  let answers = 0;
  void client.modern("subscriptions/listen", {}, { id: "listen:0", onRequestStreamEnd })
    .then(() => answers++);
  await turn();
  server.received.at(-1)?.options?.onRequestStreamEnd?.();
  server.kill();
  await turn();
  assertEquals([ends, answers], [1, 0]);
});
