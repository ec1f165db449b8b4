import { assert, assertEquals, assertMatch } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import {
  answer,
  type AuthInfo,
  findSession,
  McpServer,
  sessionHandles,
  type SessionHandlesOptions,
  sessionLayer,
  type SessionLayerOptions,
} from "../../servers/base/mod.ts";
import { MemoryStore } from "../../store/mod.ts";
import { INITIALIZE, type Reply, type WireResult } from "../support/server.ts";

/** A caller in the same process, who knows no sessions. */
class Caller implements AsyncDisposable {
  readonly advice: string[] = [];
  readonly answers: Reply[] = [];
  /** As whom it is authenticated. */
  authInfo: AuthInfo | undefined;
  readonly #server: McpServer;
  readonly #near: InMemoryTransport;
  readonly #waiting = new Map<unknown, (reply: Reply) => void>();
  #lastId = 0;

  private constructor(server: McpServer, near: InMemoryTransport) {
    this.#server = server;
    this.#near = near;
    near.onmessage = (message) => {
      if (!("id" in message) || "method" in message) return;
      const reply = message as unknown as Reply;
      this.answers.push(reply);
      this.#waiting.get(reply.id)?.(reply);
    };
  }

  static async connect(
    server: McpServer,
    offer: SessionHandlesOptions = { offer: "auto" },
    options: Partial<SessionLayerOptions> = {},
  ): Promise<Caller> {
    const [near, far] = InMemoryTransport.createLinkedPair();
    const caller = new Caller(server, near);
    await server.connect(sessionLayer(sessionHandles(far, offer), {
      store: new MemoryStore(),
      policy: "optional",
      local: true,
      advise: (level, message) => caller.advice.push(`${level}: ${message}`),
      ...options,
    }));
    await near.start();
    await caller.ask("initialize", INITIALIZE);
    return caller;
  }

  ask(method: string, params: object = {}, id: number | string = ++this.#lastId): Promise<Reply> {
    const promise = this.next(id);
    const extra = this.authInfo && { authInfo: this.authInfo };
    void this.#near.send({ jsonrpc: "2.0", id, method, params: { ...params } }, extra);
    return promise;
  }

  /** The next answer to this id. */
  next(id: number | string): Promise<Reply> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  async call(name: string, args: object = {}): Promise<WireResult> {
    const { result, error } = await this.ask("tools/call", { name, arguments: args });
    assert(result, JSON.stringify(error));
    return result;
  }

  notify(method: string, params: Record<string, unknown>): Promise<void> {
    return this.#near.send({ jsonrpc: "2.0", method, params });
  }

  /** The arguments of each tool that is listed, by its name. */
  async tools(params = {}): Promise<Record<string, string[]>> {
    const { result, error } = await this.ask("tools/list", params);
    assert(result, JSON.stringify(error));
    return Object.fromEntries(result.tools.map(({ name, inputSchema }) => [
      name,
      Object.keys(Object(inputSchema).properties ?? {}),
    ]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
  }
}

const shown = (args: object) => answer("", { args, id: findSession()?.id ?? null });
const newServer = () => new McpServer({ name: "example", version: "1" });

Deno.test("sessionHandles: a tool that comes later is seen, and may have an argument of its own", async () => {
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

Deno.test("sessionHandles: a tool that comes without a word is seen when it is called", async () => {
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
  // One that is never listed keeps its arguments, unless they can be nothing but a handle.
  assertEquals((await caller.call("hidden", args)).structuredContent, { args });
});

Deno.test("sessionHandles: knows all pages before it answers one, and asks no page twice", async () => {
  const server = newServer();
  server.registerTool("any", {}, () => shown({}));
  const asked: unknown[] = [];
  server.server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
    asked.push(params?.cursor);
    const page = Number(params?.cursor ?? 0);
    const properties: Record<string, object> = page === 2 ? { session: { type: "string" } } : {};
    return {
      tools: [{ name: `tool_${page}`, inputSchema: { type: "object" as const, properties } }],
      // The last page leads back to the second, as a server's mistake.
      nextCursor: page === 2 ? "1" : String(page + 1),
    };
  });
  await using caller = await Caller.connect(server);
  assertEquals((await caller.tools()).tool_0, ["session_handle"]);
  assertEquals(await caller.tools({ cursor: "2" }), { tool_2: ["session", "session_handle"] });
  // The caller's own two, and one survey of three pages.
  assertEquals(asked.length, 5, JSON.stringify(asked));
});

Deno.test("sessionHandles: a server that tells no tools is served as it is", async () => {
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

Deno.test("sessionHandles: a call that waits for the tools can be cancelled, and its id is in flight", async () => {
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
  // What names no session does not wait.
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

/** A server whose list is made by `list`, and whose tools show what reaches them. */
function listing(list: (asked: number, authInfo: AuthInfo | undefined) => object): McpServer {
  const server = newServerWith("any");
  let asked = 0;
  server.server.setRequestHandler(
    ListToolsRequestSchema,
    async (_, { authInfo }) => await list(++asked, authInfo) as { tools: [] },
  );
  server.server.setRequestHandler(
    CallToolRequestSchema,
    ({ params }) => shown(params.arguments ?? {}),
  );
  return server;
}

const tool = (name: string, ...properties: string[]) => ({
  name,
  inputSchema: {
    type: "object",
    properties: Object.fromEntries(properties.map((property) => [property, { type: "string" }])),
  },
});
const principal = (clientId: string): AuthInfo => ({ token: "t", clientId, scopes: [] });

Deno.test("sessionHandles: a caller whom nobody can name is shown the tools", async () => {
  await using caller = await Caller.connect(newServerWith("any"));
  caller.authInfo = principal("");
  assertEquals((await caller.tools()).any, ["session"]);
  assertEquals((await caller.ask("tools/call", { name: "any" })).error?.code, -32603);
});

Deno.test("sessionHandles: the lists of two principals do not take each other's tools away", async () => {
  let lists = 0;
  await using caller = await Caller.connect(listing((asked, authInfo) => {
    lists = asked;
    return { tools: authInfo?.clientId === "a" ? [tool("hers", "session")] : [tool("his")] };
  }));
  caller.authInfo = principal("a");
  const { session } = (await caller.call("session_create")).structuredContent;
  for (let round = 0; round < 3; round++) {
    caller.authInfo = principal("b");
    const his = await caller.call("his", { session_handle: "" });
    assertEquals(his.structuredContent, { args: {}, id: null });
    caller.authInfo = principal("a");
    const hers = await caller.call("hers", { session: "own", session_handle: session });
    assertEquals(hers.structuredContent, { args: { session: "own" }, id: session });
  }
  // One for each of them, the first for session_create.
  assertEquals(lists, 2);
});

Deno.test("sessionHandles: one of the three tools does not ask for the server's tools again", async () => {
  let lists = 0;
  await using caller = await Caller.connect(listing((asked) => {
    lists = asked;
    return { tools: [tool("any")] };
  }));
  for (const name of ["session_create", "session_list", "session_create"]) await caller.call(name);
  assertEquals(lists, 1);
});

Deno.test("sessionHandles: tools that change whenever they are listed are known as they last were", async () => {
  const server = listing(() => {
    server.sendToolListChanged();
    return { tools: [tool("any")] };
  });
  await using caller = await Caller.connect(server);
  const { structuredContent } = await caller.call("any", { session: "" });
  assertEquals(structuredContent, { args: {}, id: null });
});

Deno.test("sessionHandles: a list without a last page is not asked for for ever", async () => {
  const late = Promise.withResolvers<void>();
  await using caller = await Caller.connect(listing((asked) => {
    if (asked === 1500) late.resolve();
    return { tools: [tool(`tool_${asked}`)], nextCursor: `${asked}` };
  }));
  const listed = caller.tools();
  assertEquals((await Promise.race([listed, late.promise]))?.tool_1, ["session"]);
});

Deno.test("sessionHandles: a server that is closed while it is asked for its tools leaves no timer", async () => {
  const asked = Promise.withResolvers<void>();
  const caller = await Caller.connect(listing(() => {
    asked.resolve();
    return new Promise(() => {});
  }));
  void caller.ask("tools/call", { name: "any", arguments: { session: "" } });
  await asked.promise;
  await caller[Symbol.asyncDispose]();
});

Deno.test("session_create: arguments that are no object are an error, not a missing session", async () => {
  await using caller = await Caller.connect(newServerWith("any"), {}, { policy: "required" });
  for (const name of ["session_create", "session_list", "session_end"]) {
    const { error } = await caller.ask("tools/call", { name, arguments: [] });
    assertEquals(error?.code, -32602);
    assertMatch(error?.message ?? "", /^params\.arguments must be an object/);
  }
});

Deno.test("a session made lazily: is told beside what the tool has answered, in whatever form", async () => {
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
      Promise.resolve({ id: findSession()?.id, ...result });
    await using caller = await Caller.connect(server, {}, { policy: "auto" });
    const { content } = await caller.call("any");
    assertEquals(content.slice(0, -1).map(({ text }) => text), texts);
    assertMatch(content.at(-1)?.text ?? "", /new one: sess-/);
  }
});

Deno.test("sessionHandles: by hand it is always, and a tool in its way is an error", async () => {
  const server = newServer();
  server.registerTool("seance", { inputSchema: { session: z.string() } }, shown);
  await using caller = await Caller.connect(server, {});
  const { error } = await caller.ask("tools/list", { _meta: { "mcp/session": null } });
  assertEquals(error?.code, -32603);
  assertMatch(error?.message ?? "", /^Cannot add handles as .*seance/);
  await using plain = await Caller.connect(newServerWith("plain"), {});
  const seen = await plain.tools({ _meta: { "mcp/session": null } });
  assertEquals(seen.plain, ["session"]);
});

function newServerWith(tool: string): McpServer {
  const server = newServer();
  server.registerTool(tool, {}, () => shown({}));
  return server;
}

Deno.test("sessionLayer: tells once that a caller was refused who knows no sessions", async () => {
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
    await using caller = await Caller.connect(newServerWith("any"), {}, { ttlMs });
    const { result } = await caller.ask("tools/list");
    const description = `${result?.tools[0]?.description}`;
    assert(description.endsWith(`A session is kept for ${words} without use.`), description);
  }
});
