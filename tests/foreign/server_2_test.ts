/**
 * Servers written with the SDK's second generation, in a project of their own beside the checkout, and
 * what clients of both eras see of them.
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { member } from "../../runtime/json.ts";
import { outsideProject, programIn } from "../house/outside_project.ts";
import {
  HttpServer,
  INITIALIZE,
  isReply,
  messagesOf,
  opened,
  post,
  type Reply,
  request,
  type Server,
  startServer,
  TRANSPORTS,
} from "../support/servers/server.ts";
import { ASKING, COUNTER, MEMO } from "./server_2_programs.ts";

const VERSION = "2026-07-28";
const EXTENSION = "io.github.mcp-sessions/session";
const KNOWS_SESSIONS = { extensions: { [EXTENSION]: {} } };
const CAN_BE_ASKED = { elicitation: { form: {} } };

interface ModernParams {
  readonly name?: string;
  readonly arguments?: object;
  readonly _meta?: object;
}

/** Sends a modern request; its `_meta` is the envelope and what `params` adds to it. */
async function modern(
  server: Server,
  method: string,
  params: ModernParams = {},
  clientCapabilities: object = {},
): Promise<Reply> {
  const id = `modern-${++server.lastId}`;
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": clientCapabilities,
    ...params._meta,
  };
  const text = JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta } });
  if (!(server instanceof HttpServer)) return await server.send(text, id);
  const headers = {
    "mcp-protocol-version": VERSION,
    "mcp-method": method,
    ...(params.name !== undefined && { "mcp-name": params.name }),
  };
  const response = await post(server.url, text, headers);
  const reply = (await messagesOf(response)).at(-1);
  assert(isReply(reply), `no answer in a response of status ${response.status}`);
  return reply;
}

/** The params of an `initialize` whose client has capabilities. */
function initializing(capabilities: object): object {
  return { ...INITIALIZE, capabilities };
}

function cookieIdOf({ result }: Reply): unknown {
  return member(member(result?._meta, EXTENSION), "id");
}

for (const transport of TRANSPORTS) {
  Deno.test(`Server 2: one session goes on in both eras and after kill -9 (${transport})`, async () => {
    await using project = await outsideProject({ "memo.ts": MEMO });
    const store = `file:${project.path}/sessions.jsonl`;
    const first = await startServer({ ...programIn(project, "memo.ts"), transport, store });
    const { result: found } = await modern(first, "server/discover");
    assertEquals(member(found, "supportedVersions"), [VERSION]);
    const extension = member(member(found?.capabilities, "extensions"), EXTENSION);
    assertEquals(extension, { version: 2, features: ["create", "list", "delete"] });
    const { result: made } = await modern(first, "session/create", {}, KNOWS_SESSIONS);
    assertEquals(member(made, "resultType"), "complete");
    const cookie = { id: made?.id };
    const kept = await modern(first, "tools/call", {
      name: "keep",
      arguments: { text: "milk" },
      _meta: { [EXTENSION]: cookie },
    });
    assertEquals(kept.result?.content, [{ type: "text", text: "Kept" }]);
    assertEquals(cookieIdOf(kept), made?.id);
    assertEquals((await first.initialize()).serverInfo.name, "memo");
    assertEquals((await first.toolResult("recall", {}, cookie)).content[0]?.text, "milk");
    await first.toolResult("keep", { text: "bread" }, cookie);
    await first.stop("SIGKILL");

    await using second = await startServer({ ...programIn(project, "memo.ts"), transport, store });
    const recalled = await modern(second, "tools/call", {
      name: "recall",
      _meta: { [EXTENSION]: cookie },
    });
    assertEquals(recalled.result?.content, [{ type: "text", text: "bread" }]);
    const { content, _meta } = await second.toolResult("recall", {}, cookie);
    assertEquals([content[0]?.text, _meta?.["mcp/session"]?.id], ["bread", made?.id]);
  });

  Deno.test(`Server 2: refusals and handles are those of each era (${transport})`, async () => {
    await using project = await outsideProject({ "memo.ts": MEMO });
    await using server = await startServer({ ...programIn(project, "memo.ts"), transport });
    const { result: made } = await modern(server, "session/create", {}, KNOWS_SESSIONS);
    const cookie = { id: made?.id };
    const presented = { _meta: { [EXTENSION]: cookie } };
    const inModern = (params: ModernParams, capabilities?: object) =>
      modern(server, "tools/call", params, capabilities);

    const missing = await inModern({ name: "recall" }, KNOWS_SESSIONS);
    assertEquals([missing.error?.code, missing.error?.data], [-31002, { reason: "missing" }]);
    assertEquals((await server.tool("recall", {}, null)).error?.code, -32002);
    assertEquals((await inModern({ name: "none", ...presented })).error?.code, -32602);
    assertEquals((await server.tool("none", {}, cookie)).error?.code, -32602);
    const wrong = await inModern({ name: "keep", arguments: {}, ...presented });
    assertEquals([wrong.result?.isError, member(wrong.result, "resultType")], [true, "complete"]);
    assertEquals((await server.toolResult("keep", {}, cookie)).isError, true);

    const own = ["session_create", "session_list", "session_end"];
    const names = (reply: Reply) => reply.result?.tools.map(({ name }: { name?: unknown }) => name);
    assertEquals(names(await modern(server, "tools/list")), [...own, "keep", "recall"]);
    assertEquals(names(await modern(server, "tools/list", {}, KNOWS_SESSIONS)), ["keep", "recall"]);
    assertEquals(names(await server.request("tools/list")), [...own, "keep", "recall"]);
    const unaware = await inModern({ name: "recall" });
    assertEquals(unaware.result?.isError, true);
    const { result: handle } = await inModern({ name: "session_create" });
    const { session } = handle?.structuredContent ?? {};
    await inModern({ name: "keep", arguments: { text: "tea", session } });
    assertEquals((await server.toolResult("recall", { session })).content[0]?.text, "tea");
  });

  Deno.test(`Server 2: a modern client is asked nothing, and told why (${transport})`, async () => {
    await using project = await outsideProject({ "asking.ts": ASKING });
    await using server = await startServer({ ...programIn(project, "asking.ts"), transport });
    const call = async (name: string) => {
      const { result } = await modern(server, "tools/call", { name }, CAN_BE_ASKED);
      return [result?.isError, member(result, "resultType"), result?.content[0]?.text];
    };
    for (const name of ["ask", "push"]) {
      const [isError, resultType, text] = await call(name);
      assertEquals([isError, resultType], [true, "complete"]);
      assertMatch(`${text}`, /client/i);
    }
    // Nor if a legacy client of the same process can be asked.
    await server.request("initialize", initializing({ elicitation: {} }));
    const [isError, , text] = await call("ask");
    assertEquals(isError, true);
    assertStringIncludes(`${text}`, "its version of MCP takes no requests");
  });
}

Deno.test("Server 2: serves transport sessions too, and theirs is not the session", async () => {
  await using project = await outsideProject({ "memo.ts": MEMO });
  const flags = ["--stateful"];
  await using server = await startServer({
    ...programIn(project, "memo.ts"),
    transport: "http",
    flags,
  });
  const ask = async (transportSession: Record<string, string>, method: string, params: object) => {
    const response = await post(server.url, request(method, params), transportSession);
    return (await messagesOf(response)).at(-1)?.result;
  };
  const one = await opened(server.url);
  const made = await ask(one, "session/create", {});
  const _meta = { "mcp/session": { id: made?.id } };
  await ask(one, "tools/call", { name: "keep", arguments: { text: "milk" }, _meta });
  const other = await opened(server.url);
  assertNotEquals(other, one);
  const recalled = await ask(other, "tools/call", { name: "recall", _meta });
  assertEquals(recalled?.content[0]?.text, "milk");
});

Deno.test("Server 2: asks a legacy client, and goes on in the session of the call", async () => {
  await using project = await outsideProject({ "asking.ts": ASKING });
  await using server = await startServer({
    ...programIn(project, "asking.ts"),
    transport: "stdio",
  });
  const asked: unknown[] = [];
  server.onunasked = (line) => {
    const { id, method } = JSON.parse(line);
    asked.push(method);
    const result = { action: "accept", content: { colour: "green" } };
    void server.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
  };
  await server.request("initialize", initializing(CAN_BE_ASKED));
  const { content, _meta } = await server.toolResult("ask");
  assertEquals(JSON.parse(content[0]?.text ?? ""), {
    action: "accept",
    content: { colour: "green" },
  });
  assertMatch(_meta?.["mcp/session"]?.id ?? "", /^sess-/);
  assertEquals(asked, ["elicitation/create"]);
  // It is a request of the server's, which the support takes for a line that nobody expects.
  server.unasked.length = 0;
});

Deno.test("Server 2: sees what a modern client says of itself, and logs to who wants it", async () => {
  await using project = await outsideProject({ "asking.ts": ASKING });
  await using server = await startServer({
    ...programIn(project, "asking.ts"),
    transport: "stdio",
  });
  const see = async (_meta: object) => {
    const before = server.notifications.length;
    const { result } = await modern(server, "tools/call", { name: "see", _meta }, CAN_BE_ASKED);
    const seen = JSON.parse(result?.content[0]?.text ?? "");
    assertEquals(seen["io.modelcontextprotocol/clientCapabilities"], CAN_BE_ASKED);
    return server.notifications.slice(before);
  };
  assertEquals(await see({}), []);
  assertEquals(await see({ "io.modelcontextprotocol/logLevel": "error" }), []);
  assertEquals(await see({ "io.modelcontextprotocol/logLevel": "info" }), [{
    jsonrpc: "2.0",
    method: "notifications/message",
    params: { level: "info", data: "seeing" },
  }]);
  await server.initialize();
  assertEquals((await server.toolResult("see")).content[0]?.text, "null");
});

Deno.test("Server 2: the program of README runs with its server and its transport", async () => {
  await using project = await outsideProject({ "counter.ts": COUNTER });
  await using server = await startServer({
    ...programIn(project, "counter.ts"),
    transport: "stdio",
    store: "",
  });
  const reply = await modern(server, "tools/call", { name: "count" }, KNOWS_SESSIONS);
  assertEquals(reply.result?.content[0]?.text, "Call 1 of this session");
  const cookie = { id: cookieIdOf(reply) };
  await server.initialize();
  const { content } = await server.toolResult("count", {}, cookie);
  assertEquals(content[0]?.text, "Call 2 of this session");
});
