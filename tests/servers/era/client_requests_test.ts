/** Tools that ask legacy clients, by requests over the same connection. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { ClientRequests } from "../../../servers/base/era/client_requests.ts";
import { Client, StreamableHTTPClientTransport } from "../../../client/sdk.ts";
import { StatefulHttpServer } from "../../../servers/base/http/stateful_transport.ts";
import { ask, McpServer, sessionLayer, toolResult } from "../../../servers/base/mod.ts";
import { MemoryStore } from "../../../store/mod.ts";
import {
  accepted,
  ALL,
  ASKING,
  assertRefused,
  MODEL,
  ModernCaller,
  startAsking,
  textOf,
} from "../../support/servers/round_trips.ts";
import {
  HEADERS,
  INITIALIZE,
  request,
  startServer,
  type StdioServer,
  type WireMessage,
} from "../../support/servers/server.ts";

/** Starts the server on stdio, and initializes it by a client with these capabilities. */
async function startStdio(capabilities: object = ALL): Promise<StdioServer> {
  const server = await startServer({ server: ASKING, transport: "stdio" });
  await server.result("initialize", { ...INITIALIZE, capabilities });
  await server.notify("notifications/initialized");
  return server;
}

/** The next request of the server. */
function nextRequest(server: StdioServer): Promise<WireMessage> {
  const { promise, resolve } = Promise.withResolvers<WireMessage>();
  server.onunasked = (line) => {
    server.unasked.pop();
    resolve(JSON.parse(line));
  };
  return promise;
}

function respond(server: StdioServer, id: unknown, body: object): Promise<void> {
  return server.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...body })}\n`);
}

Deno.test("ask over stdio: a legacy client is asked by a request, one after the other", async () => {
  await using server = await startStdio();
  const asking = server.toolResult("two_steps");
  const messages: unknown[] = [];
  for (const text of ["Ann", "blue", "Anna"]) {
    const { id, method, params } = await nextRequest(server);
    // The SDK in the server numbers its own.
    assert(typeof id === "string");
    messages.push([method, Object(params).message]);
    await respond(server, id, { result: accepted(text) });
  }
  assertEquals(messages, [
    ["elicitation/create", "Name?"],
    ["elicitation/create", "Colour?"],
    ["elicitation/create", "Name again?"],
  ]);
  assertEquals(textOf(await asking), "Ann and Anna in blue");
});

Deno.test("ask over stdio: clients of both eras at the same time, each in its own way", async () => {
  await using server = await startStdio();
  const asking = server.toolResult("greet");
  const { id } = await nextRequest(server);
  const modern = new ModernCaller(server, { capabilities: { elicitation: {} } });
  const { requestState } = await modern.asked("greet");
  await respond(server, id, { result: accepted("Ann") });
  assertEquals(textOf(await asking), "Hello, Ann!");
  const inputResponses = { user_name: accepted("Bob") };
  const result = await modern.done("greet", { inputResponses, requestState });
  assertEquals(textOf(result), "Hello, Bob!");
});

Deno.test("ask over --stateful: a legacy client is asked for everything at once", async () => {
  await using server = await startAsking({ transport: "http", flags: ["--stateful"] });
  const client = new Client({ name: "legacy", version: "1" }, { capabilities: ALL });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "decline" as const }));
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: "assistant" as const,
    content: { type: "text" as const, text: "yes" },
    model: MODEL.model,
  }));
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///a" }] }));
  await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
  const { content } = await client.callTool({ name: "everything" });
  assertEquals(content, [{ type: "text", text: "decline a model 1" }]);
  const { messages } = await client.getPrompt({ name: "context" });
  assertEquals(messages[0]?.content, { type: "text", text: "undefined" });
  await client.close();
});

Deno.test("ask over --stateful: a modern client is asked by a result", async () => {
  await using server = await startAsking({ transport: "http", flags: ["--stateful"] });
  const client = new ModernCaller(server);
  const { requestState } = await client.asked("greet");
  const retry = { inputResponses: { user_name: accepted("Ann") }, requestState };
  assertEquals(textOf(await client.done("greet", retry)), "Hello, Ann!");
  assertRefused(await client.call("greet", retry));
});

Deno.test("ask over --stateful: a client whose connection is lost is not waited for", async () => {
  await using server = await startAsking({ transport: "http", flags: ["--stateful"] });
  const client = new Client({ name: "legacy", version: "1" }, { capabilities: ALL });
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  client.setRequestHandler(ElicitRequestSchema, () => {
    resolve();
    return new Promise<never>(() => {});
  });
  const lost = new AbortController();
  const transport = new StreamableHTTPClientTransport(new URL(server.url), {
    fetch: (url, { signal, ...init } = {}) => {
      const isCall = `${init.body}`.includes('"asks"');
      const signals = [...signal ? [signal] : [], ...isCall ? [lost.signal] : []];
      return fetch(url, { ...init, signal: AbortSignal.any(signals) });
    },
    reconnectionOptions: {
      maxRetries: 0,
      initialReconnectionDelay: 1,
      maxReconnectionDelay: 1,
      reconnectionDelayGrowFactor: 1,
    },
  });
  await client.connect(transport);
  const call = client.callTool({ name: "asks" }).catch(() => {});
  await asked;
  lost.abort();
  const { content } = await client.callTool({ name: "late_outcome" });
  assertMatch(JSON.stringify(content), /refused elicitation.*the connection of its call is lost/);
  await client.close();
  await call;
});

Deno.test("ask over --stateful: a server that stops does not wait for answers that it would not take", async () => {
  await using server = await startAsking({ transport: "http", flags: ["--stateful"] });
  const client = new Client({ name: "legacy", version: "1" }, { capabilities: ALL });
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  client.setRequestHandler(ElicitRequestSchema, () => {
    resolve();
    return new Promise<never>(() => {});
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
  const call = client.callTool({ name: "catches" });
  // It may fail before it is awaited.
  call.catch(() => {});
  await asked;
  assertEquals(await server.stop(), 0);
  assertEquals((await call).content, [{ type: "text", text: "caught" }]);
  await client.close();
});

Deno.test("ask over stateless HTTP: a legacy client cannot be asked, and the error says what can be done", async () => {
  await using server = await startAsking({ transport: "http" });
  await server.result("initialize", { ...INITIALIZE, capabilities: ALL });
  const { isError, ...result } = await server.toolResult("greet");
  assertEquals(isError, true);
  assertMatch(`${textOf(result)}`, /--stateful, or use a client of 2026-07-28/);
  assertEquals(textOf(await server.toolResult("only_declared")), "");
});

Deno.test("ask: a legacy client is not asked for what it has not declared", async () => {
  await using server = await startStdio({ elicitation: {} });
  const { isError, ...result } = await server.toolResult("everything");
  assertEquals(isError, true);
  assertMatch(`${textOf(result)}`, /not declared in initialize .*\{"sampling":\{\},"roots":\{\}\}/);
  assertEquals(textOf(await server.toolResult("only_declared")), "elicitation");
});

Deno.test("ask: an error of a legacy client is the tool's, and so is what is no result", async () => {
  await using server = await startStdio();
  for (
    const [body, error] of [
      [
        { error: { code: -1, message: "User rejected" } },
        /refused elicitation.*User rejected \(-1\)/,
      ],
      [{ result: { action: "maybe" } }, /no result of the method/],
    ] as const
  ) {
    const asking = server.toolResult("greet");
    const { id } = await nextRequest(server);
    await respond(server, id, body);
    const { isError, ...result } = await asking;
    assertEquals(isError, true);
    assertMatch(`${textOf(result)}`, error);
  }
});

Deno.test("ask: a cancelled call ends its requests, and its client is told", async () => {
  await using server = await startStdio();
  const id = ++server.lastId;
  const params = { name: "catches", arguments: {} };
  const asking = nextRequest(server);
  await server.write(
    `${JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params })}\n`,
  );
  const asked = await asking;
  await server.notify("notifications/cancelled", { requestId: id });
  // Not a response to the call: the next one, after which all notifications are there.
  await server.result("ping");
  assertEquals(server.notifications.map(({ method, params }) => [method, params]), [
    ["notifications/cancelled", { requestId: asked.id }],
  ]);
  // A late answer belongs to nothing, and does no harm.
  await respond(server, asked.id, { result: accepted("late") });
  await server.result("ping");
});

Deno.test("ask over stdio: a client that has closed its end answers no more, so its calls end", async () => {
  await using server = await startStdio();
  const asking = nextRequest(server);
  const replies = ["catches", "catches"].map((name) => server.toolResult(name));
  await asking;
  assertEquals(await server.endInput(), 0);
  for (const reply of replies) assertEquals(textOf(await reply), "caught");
});

Deno.test("ClientRequests: one without an answer in time fails, and is cancelled with those beside it", async () => {
  const sent: unknown[] = [];
  const requests = new ClientRequests((message) => {
    sent.push("method" in message ? [message.method, "id" in message] : message);
    return Promise.resolve();
  }, 1);
  const folders = { method: "roots/list" } as const;
  // The timer of the requests keeps no process alive.
  const alive = setInterval(() => {}, 1000);
  await assertRejects(
    () => requests.request(1, { one: folders, other: folders }),
    Error,
    "There is no answer to roots/list as it takes too long",
  );
  assertEquals(sent, [
    ...Array(2).fill(["roots/list", true]),
    ...Array(2).fill(["notifications/cancelled", false]),
  ]);
  requests.stop();
  clearInterval(alive);
});

Deno.test("ClientRequests: a closed connection ends all waiting", async () => {
  const requests = new ClientRequests(() => Promise.resolve());
  const asking = requests.request(1, { folders: { method: "roots/list" } });
  requests.stop();
  await assertRejects(() => asking, Error, "as the connection is closed");
  const late = requests.request(1, { folders: { method: "roots/list" } });
  await assertRejects(() => late, Error, "as the connection is closed");
});

Deno.test("ask: after the answer a legacy client is not asked", async () => {
  await using server = await startStdio();
  await server.toolResult("asks_late");
  assertMatch(`${textOf(await server.toolResult("late_outcome"))}`, /its request is answered/);
});

Deno.test("ask over --stateful: a client that has closed the stream of the call cannot be asked", async () => {
  const [closed, outcome] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()];
  const create = () => {
    const server = new McpServer({ name: "test", version: "1.0.0" });
    server.registerTool("roots", {}, async () => {
      await closed.promise;
      const { roots } = await ask({ roots: { method: "roots/list" } });
      return toolResult(`${roots.roots.length}`, {});
    });
    return server;
  };
  const store = new MemoryStore();
  const http = new StatefulHttpServer(async (transport) => {
    const server = create();
    const send = transport.send.bind(transport);
    transport.send = (message, options) => {
      if ("result" in message && message.id === 2) outcome.resolve(JSON.stringify(message.result));
      return send(message, options);
    };
    await server.connect(sessionLayer(transport, { store, policy: "optional" }));
  });
  await http.start();
  const fetch = (body: string, headers = {}) =>
    http.fetch(
      new Request("http://localhost", {
        method: "POST",
        body,
        headers: { ...HEADERS, ...headers },
      }),
    );
  const initialized = await fetch(request("initialize", { ...INITIALIZE, capabilities: ALL }));
  await initialized.text();
  const session = { "mcp-session-id": initialized.headers.get("mcp-session-id") ?? "" };
  const message = { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "roots" } };
  const call = await fetch(JSON.stringify(message), session);
  await call.body?.cancel();
  closed.resolve();
  assertMatch(await outcome.promise, /client has closed the stream/);
  await http.close();
  await store.close();
});
