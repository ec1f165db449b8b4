/** A strict modern-only server in front of a legacy host: the bridge with nothing but the era between. */

import { assertEquals, assertMatch } from "@std/assert";
import { BridgedServer } from "../../support/bridge/bridged_servers.ts";
import { BridgeHost } from "../../support/bridge/host.ts";
import { StrictServer } from "../../support/bridge/strict_server.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const ALL = { elicitation: {}, sampling: {}, roots: {} };

function withHost(
  name: string,
  fn: (host: BridgeHost) => Promise<void>,
  capabilities: Record<string, unknown> = ALL,
): void {
  for (const way of ["stdio", "http"] as const) {
    Deno.test(`EraTransport: ${name} over ${way}`, async () => {
      await using folder = await tempFolder();
      await using server = await StrictServer.start(way);
      await using host = BridgeHost.start(folder, ["--log-level", "error", ...server.args]);
      await host.initialize(capabilities);
      await fn(host);
      assertEquals(await host.endInput(), 0);
      assertEquals(host.stderr, []);
    });
  }
}

async function value(host: BridgeHost, name: string, args = {}, meta = {}): Promise<unknown> {
  return (await host.tool(name, args, meta)).structuredContent.value;
}

/** Answers as many questions of the server as come, by this result or error. */
function answering(host: BridgeHost, times: number, method: string, body: object): Promise<void> {
  const asked = new Set<unknown>();
  const next = async (): Promise<void> => {
    const isNew = (message: { id?: unknown; method?: string }) =>
      message.method === method && !asked.has(message.id);
    const { id, params } = await host.until(isNew);
    asked.add(id);
    assertEquals(params, method === "roots/list" ? undefined : { message: "Sure?" });
    await host.send({ jsonrpc: "2.0", id, ...body });
    if (asked.size < times) await next();
  };
  return next();
}

withHost("answers initialize in the client's version, without a word of the era", async (host) => {
  const { protocolVersion, serverInfo, ...result } = Object(
    host.messages.find((message) => message.result !== undefined)?.result,
  );
  assertEquals(protocolVersion, "2025-11-25");
  assertEquals(serverInfo, { name: "strict", version: "1" });
  assertEquals(Object.keys(result), ["capabilities"]);
  assertEquals(await host.result("ping"), Object({}));
  const { tools, ...list } = await host.result("tools/list");
  assertEquals(tools.length, 8);
  assertEquals(Object.keys(list).filter((name) => name === "resultType" || name === "_meta"), []);
  assertEquals((await host.request("x/unknown", {})).error?.code, -32601);
});

for (const method of ["elicitation/create", "sampling/createMessage", "roots/list"]) {
  withHost(`asks the client by ${method}, in several rounds,`, async (host) => {
    const params = method === "roots/list" ? undefined : { message: "Sure?" };
    const [answered] = await Promise.all([
      value(host, "ask", { method, params, rounds: 2 }),
      answering(host, 4, method, { result: { yes: true } }),
    ]);
    const both = { a: { yes: true }, b: { yes: true } };
    assertEquals(answered, [both, both]);
  });
}

withHost("repeats a request of which the server asks nothing", async (host) => {
  assertEquals(await value(host, "ask", { rounds: 2 }), [null, null]);
});

withHost("gives up a request that asks without end", async (host) => {
  const { error } = await host.call("ask", { rounds: 100 });
  assertMatch(error?.message ?? "", /it has asked for input 10 times already/);
});

withHost("ends a request whose question the client refuses", async (host) => {
  const method = "elicitation/create";
  const error = { code: -32603, message: "No window" };
  const [reply] = await Promise.all([
    host.call("ask", { method, params: { message: "Sure?" } }),
    answering(host, 1, method, { error }),
  ]);
  assertMatch(reply.error?.message ?? "", /has not answered.*No window/);
  // The other question is taken back.
  await host.until(({ method }) => method === "notifications/cancelled");
});

withHost("asks a client for nothing that it has not declared", async (host) => {
  const { error } = await host.call("ask", { method: "elicitation/create" });
  assertMatch(error?.message ?? "", /it asks for elicitation\/create, which this client has not/);
}, {});

withHost("refuses a result of an unknown type", async (host) => {
  assertMatch((await host.call("old")).error?.message ?? "", /of the unknown type task/);
});

withHost("cancels a request at the server", async (host) => {
  await host.send({ jsonrpc: "2.0", id: "w", method: "tools/call", params: { name: "wait" } });
  assertEquals(await value(host, "ended"), 0);
  const params = { requestId: "w" };
  await host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params });
  while (await value(host, "ended") !== 1);
});

withHost("passes progress on, and the log from the level of the client", async (host) => {
  assertEquals(await value(host, "report", { data: "first" }, { progressToken: "p" }), undefined);
  await host.until(({ method, params }) =>
    method === "notifications/progress" && Object(params).progressToken === "p"
  );
  assertEquals(await host.result("logging/setLevel", { level: "error" }), Object({}));
  assertEquals(await value(host, "report", { data: "second" }), "error");
});

withHost("tells of changed lists and resources by a subscription of its own", async (host) => {
  const changes = () => host.messages.filter(({ method }) => method?.startsWith("notifications/"));
  // The subscription begins as the client connects.
  while (await value(host, "change") !== 1);
  await host.until(({ method }) => method === "notifications/tools/list_changed");
  const uri = "file:///a";
  assertEquals(await host.result("resources/subscribe", { uri }), Object({}));
  await value(host, "change");
  const updated = await host.until(({ method }) => method === "notifications/resources/updated");
  assertEquals(updated.params, { uri, _meta: {} });
  await host.result("resources/unsubscribe", { uri });
  while (await value(host, "change") !== 1);
  const before = changes().filter(({ method }) => method?.endsWith("updated")).length;
  await value(host, "change");
  assertEquals(changes().filter(({ method }) => method?.endsWith("updated")).length, before);
});

withHost("sends what is no plain text in headers, too", async (host) => {
  // Nobody has asked for the list of tools yet.
  for (const region of ["eu west", " ", "é\n", "=?base64?x?=", ""]) {
    assertEquals(await value(host, "region", { region }), region);
  }
  for (const uri of ["file:///a", "file:///ü", "=?base64?x?="]) {
    const { contents } = Object(await host.result("resources/read", { uri }));
    assertEquals(contents[0].uri, uri);
  }
});

withHost("sends the envelope of the client with each request", async (host) => {
  await host.call("ask", { rounds: 0 });
  const seen = Object(await value(host, "seen")).params;
  assertEquals(seen._meta, {
    "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {
      ...ALL,
      extensions: {
        "io.github.mcp-sessions/session": { version: 2, features: ["create", "list", "delete"] },
      },
    },
  });
});

Deno.test("EraTransport: goes on after a restart of a modern server over HTTP", async () => {
  await using folder = await tempFolder();
  let server = await StrictServer.start("http");
  await using host = BridgeHost.start(folder, server.args);
  await host.initialize();
  const port = Number(new URL(server.args[1] ?? "").port);
  await server[Symbol.asyncDispose]();
  server = await StrictServer.start("http", port);
  assertEquals(await value(host, "ended"), 0);
  // The subscription begins again by itself.
  while (await value(host, "change") !== 1);
  await host.until(({ method }) => method === "notifications/tools/list_changed");
  await server[Symbol.asyncDispose]();
});

Deno.test("EraTransport: listens again after kill -9 of a server whose stream breaks", async () => {
  const script = new URL("../../fixtures/conformance/server.ts", import.meta.url);
  await using server = await BridgedServer.start(script, "http", "--era", "modern");
  await using host = await server.connect();
  const told = (list: string) =>
    host.until(({ method }) => method === `notifications/${list}/list_changed`);
  const before = told("tools");
  await host.tool("test_trigger_tool_change");
  await before;
  await server.kill();
  await server.startAgain();
  let isTold = false;
  const after = told("prompts").then(() => isTold = true);
  while (!isTold) await host.tool("test_trigger_prompt_change");
  await after;
});
