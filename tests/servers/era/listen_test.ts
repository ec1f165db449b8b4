/** `subscriptions/listen` of modern clients, over every transport. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventMessages, nextMessage } from "../../support/servers/event_messages.ts";
import {
  envelope,
  modernHeaders,
  modernRequest,
  postModern,
} from "../../support/servers/modern_wire.ts";
import { post } from "../../support/servers/wire.ts";
import { startServer, type StdioServer, type WireMessage } from "../../support/servers/server.ts";
import { until } from "../../support/until.ts";

const CHANGING = new URL("../../fixtures/changing.ts", import.meta.url);
const TOOLS_CHANGED = "notifications/tools/list_changed";
const UPDATED = "notifications/resources/updated";
const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";
const SERVER_INFO = "io.modelcontextprotocol/serverInfo";
const COMPLETE = { resultType: "complete" };

type Filter = Record<string, unknown>;

const HTTP_WAYS = [["http", []], ["http --stateful", ["--stateful"]]] as const;

function startHttp(flags: readonly string[] = []) {
  return startServer({ server: CHANGING, transport: "http", flags: [...flags] });
}

function startStdio() {
  return startServer({ server: CHANGING, transport: "stdio" });
}

/** Opens a subscription over HTTP: its messages, the first of which is the acknowledgment. */
async function listen(url: string, notifications: Filter, id: unknown = "sub") {
  const method = "subscriptions/listen";
  const response = await post(
    url,
    modernRequest(method, { notifications }, id),
    modernHeaders(method),
  );
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const events = eventMessages(response);
  return { events, acknowledged: await nextMessage(events) };
}

async function call(url: string, name: string, args: object = {}): Promise<WireMessage> {
  const response = await postModern(url, "tools/call", { name, arguments: args });
  const reply = await response.json();
  assert(reply.result, JSON.stringify(reply));
  return reply;
}

/** Opens a subscription on stdio, and waits for its acknowledgment. */
async function listenOn(server: StdioServer, notifications: Filter, id: unknown) {
  const ended = server.expect(id);
  const before = server.notifications.length;
  await server.write(`${modernRequest("subscriptions/listen", { notifications }, id)}\n`);
  await until(() => server.notifications.length, (length) => length > before);
  return { ended, acknowledged: server.notifications[before] };
}

function callOn(server: StdioServer, name: string, args: object = {}) {
  return server.result("tools/call", { name, arguments: args, _meta: envelope() });
}

function acknowledgment(notifications: Filter, id: unknown) {
  return {
    jsonrpc: "2.0",
    method: "notifications/subscriptions/acknowledged",
    params: { notifications, _meta: { [SUBSCRIPTION_ID]: id } },
  };
}

function change(method: string, id: unknown, params: object = {}) {
  return { jsonrpc: "2.0", method, params: { ...params, _meta: { [SUBSCRIPTION_ID]: id } } };
}

function ending(id: unknown) {
  const serverInfo = { name: "changing", version: "1.0.0" };
  const _meta = { [SUBSCRIPTION_ID]: id, [SERVER_INFO]: serverInfo };
  return { jsonrpc: "2.0", id, result: { ...COMPLETE, _meta } };
}

for (const [way, flags] of HTTP_WAYS) {
  Deno.test(`subscriptions/listen over ${way}: acknowledges first, then streams what its filter wants under the client's id`, async () => {
    await using server = await startHttp(flags);
    const { url } = server;
    const wanted = { toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: [] };
    const all = await listen(url, { ...wanted, resourceSubscriptions: ["r:1", "r:1"] }, "first");
    // The server has no prompts.
    const can = { toolsListChanged: true, resourceSubscriptions: ["r:1"] };
    assertEquals<unknown>(all.acknowledged, acknowledgment(can, "first"));
    const resources = await listen(url, { resourcesListChanged: true, toolsListChanged: false }, 7);
    assertEquals<unknown>(
      resources.acknowledged,
      acknowledgment({ resourcesListChanged: true }, 7),
    );
    await call(url, "change", { kind: "tools" });
    assertEquals<unknown>(await nextMessage(all.events), change(TOOLS_CHANGED, "first"));
    await call(url, "update", { uri: "r:2" });
    await call(url, "update", { uri: "r:1" });
    assertEquals<unknown>(await nextMessage(all.events), change(UPDATED, "first", { uri: "r:1" }));
    // Its own alone has come to the other.
    await call(url, "change", { kind: "resources" });
    const next = await nextMessage(resources.events);
    assertEquals<unknown>(next, change("notifications/resources/list_changed", 7));
    for (const { events } of [all, resources]) await events.return();
  });

  Deno.test(`subscriptions/listen over ${way}: ends with a result when the server stops`, async () => {
    await using server = await startHttp(flags);
    const open = await listen(server.url, { toolsListChanged: true }, "sub");
    const ended = server.stop();
    assertEquals<unknown>(await nextMessage(open.events), ending("sub"));
    assertEquals(await open.events.next(), { done: true, value: undefined });
    assertEquals(await ended, 0);
  });

  Deno.test(`subscriptions/listen over ${way}: ends without a word when its client goes`, async () => {
    await using server = await startHttp(flags);
    const { url } = server;
    const going = await listen(url, { resourceSubscriptions: ["r:1", "r:2"] });
    const staying = await listen(url, { resourceSubscriptions: ["r:2"] });
    await going.events.return();
    const asked = async () => (await call(url, "asked")).result?.structuredContent.asked;
    const all = await until(asked, (asked) => `${asked}`.includes("-"));
    assertEquals<unknown>(all, ["+r:1", "+r:2", "-r:1"]);
    await call(url, "update", { uri: "r:2" });
    assertEquals<unknown>(
      await nextMessage(staying.events),
      change(UPDATED, "sub", { uri: "r:2" }),
    );
    await staying.events.return();
  });
}

Deno.test("subscriptions/listen over http: a legacy client's resources/unsubscribe takes no update from it", async () => {
  await using server = await startHttp();
  const { events } = await listen(server.url, { resourceSubscriptions: ["r:1"] });
  for (const uri of ["r:1", "r:2"]) {
    assertEquals<unknown>(await server.result("resources/unsubscribe", { uri }), {});
  }
  const { asked } = (await call(server.url, "asked")).result?.structuredContent ?? {};
  assertEquals(asked, ["+r:1", "-r:2"]);
  await events.return();
});

Deno.test("subscriptions/listen: one of which the server can deliver nothing is acknowledged and ends", async () => {
  await using server = await startHttp();
  const { events, acknowledged } = await listen(server.url, { promptsListChanged: true });
  assertEquals<unknown>(acknowledged, acknowledgment({}, "sub"));
  assertEquals<unknown>(await nextMessage(events), ending("sub"));
  assertEquals((await events.next()).done, true);
});

Deno.test("subscriptions/listen: refuses params of a wrong type with -32602, and URIs past its bound", async () => {
  await using server = await startStdio();
  const many = Array.from({ length: 257 }, (_, number) => `r:${number}`);
  const cases: [notifications: unknown, message: RegExp][] = [
    [undefined, /params\.notifications must be an object: it is undefined/],
    [[], /params\.notifications must be an object: it is an array/],
    [{ toolsListChanged: "yes" }, /notifications\.toolsListChanged must be a boolean/],
    [{ promptsListChanged: null }, /notifications\.promptsListChanged must be a boolean/],
    [{ resourceSubscriptions: "r:1" }, /resourceSubscriptions must be an array/],
    [{ resourceSubscriptions: ["r:1", 2] }, /resourceSubscriptions\[1\] must be a string/],
    [{ resourceSubscriptions: many }, /at most 256 URIs/],
    [{ resourceSubscriptions: ["x".repeat(32 * 1024 + 1)] }, /of 32768 characters in all/],
  ];
  for (const [notifications, message] of cases) {
    const { error } = await server.request("subscriptions/listen", {
      notifications,
      _meta: envelope(),
    });
    assertEquals(error?.code, -32602);
    assertMatch(error?.message ?? "", message);
  }
});

Deno.test("subscriptions/listen on stdio: tells a change under each subscription's id, and nothing beside", async () => {
  await using server = await startStdio();
  const one = await listenOn(server, { toolsListChanged: true }, "one");
  assertEquals<unknown>(one.acknowledged, acknowledgment({ toolsListChanged: true }, "one"));
  await listenOn(server, { toolsListChanged: true, resourceSubscriptions: ["r:1"] }, 202);
  const before = server.notifications.length;
  for (const name of ["change", "change_within"]) await callOn(server, name, { kind: "tools" });
  await callOn(server, "change", { kind: "resources" });
  await callOn(server, "update", { uri: "r:1" });
  assertEquals<unknown>(server.notifications.slice(before), [
    change(TOOLS_CHANGED, "one"),
    change(TOOLS_CHANGED, 202),
    change(TOOLS_CHANGED, "one"),
    change(TOOLS_CHANGED, 202),
    change(UPDATED, 202, { uri: "r:1" }),
  ]);
});

Deno.test("subscriptions/listen on stdio: a cancelled one gets nothing more, and its id is free again", async () => {
  await using server = await startStdio();
  const filter = { toolsListChanged: true, resourceSubscriptions: ["r:1"] };
  const { ended } = await listenOn(server, filter, "sub");
  await server.write(`${modernRequest("tools/list", {}, "sub")}\n`);
  assertEquals((await ended).error?.code, -32600);
  await server.notify("notifications/cancelled", { requestId: "sub" });
  const before = server.notifications.length;
  await callOn(server, "change", { kind: "tools" });
  assertEquals(server.notifications.length, before);
  const { asked } = (await callOn(server, "asked")).structuredContent;
  assertEquals(asked, ["+r:1", "-r:1"]);
  const again = await listenOn(server, { resourcesListChanged: true }, "sub");
  assertEquals<unknown>(again.acknowledged, acknowledgment({ resourcesListChanged: true }, "sub"));
});

Deno.test("subscriptions/listen on stdio: subscribes once for each URI, until the last subscription is gone", async () => {
  await using server = await startStdio();
  await listenOn(server, { resourceSubscriptions: ["r:1", "refused:r"] }, 101);
  await listenOn(server, { resourceSubscriptions: ["r:1", "r:2"] }, 102);
  for (const requestId of [101, 102]) await server.notify("notifications/cancelled", { requestId });
  const { asked } = (await callOn(server, "asked")).structuredContent;
  assertEquals(asked, ["+r:1", "+refused:r", "+r:2", "-r:1", "-r:2"]);
});

Deno.test("subscriptions/listen on stdio: 64 at a time, then -32603 until one ends", async () => {
  await using server = await startStdio();
  for (let id = 100; id < 164; id++) await listenOn(server, { toolsListChanged: true }, id);
  const params = { notifications: { toolsListChanged: true }, _meta: envelope() };
  const { error } = await server.request("subscriptions/listen", params);
  assertEquals(error?.code, -32603);
  assertMatch(error?.message ?? "", /Too many subscriptions are open/);
  // None of them stands in the way of calls.
  await callOn(server, "asked");
  await server.notify("notifications/cancelled", { requestId: 100 });
  await listenOn(server, { toolsListChanged: true }, "next");
});

Deno.test("subscriptions/listen on stdio: ends with a result at the end of input, which the process follows at once", async () => {
  await using server = await startStdio();
  const { ended } = await listenOn(server, { toolsListChanged: true }, "sub");
  const status = server.endInput();
  assertEquals<unknown>(await ended, ending("sub"));
  assertEquals(await status, 0);
});

Deno.test("subscriptions/listen on stdio: ends first on SIGTERM, and calls still get their response", async () => {
  await using server = await startStdio();
  const { ended } = await listenOn(server, { toolsListChanged: true }, "sub");
  const waited = callOn(server, "wait");
  await callOn(server, "asked");
  const status = server.stop("SIGTERM");
  assertEquals<unknown>(await ended, ending("sub"));
  const params = { notifications: { toolsListChanged: true }, _meta: envelope() };
  const late = await server.request("subscriptions/listen", params);
  assertEquals([late.error?.code, late.error?.message], [-32603, "This server is stopping"]);
  await callOn(server, "release");
  assertEquals((await waited).content[0]?.text, "waited");
  assertEquals(await status, 0);
});
