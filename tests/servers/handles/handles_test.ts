import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type JSONRPCMessage, sessionLayer, type Transport } from "../../../servers/base/mod.ts";
import { MemoryStore } from "../../../store/mod.ts";
import {
  HttpServer,
  presenting,
  type Reply,
  type Server,
  startServer,
  TRANSPORTS,
  type WireResult,
} from "../../support/servers/server.ts";
import { POLICIES, withFolder, withTokens } from "../../support/servers/bound_calls.ts";
import { callerOf } from "../../support/servers/callers.ts";

const HANDLES = ["--handles"];
const DEAD = "sess-" + "0".repeat(32);

type Call = (name: string, args?: object, _meta?: object) => Promise<Reply>;

const callsOf = (server: Server): Call => (name, args = {}, _meta = {}) =>
  server.request("tools/call", { name, arguments: args, _meta });

/** Calls over HTTP, of the principal with this token, or of an anonymous caller. */
async function callsBy(server: HttpServer, token?: string): Promise<Call> {
  const send = await callerOf(server, token);
  return (name, args = {}, _meta = {}) => send("tools/call", { name, arguments: args, _meta });
}

/** The structured content of a call that must succeed. */
async function said(reply: Promise<Reply>): Promise<Record<string, unknown>> {
  const { result, error } = await reply;
  assert(result && !result.isError, JSON.stringify(error ?? result));
  return result.structuredContent;
}

/** Makes a session, and gives its handle. */
async function create(call: Call, title = "a title"): Promise<string> {
  const { session } = await said(call("session_create", { title }));
  assert(typeof session === "string");
  return session;
}

/** The handles that are listed. */
async function listed(call: Call, meta = {}): Promise<unknown[]> {
  const { sessions, has_more } = await said(call("session_list", {}, meta));
  assertEquals(has_more, false);
  assert(Array.isArray(sessions));
  return sessions.map(({ session }) => session);
}

/** Holds a result that tells the model what to do next, and that no client takes for -32002. */
function assertDead({ result, error }: Reply): void {
  assert(result?.isError, JSON.stringify(error ?? result));
  const text = result.content.map(({ text }) => text).join("\n");
  assertMatch(text, /session_create/);
  assert(!/session required|send session\/create/i.test(text), text);
}

for (const transport of TRANSPORTS) {
  for (const flags of transport === "http" ? [[], ["--stateful"]] : [[]]) {
    const where = [transport, ...flags].join(" ");

    Deno.test(`--handles over ${where}: a model makes a session, uses it, and ends it`, async () => {
      const all = [...HANDLES, ...flags];
      await using server = await startServer({ server: "notebook", transport, flags: all });
      const call = server instanceof HttpServer ? await callsBy(server) : callsOf(server);
      const made = (await call("session_create", { title: "Shopping" })).result;
      const { session, title, expiry } = made?.structuredContent ?? {};
      assertMatch(`${session}`, /^sess-[0-9a-f]{32}$/);
      assertEquals(title, "Shopping");
      assert(Date.parse(`${expiry}`) > Date.now());
      assert(made?.content[0]?.text.includes(`${session}`));
      await said(call("notebook_append", { text: "milk", session }));
      const { result } = await call("notebook_read", { session });
      const { session_id, count } = result?.structuredContent ?? {};
      assertEquals([session_id, count], [session, 1]);
      assertEquals(result?._meta?.["mcp/session"]?.id, session);
      const other = await create(call);
      assertEquals((await said(call("notebook_read", { session: other }))).count, 0);
      assertEquals(await said(call("session_end", { session })), { session, ended: true });
      assertDead(await call("notebook_read", { session }));
      assertDead(await call("session_end", { session }));
      assertEquals((await said(call("notebook_read", { session: other }))).count, 0);
    });
  }

  Deno.test(`--handles over ${transport}: tools/list shows the tools and the argument`, async () => {
    await using server = await startServer({ server: "notebook", transport, flags: HANDLES });
    const { tools } = await server.result("tools/list");
    await using plain = await startServer({ server: "notebook", transport });
    const before = (await plain.result("tools/list", { _meta: { "mcp/session": null } })).tools;
    const own = ["session_create", "session_list", "session_end"];
    assertEquals(tools.map(({ name }) => name), [...own, ...before.map(({ name }) => name)]);
    for (const [index, tool] of before.entries()) {
      const { inputSchema, ...rest } = tools[index + own.length] ?? {};
      const { inputSchema: schema, ...others } = tool;
      assertEquals(rest, others);
      assert(isSchema(inputSchema) && isSchema(schema));
      const { session, ...properties } = inputSchema.properties ?? {};
      assertMatch(JSON.stringify(session), /"type":"string".*session_create/);
      assertEquals({ ...inputSchema, properties }, {
        ...schema,
        properties: schema.properties ?? {},
      });
    }
  });

  Deno.test(`a dead handle over ${transport}: runs no tool under any policy, and says what to do`, async () => {
    await using server = await startServer({ server: POLICIES, transport, flags: HANDLES });
    const call = callsOf(server);
    for (const session of [DEAD, "made up", "x".repeat(10_000), "__proto__", 7, {}, []]) {
      for (const tool of ["read", "via_lazy", "via_public", "no_such_tool", "session_end"]) {
        assertDead(await call(tool, { session }));
      }
    }
    assertDead(await call("session_end"));
    for (const session of [null, ""]) {
      assertEquals((await said(call("via_public", { session }))).via, null);
      assertEquals((await said(call("via_lazy", { session }))).via, "created");
      assertDead(await call("read", { session }));
      assertDead(await call("session_end", { session }));
    }
    for (const title of [7, "x".repeat(100_000), "half \ud83d"]) {
      const { result } = await call("session_create", { title });
      assertEquals(result?.isError, true);
      assertMatch(result?.content[0]?.text ?? "", /^The argument "title" /);
    }
  });

  Deno.test(`a cookie and a handle over ${transport}: must name one session`, async () => {
    await using server = await startServer({ server: POLICIES, transport, flags: HANDLES });
    const call = callsOf(server);
    const [one, two] = [await create(call), await create(call)];
    const cookie = (id: unknown) => presenting({ id })._meta ?? {};
    assertEquals((await said(call("via", { session: one }, cookie(one)))).session_id, one);
    for (const presented of [two, DEAD, 7]) {
      for (const tool of ["via", "via_public", "session_end"]) {
        const { error } = await call(tool, { session: one }, cookie(presented));
        assertEquals(error?.code, -32602);
        assertMatch(error?.message ?? "", /different sessions/);
      }
    }
    assertEquals((await said(call("via", {}, cookie(two)))).via, "cookie");
    assertEquals((await call("session_end", { session: one }, cookie(one))).result?._meta, {
      "mcp/session": null,
    });
  });

  Deno.test(`--handles over ${transport}: words a missing session for callers that know none`, async () => {
    await using server = await startServer({ server: POLICIES, transport, flags: HANDLES });
    const call = callsOf(server);
    assertDead(await call("read"));
    for (const cookie of [null, { id: DEAD }, 7]) {
      const { error } = await call("read", {}, { "mcp/session": cookie });
      assertEquals(error?.code, -32002);
      assertMatch(error?.message ?? "", /^Session required\. .*session\/create/);
    }
  });
}

function isSchema(value: unknown): value is { properties?: Record<string, unknown> } {
  return typeof value === "object" && value !== null;
}

Deno.test("a handle: beats the conversation and the named session", async () => {
  const flags = [...HANDLES, "--session", "mine"];
  await using server = await startServer({ server: POLICIES, transport: "stdio", flags });
  const call = callsOf(server);
  const conversation = { "vscode.conversationId": "one" };
  const session = await create(call);
  assertEquals(await said(call("via", { session }, conversation)), {
    session_id: session,
    via: "handle",
  });
  assertEquals((await said(call("via", {}, conversation))).via, "conversation");
  assertEquals((await said(call("via"))).via, "name");
  assertDead(await call("via", { session: DEAD }, conversation));
  // A list for a model leaves out sessions that a conversation or a name leads to.
  assertEquals(await listed(call), [session]);
});

Deno.test("a handle: a new one is told when a tool changes the session's id", async () => {
  await using server = await startServer({ server: POLICIES, transport: "stdio", flags: HANDLES });
  const call = callsOf(server);
  const session = await create(call);
  await said(call("append", { text: "kept", session }));
  const { result } = await call("regenerate", { session });
  const after = result?.structuredContent.after;
  assertNotEquals(after, session);
  assert(result?.content.at(-1)?.text.includes(`${after}`), JSON.stringify(result?.content));
  assertDead(await call("read", { session }));
  assertEquals((await said(call("read", { session: after }))).list, ["kept"]);
  const revoked = (await call("revoke_then_write", { session: after })).result;
  assertEquals(revoked?._meta?.["mcp/session"], null);
  assertMatch(revoked?.content.at(-1)?.text ?? "", /ended.*session_create/);
});

Deno.test("a handle: the result says that the tool has run if the session ended meanwhile", async () => {
  await using server = await startServer({ server: POLICIES, transport: "stdio", flags: HANDLES });
  const call = callsOf(server);
  const session = await create(call);
  const holding = call("hold", { text: "x", session });
  await call("held");
  await said(call("session_end", { session }));
  await call("release");
  const reply = await holding;
  assertDead(reply);
  assertMatch(reply.result?.content[0]?.text ?? "", /ended while the tool ran/);
});

Deno.test("a handle: works after a kill -9, over either transport, until it expires", async () => {
  await withFolder(async (folder) => {
    const options = { server: POLICIES, store: `file:${folder}/sessions.jsonl` };
    const first = await startServer({ ...options, transport: "stdio", flags: HANDLES });
    const session = await create(callsOf(first));
    await said(callsOf(first)("append", { text: "one", session }));
    await first.stop("SIGKILL");
    const flags = [...HANDLES, "--ttl", "1s"];
    await using second = await startServer({ ...options, transport: "http", flags });
    const call = callsOf(second);
    assertEquals((await said(call("append", { text: "two", session }))).list, ["one", "two"]);
    const brief = await create(call);
    const cookie = presenting({ id: brief })._meta;
    while ((await listed(call, cookie)).length > 0) { /* still alive */ }
    assertDead(await call("read", { session: brief }));
  });
});

Deno.test("a handle: works for its owner alone, and is listed to no other caller", async () => {
  await withTokens([...HANDLES, "--allow-anonymous"], async (server) => {
    const alice = await callsBy(server, "a-token");
    const bob = await callsBy(server, "b-token");
    const anybody = await callsBy(server);
    const [hers, his, anonymous] = [await create(alice), await create(bob), await create(anybody)];
    const lists = [await listed(alice), await listed(bob), await listed(anybody)];
    assertEquals(lists, [[hers], [his], []]);
    assertEquals(await listed(anybody, presenting({ id: anonymous })._meta), [anonymous]);
    assertEquals(await listed(anybody, presenting({ id: hers })._meta), []);
    const never = (await bob("read", { session: DEAD })).result;
    for (const [call, session] of [[bob, hers], [anybody, hers], [alice, anonymous]] as const) {
      assertEquals((await call("read", { session })).result, never);
      assertDead(await call("session_end", { session }));
    }
    assertEquals((await said(alice("via", { session: hers }))).via, "handle");
    assertEquals((await said(anybody("via", { session: anonymous }))).via, "handle");
  });
});

Deno.test("session_list on stdio: lists the sessions without owner, oldest first", async () => {
  await using server = await startServer({ server: POLICIES, transport: "stdio", flags: HANDLES });
  const call = callsOf(server);
  const empty = (await call("session_list")).result;
  assertMatch(empty?.content[0]?.text ?? "", /session_create/);
  const handles = [await create(call), (await server.create()).id, await create(call)];
  assertEquals(await listed(call), handles);
});

Deno.test("handles: adds the argument on every page of tools/list, and the tools on one", async () => {
  const sent: JSONRPCMessage[] = [];
  const wire: Transport = {
    start: () => Promise.resolve(),
    send: (message) => Promise.resolve(void sent.push(message)),
    close: () => Promise.resolve(),
  };
  const handles = sessionLayer(wire, { store: new MemoryStore(), handles: "always" });
  // Without an answer, its own requests for the tools would wait for five seconds.
  handles.onmessage = (message) => {
    if (!("id" in message) || message.id === 1) return;
    void handles.send({ jsonrpc: "2.0", id: message.id!, result: { tools: [] } });
  };
  const page = async (params: Record<string, unknown>, result: Record<string, unknown>) => {
    wire.onmessage?.({ jsonrpc: "2.0", id: 1, method: "tools/list", params });
    await handles.send({ jsonrpc: "2.0", id: 1, result });
    return JSON.parse(JSON.stringify(sent.at(-1)));
  };
  const tool = (name: string, properties = {}) => ({
    name,
    inputSchema: { type: "object", properties },
  });
  const names = ({ result }: { result: WireResult }) => result.tools.map(({ name }) => name);
  const first = await page({}, { tools: [tool("a")], nextCursor: "2" });
  assertEquals(names(first), ["session_create", "session_list", "session_end", "a"]);
  assertEquals(first.result.nextCursor, "2");
  const second = await page({ cursor: "2" }, { tools: [tool("b"), tool("c")] });
  assertEquals(names(second), ["b", "c"]);
  for (const { inputSchema } of [first.result.tools.at(-1), ...second.result.tools]) {
    assertEquals(inputSchema.properties.session.type, "string");
  }
  for (const clashing of [tool("session_list"), tool("d", { session: { type: "string" } })]) {
    const { error } = await page({ cursor: "2" }, { tools: [clashing] });
    assertEquals(error.code, -32603);
    assertMatch(error.message, /^Cannot add handles as .*(session_list|"session")/);
  }
});

Deno.test("--handles: refuses the id of a pending request, and answers the first request", async () => {
  await using server = await startServer({ server: POLICIES, transport: "stdio", flags: HANDLES });
  const call = callsOf(server);
  const session = await create(call);
  const send = (name: string, args: object) => {
    const params = { name, arguments: args };
    const message = { jsonrpc: "2.0", id: "x", method: "tools/call", params };
    return server.write(`${JSON.stringify(message)}\n`);
  };
  const expected = [server.expect("x"), server.expect("x")];
  await send("hold", { session });
  await said(call("held", { session }));
  await send("session_list", {});
  const [refused] = await Promise.race(expected.map(async (reply) => [await reply]));
  assertEquals(refused?.error?.code, -32600);
  await said(call("release", { session }));
  const replies = await Promise.all(expected);
  assertEquals(replies.filter(({ error }) => error === undefined).length, 1);
  const [answered] = replies.filter(({ error }) => error === undefined);
  assertEquals(answered?.result?.structuredContent?.outcome, "written");
});
