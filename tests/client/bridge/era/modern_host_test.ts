/** A modern host at the bridge: envelopes, what is gone, questions, subscriptions. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { ECHO } from "../../../support/bridge/host.ts";
import {
  CAPABILITIES,
  envelope,
  LOG_LEVEL,
  ModernHost,
  SUBSCRIPTION,
  VERSION,
} from "../../../support/bridge/modern_host.ts";
import { StrictServer } from "../../../support/bridge/strict_server.ts";
import { tempFolder } from "../../../support/temp_folder.ts";

const SESSIONS = [...ECHO, "--sessions"];
const ALL = { elicitation: {}, sampling: {}, roots: {} };

function withHost(
  name: string,
  args: readonly string[],
  fn: (host: ModernHost) => Promise<void>,
  capabilities: Record<string, unknown> = ALL,
): void {
  Deno.test(`bridge: ${name}`, async () => {
    await using folder = await tempFolder();
    await using host = ModernHost.start(folder, args, capabilities);
    await fn(host);
  });
}

/** What the server was asked, by its own words. */
async function received(host: ModernHost, params: Record<string, unknown>, meta = {}) {
  const { received } = Object(await host.result("tools/call", { name: "x", ...params }, meta));
  return received.params;
}

/** A call in which the server asks this, and that is answered once `silent` ends. */
function asking(method: string, id: number, message = "Sure?") {
  return { name: "x", emit: [{ jsonrpc: "2.0", id, method, params: { message } }], silent: true };
}

withHost("answers server/discover of a modern host", SESSIONS, async (host) => {
  const { _meta, ...result } = await host.result("server/discover");
  assertEquals<unknown>(result, {
    resultType: "complete",
    supportedVersions: ["2026-07-28"],
    capabilities: { tools: {}, experimental: { other: {} } },
    ttlMs: 0,
    cacheScope: "private",
  });
  assertEquals<unknown>(_meta, {
    "io.modelcontextprotocol/serverInfo": { name: "echo", version: "1" },
  });
});

withHost("serves a modern host that begins with a call", SESSIONS, async (host) => {
  const params = await received(host, { arguments: { a: 1 } }, { threadId: "t", own: 1 });
  assertEquals(params._meta, { own: 1, "mcp/session": { id: "sess-echo" } });
});

withHost("has a modern host's cookie for no session of its own", SESSIONS, async (host) => {
  const extensions = { "io.github.mcp-sessions/session": {}, "com.example/other": {} };
  // A host that declares the extension holds no cookie, as it was offered none.
  const params = await received(host, {}, { [CAPABILITIES]: { extensions }, threadId: "t" });
  assertEquals(params._meta, { "mcp/session": { id: "sess-echo" } });
  const own = { "io.github.mcp-sessions/session": { id: "sess-own" } };
  const { result } = await host.request("tools/call", { name: "x" }, own);
  assertEquals(Object(result)._meta["io.github.mcp-sessions/session"], { id: "sess-own" });
});

withHost("refuses what is wrong in a modern request", ECHO, async (host) => {
  const cases: [string, Record<string, unknown>, number][] = [
    ["ping", {}, -32601],
    ["initialize", {}, -32601],
    ["logging/setLevel", {}, -32601],
    ["resources/subscribe", {}, -32601],
    ["tools/list", { [VERSION]: "2099-01-01" }, -32022],
    ["tools/list", { [VERSION]: 5 }, -32602],
    ["tools/list", { [CAPABILITIES]: undefined }, -32602],
    ["server/discover", { [VERSION]: undefined }, -32602],
    ["tools/list", { [LOG_LEVEL]: "loud" }, -32602],
  ];
  for (const [method, meta, code] of cases) {
    const { error } = await host.request(method, {}, meta);
    assertEquals(error?.code, code, JSON.stringify([method, meta, error]));
  }
  const { error } = await host.request("tools/list", {}, { [VERSION]: "2099-01-01" });
  assertEquals(error?.data, { requested: "2099-01-01", supported: ["2026-07-28"] });
  const listen = await host.request("subscriptions/listen", {});
  assertEquals(listen.error?.code, -32602);
});

withHost("refuses a second modern request with the id of a pending one", ECHO, async (host) => {
  const params = { _meta: envelope() };
  await host.bridge.send({ jsonrpc: "2.0", id: 1, method: "hold", params });
  assertEquals((await host.request("tools/list", {}, {}, 1)).error?.code, -32600);
});

withHost("cancels a modern host's request at the server", ECHO, async (host) => {
  const params = { _meta: envelope() };
  await host.result("server/discover");
  await host.bridge.send({ jsonrpc: "2.0", id: "c", method: "hold", params });
  const cancelled = { requestId: "c" };
  await host.bridge.send({
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: cancelled,
  });
  const { seen } = Object(await host.result("seen"));
  assertEquals(seen.map(({ method }: { method: string }) => method), [
    "notifications/initialized",
    "notifications/cancelled",
  ]);
  assertNotEquals(seen[1].params.requestId, "c");
});

for (const method of ["elicitation/create", "sampling/createMessage", "roots/list"]) {
  withHost(`asks a modern host by ${method} in the answer to its call`, ECHO, async (host) => {
    const params = asking(method, 5);
    const first = await host.result("tools/call", params);
    assertEquals(first.resultType, "input_required");
    const [[key, question] = []] = Object.entries(first.inputRequests);
    assertEquals(question, { method, params: { message: "Sure?" } });
    assert(key !== undefined);
    // Without an answer, it is asked again.
    const { requestState } = first;
    const second = await host.result("tools/call", { ...params, requestState });
    assertEquals(second.inputRequests, first.inputRequests);
    assertNotEquals(second.requestState, requestState);
    // Each state counts once.
    const replayed = await host.request("tools/call", { ...params, requestState });
    assertMatch(replayed.error?.message ?? "", /requestState is of no request that waits/);
    const inputResponses = { [key]: { action: "accept" }, unknown: {} };
    const call = { requestState: second.requestState, inputResponses };
    await host.bridge.send({
      jsonrpc: "2.0",
      id: "last",
      method: "tools/call",
      params: { ...params, ...call, _meta: envelope({ [CAPABILITIES]: ALL }) },
    });
    const { seen } = Object(await host.result("seen"));
    assertEquals(seen.at(-1), { jsonrpc: "2.0", id: 5, result: { action: "accept" } });
  });
}

withHost("refuses to go on with another request", ECHO, async (host) => {
  const { requestState } = await host.result("tools/call", asking("roots/list", 1));
  const other = { ...asking("roots/list", 1), arguments: { more: true }, requestState };
  const { error } = await host.request("tools/call", other);
  assertMatch(error?.message ?? "", /is of another request/);
  // It still counts for its own.
  const again = await host.result("tools/call", { ...asking("roots/list", 1), requestState });
  assertEquals(again.resultType, "input_required");
});

withHost("asks a modern host nothing that it has not declared", ECHO, async (host) => {
  await host.result("tools/call", { name: "x", emit: asking("roots/list", 9).emit });
  const { seen } = Object(await host.result("seen"));
  assertEquals([seen.at(-1).id, seen.at(-1).error.code], [9, -32601]);
}, {});

withHost("answers a server's ping for a modern host", ECHO, async (host) => {
  await host.result("tools/call", { name: "x", emit: asking("ping", 9).emit });
  const { seen } = Object(await host.result("seen"));
  assertEquals(seen.at(-1), { jsonrpc: "2.0", id: 9, result: {} });
});

withHost("ends at the end of the input while a call waits for answers", ECHO, async (host) => {
  await host.result("tools/call", asking("roots/list", 1));
  assertEquals(await host.bridge.endInput(), 0);
  assert(!host.bridge.stderr.some((line) => line.includes("no answer in time")));
});

withHost("gives a modern host the log that it asks for, and its progress", ECHO, async (host) => {
  const log = (level: string) => ({
    jsonrpc: "2.0",
    method: "notifications/message",
    params: { level, data: level },
  });
  const progress = (progressToken: string) => ({
    jsonrpc: "2.0",
    method: "notifications/progress",
    params: { progressToken, progress: 1 },
  });
  const emit = [log("debug"), log("error"), progress("mine"), progress("other")];
  const call = { name: "x", emit };
  await host.result("tools/call", call, { progressToken: "mine" });
  await host.result("tools/call", call, { [LOG_LEVEL]: "warning" });
  const told = host.bridge.messages.filter(({ method }) => method !== undefined);
  assertEquals<unknown>(told, [progress("mine"), log("error")]);
});

for (const way of ["stdio", "http"] as const) {
  Deno.test(`bridge: a modern host listens to a modern server over ${way}`, async () => {
    await using folder = await tempFolder();
    await using server = await StrictServer.start(way);
    await using host = ModernHost.start(folder, server.args);
    const { capabilities } = await host.result("server/discover");
    assertEquals(Object(capabilities).resources, { subscribe: true });
    const notifications = {
      toolsListChanged: true,
      promptsListChanged: true,
      resourceSubscriptions: ["file:///a"],
    };
    const listen = { notifications, _meta: envelope() };
    const message = { jsonrpc: "2.0", id: 7, method: "subscriptions/listen", params: listen };
    await host.bridge.send(message);
    const { method, params } = await host.bridge.until((each) => ModernHost.isOf(7, each));
    assertEquals(method, "notifications/subscriptions/acknowledged");
    // The server has no prompts.
    const { promptsListChanged: _, ...granted } = notifications;
    assertEquals(params, { notifications: granted, _meta: { [SUBSCRIPTION]: 7 } });
    for (const awaited of ["tools/list_changed", "resources/updated"]) {
      const isIt = ({ method }: { method?: string }) => method === `notifications/${awaited}`;
      while (!host.bridge.messages.some(isIt)) await host.tool("change");
      const told = host.bridge.messages.filter(isIt);
      assert(told.every((each) => ModernHost.isOf(7, each)), JSON.stringify(told));
    }
    assertEquals(await host.bridge.endInput(), 0);
    const { result } = await host.bridge.until(({ id }) => id === 7);
    assertEquals<unknown>(result, { resultType: "complete", _meta: { [SUBSCRIPTION]: 7 } });
  });

  Deno.test(`bridge: a question of a modern server reaches a modern host over ${way}`, async () => {
    await using folder = await tempFolder();
    await using server = await StrictServer.start(way);
    await using host = ModernHost.start(folder, server.args, ALL);
    const args = { method: "elicitation/create", params: { message: "Sure?" }, rounds: 2 };
    const call = { name: "ask", arguments: args };
    let result = await host.result("tools/call", call);
    for (let round = 0; round < 2; round++) {
      // The two questions of a round come together.
      const keys = Object.keys(result.inputRequests);
      assertEquals(keys.length, 2);
      const inputResponses = Object.fromEntries(keys.map((key) => [key, { action: "accept" }]));
      const { requestState } = result;
      result = await host.result("tools/call", { ...call, requestState, inputResponses });
    }
    const both = { a: { action: "accept" }, b: { action: "accept" } };
    assertEquals(result.structuredContent.value, [both, both]);
  });
}

Deno.test("bridge: a modern host is told which capability a modern server misses", async () => {
  await using folder = await tempFolder();
  const script = fileURLToPath(new URL("../../../fixtures/asking.ts", import.meta.url));
  const server = [Deno.execPath(), "run", "-A", script, "--store", "memory:", "--era", "modern"];
  await using host = ModernHost.start(folder, ["--", ...server]);
  const { error } = await host.request("tools/call", { name: "greet", arguments: {} });
  assertEquals(error?.code, -32021);
  assertEquals(error?.data, { requiredCapabilities: { elicitation: { form: {} } } });
});
