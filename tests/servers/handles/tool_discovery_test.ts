import { assertEquals } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/types"
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import type { AuthInfo, McpServer } from "../../../servers/base/mod.ts";
import {
  Caller,
  newServer,
  newServerWith,
  principal,
  shown,
} from "../../support/servers/in_process.ts";

/** A server whose tools are those of `list`, and show their arguments. */
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

Deno.test("handles: two principals' lists of tools do not replace each other", async () => {
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
  // One list for each principal, the first for session_create.
  assertEquals(lists, 2);
});

Deno.test("handles: a call of one of the three tools lists no tools again", async () => {
  let lists = 0;
  await using caller = await Caller.connect(listing((asked) => {
    lists = asked;
    return { tools: [tool("any")] };
  }));
  for (const name of ["session_create", "session_list", "session_create"]) await caller.call(name);
  assertEquals(lists, 1);
});

Deno.test("handles: tools that change whenever they are listed are known as last listed", async () => {
  const server = listing(() => {
    server.sendToolListChanged();
    return { tools: [tool("any")] };
  });
  await using caller = await Caller.connect(server);
  const { structuredContent } = await caller.call("any", { session: "" });
  assertEquals(structuredContent, { args: {}, id: null });
});

Deno.test("handles: a call waits for the tools that change while they are listed", async () => {
  const server = listing((asked) => {
    if (asked === 1) server.sendToolListChanged();
    return { tools: [asked === 1 ? tool("any") : tool("any", "session")] };
  });
  await using caller = await Caller.connect(server);
  const { structuredContent } = await caller.call("any", { session: "own" });
  assertEquals(structuredContent, { args: { session: "own" }, id: null });
});

Deno.test("handles: a list without a last page ends", async () => {
  const late = Promise.withResolvers<void>();
  await using caller = await Caller.connect(listing((asked) => {
    if (asked === 1500) late.resolve();
    return { tools: [tool(`tool_${asked}`)], nextCursor: `${asked}` };
  }));
  const listed = caller.tools();
  assertEquals((await Promise.race([listed, late.promise]))?.tool_1, ["session"]);
});

Deno.test("handles: a server that closes during discovery leaves no timer", async () => {
  const asked = Promise.withResolvers<void>();
  const caller = await Caller.connect(listing(() => {
    asked.resolve();
    return new Promise(() => {});
  }));
  void caller.ask("tools/call", { name: "any", arguments: { session: "" } });
  await asked.promise;
  await caller[Symbol.asyncDispose]();
});

Deno.test("handles: reads all pages before it answers one, and each page once", async () => {
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
