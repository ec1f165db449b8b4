import { assert, assertEquals, assertMatch } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import {
  type AuthInfo,
  type McpServer,
  optionalSession,
  sessionLayer,
} from "../../../servers/base/mod.ts";
import { MemoryStore } from "../../../store/mod.ts";
import {
  Caller,
  newServer,
  newServerWith,
  principal,
  shown,
} from "../../support/servers/in_process.ts";

Deno.test("handles: a tool that is added later is seen, with an argument session of its own", async () => {
  const server = newServer();
  server.registerTool("first", { inputSchema: { text: z.string().optional() } }, shown);
  await using caller = await Caller.connect(server);
  assertEquals((await caller.tools()).first, ["text", "session"]);
  const { session } = (await caller.call("session_create")).structuredContent;
  assertEquals((await caller.call("first", { session })).structuredContent.id, session);
  server.registerTool("later", { inputSchema: { session: z.string() } }, shown);
  const later = await caller.call("later", { session: "of its own" });
  assertEquals(later.structuredContent, { args: { session: "of its own" }, id: null });
  assertEquals((await caller.tools()).first, ["text", "session_handle"]);
  const named = await caller.call("first", { session_handle: session });
  assertEquals(named.structuredContent, { args: {}, id: session });
  assertEquals(caller.advice.length, 1, caller.advice.join("\n"));
});

Deno.test("handles: a tool that is added without a notification is seen when it is called", async () => {
  const server = newServer();
  server.registerTool("first", {}, () => shown({}));
  let tools = ["first"];
  server.server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: tools.map((name) => ({
      name,
      inputSchema: {
        type: "object" as const,
        properties: name === "first" ? {} : { session: { type: "string" } },
      },
    })),
  }));
  server.server.setRequestHandler(
    CallToolRequestSchema,
    ({ params }) => ({ content: [], structuredContent: { args: params.arguments } }),
  );
  await using caller = await Caller.connect(server);
  assertEquals(await caller.tools(), {
    session_create: ["title"],
    session_list: [],
    session_end: ["session"],
    first: ["session"],
  });
  tools = ["first", "silent"];
  const args = { session: "of its own" };
  assertEquals((await caller.call("silent", args)).structuredContent, { args });
  // A tool that is never listed keeps its arguments, unless one is surely a handle.
  assertEquals((await caller.call("hidden", args)).structuredContent, { args });
});

Deno.test("handles: a server without tools/list is served as it is", async () => {
  const server = newServer();
  server.server.registerCapabilities({ tools: {} });
  server.server.setRequestHandler(
    CallToolRequestSchema,
    ({ params }) => ({ content: [], structuredContent: { args: params.arguments } }),
  );
  await using caller = await Caller.connect(server);
  assertEquals((await caller.ask("tools/list")).error?.code, -32601);
  const args = { session: "x" };
  assertEquals((await caller.call("anything", args)).structuredContent, { args });
});

Deno.test("handles: a call that waits for discovery is pending, and can be cancelled", async () => {
  const server = newServer();
  const listing = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const called: unknown[] = [];
  server.registerTool("any", {}, () => shown({}));
  server.server.setRequestHandler(ListToolsRequestSchema, async () => {
    asked.resolve();
    await listing.promise;
    return { tools: [{ name: "any", inputSchema: { type: "object" as const } }] };
  });
  server.server.setRequestHandler(CallToolRequestSchema, ({ params }) => {
    called.push(params.name);
    return { content: [] };
  });
  await using caller = await Caller.connect(server);
  const params = { name: "any", arguments: { session: "" } };
  void caller.ask("tools/call", params, "cancelled");
  void caller.ask("tools/call", params, "kept");
  await asked.promise;
  // A call that names no session does not wait.
  assertEquals((await caller.ask("tools/call", { name: "any" })).error, undefined);
  const twice = await caller.ask("ping", {}, "kept");
  assertEquals(twice.error?.code, -32600);
  await caller.notify("notifications/cancelled", { requestId: "cancelled" });
  const answered = caller.next("kept");
  listing.resolve();
  assertEquals((await answered).result?.isError, undefined);
  assertEquals(called.length, 2);
  assert(!caller.answers.some(({ id }) => id === "cancelled"));
});

Deno.test("handles: shows the tools to an ambiguous caller", async () => {
  await using caller = await Caller.connect(newServerWith("any"));
  caller.authInfo = principal("");
  assertEquals((await caller.tools()).any, ["session"]);
  assertEquals((await caller.ask("tools/call", { name: "any" })).error?.code, -32603);
});

Deno.test("session_create: arguments that are no object are an error, not a missing session", async () => {
  await using caller = await Caller.connect(newServerWith("any"), {
    handles: "always",
    policy: "required",
  });
  for (const name of ["session_create", "session_list", "session_end"]) {
    const { error } = await caller.ask("tools/call", { name, arguments: [] });
    assertEquals(error?.code, -32602);
    assertMatch(error?.message ?? "", /^params\.arguments must be an object/);
  }
});

Deno.test("a lazy session: is told beside the tool's result, of any form", async () => {
  const structuredContent = { note: "milk" };
  const structured = JSON.stringify(structuredContent);
  const answers: [result: object, texts: string[]][] = [
    [{ content: [], structuredContent }, [structured]],
    [{ content: null, structuredContent }, [structured]],
    [{ content: [{ type: "text", text: "x" }], structuredContent }, ["x"]],
    [{ content: [] }, []],
  ];
  for (const [result, texts] of answers) {
    const server = newServerWith("any");
    server.server.removeRequestHandler("tools/call");
    server.server.fallbackRequestHandler = () =>
      Promise.resolve({ id: optionalSession()?.id, ...result });
    await using caller = await Caller.connect(server, { handles: "always", policy: "auto" });
    const { content } = await caller.call("any");
    assertEquals(content.slice(0, -1).map(({ text }) => text), texts);
    assertMatch(content.at(-1)?.text ?? "", /new one: sess-/);
  }
});

Deno.test('handles "always": offers to every caller, and a tool in the way is an error', async () => {
  const server = newServer();
  server.registerTool("seance", { inputSchema: { session: z.string() } }, shown);
  await using caller = await Caller.connect(server, { handles: "always" });
  const { error } = await caller.ask("tools/list", { _meta: { "mcp/session": null } });
  assertEquals(error?.code, -32603);
  assertMatch(error?.message ?? "", /^Cannot add handles as .*seance/);
  await using plain = await Caller.connect(newServerWith("plain"), { handles: "always" });
  const seen = await plain.tools({ _meta: { "mcp/session": null } });
  assertEquals(seen.plain, ["session"]);
});

Deno.test("sessionLayer: advises once on refused callers that know no sessions", async () => {
  const advised: string[] = [];
  const [near, far] = InMemoryTransport.createLinkedPair();
  const server = newServerWith("any");
  const advise = (level: string) => advised.push(level);
  await server.connect(sessionLayer(far, { store: new MemoryStore(), advise }));
  await near.start();
  for (const [id, meta] of [{ "mcp/session": null }, {}, {}].entries()) {
    const answered = new Promise((resolve) => near.onmessage = resolve);
    const params = { name: "any", _meta: meta };
    await near.send({ jsonrpc: "2.0", id, method: "tools/call", params });
    await answered;
  }
  assertEquals(advised, ["info"]);
  await server.close();
});

Deno.test("session_create: tells how long a session is kept without use", async () => {
  const kept: [ttlMs: number, words: string][] = [
    [7 * 86_400_000, "7 days"],
    [86_400_000, "1 day"],
    [12 * 3_600_000, "12 hours"],
    [90_000, "90 seconds"],
    [1500, "1.5 seconds"],
  ];
  for (const [ttlMs, words] of kept) {
    await using caller = await Caller.connect(newServerWith("any"), { handles: "always", ttlMs });
    const { result } = await caller.ask("tools/list");
    const description = `${result?.tools[0]?.description}`;
    assert(description.endsWith(`A session is kept for ${words} without use.`), description);
  }
});

/** A server with one tool, which can take no further argument. */
function closedServer(): McpServer {
  const server = newServerWith("closed");
  const inputSchema = { type: "object" as const, maxProperties: 0 };
  const tools = [{ name: "closed", inputSchema }];
  server.server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));
  return server;
}

Deno.test("a refusal of a tool that can take no argument: says what helps this caller", async () => {
  const told = async (local: boolean, authInfo: AuthInfo | undefined, _meta = {}) => {
    const options = { policy: "required", local } as const;
    await using caller = await Caller.connect(closedServer(), options);
    caller.authInfo = authInfo;
    const { isError, content } = await caller.call("closed", {}, _meta);
    assertEquals(isError, true);
    return content[0]?.text ?? "";
  };
  const known = /Nothing was done\. Tell the user .* can give such calls a session of a name/;
  assertMatch(await told(true, undefined), known);
  assertMatch(await told(false, principal("a")), known);
  assertMatch(
    await told(false, undefined),
    /can authenticate its callers, and give each a session/,
  );
  assertMatch(await told(false, undefined, { threadId: "one" }), /conversation, which would count/);
});

Deno.test("a refusal: advises the operator on what helps this caller", async () => {
  const any = () => newServerWith("any");
  const clash = () => newServerWith("session_end");
  const advice = async (server: McpServer, local: boolean, authInfo?: AuthInfo) => {
    const options = { policy: "required", local } as const;
    await using caller = await Caller.connect(server, options);
    caller.authInfo = authInfo;
    for (const name of ["any", "closed", "session_end"]) {
      await caller.ask("tools/call", { name, arguments: {} });
    }
    return caller.advice.filter((line) => /^info: A call had no session/.test(line)).join("\n");
  };
  const alice = principal("alice");
  assertMatch(
    await advice(any(), true),
    /: --session NAME gives such calls one session; its model/,
  );
  assertMatch(await advice(any(), false), /: with tokens conversations count, .* its model/);
  assertMatch(
    await advice(any(), false, alice),
    /: --session NAME gives each user one .* its model/,
  );
  // Handles cannot be offered, or not for this tool.
  for (const inTheWay of [clash, closedServer]) {
    assertMatch(await advice(inTheWay(), true), /gives such calls one session$/m);
    assertMatch(await advice(inTheWay(), false, alice), /gives each user one session$/m);
  }
});

Deno.test("handles: are described as not needed to principals with a session by name, and to no others", async () => {
  const options = { local: false, sessionName: "notes" };
  await using caller = await Caller.connect(newServerWith("any"), {
    handles: "always",
    ...options,
  });
  const known = [principal("a"), /not needed/] as const;
  for (const [authInfo, says] of [known, [undefined, /from session_create/] as const]) {
    caller.authInfo = authInfo;
    const { result } = await caller.ask("tools/list");
    const schema = Object(result?.tools.at(-1)?.inputSchema);
    assertMatch(schema.properties.session.description, says);
  }
});
