import { assert, assertEquals, assertMatch } from "@std/assert";
import { POLICIES } from "../../support/servers/bound_calls.ts";
import {
  callRequest,
  messagesOf,
  opened,
  post,
  presenting,
  request,
  type Server,
  startServer,
  TRANSPORTS,
} from "../../support/servers/server.ts";

const dead = { id: "sess-" + "0".repeat(32) };
const CURRENT = { uri: "session://current" };

async function structured(reply: ReturnType<Server["toolResult"]>) {
  return (await reply).structuredContent;
}

for (const transport of TRANSPORTS) {
  const start = (flags: string[] = []) => startServer({ server: POLICIES, transport, flags });

  Deno.test(`optional over ${transport}: a tool runs with a session or without`, async () => {
    await using server = await start();
    const cookie = await server.create();
    const cases: [presented: unknown, id: string | null, returned: unknown][] = [
      [undefined, null, undefined],
      [null, null, undefined],
      [dead, null, null],
      [7, null, null],
      [{ id: cookie.id }, cookie.id, cookie],
    ];
    for (const [presented, id, returned] of cases) {
      const result = await server.toolResult("public", {}, presented);
      assertEquals(result.structuredContent.session_id, id, JSON.stringify(presented));
      assertEquals(result._meta?.["mcp/session"], returned, JSON.stringify(presented));
    }
  });

  Deno.test(`policies over ${transport}: each tool has its own`, async () => {
    await using server = await start();
    assertEquals((await server.tool("members", {}, null)).error?.code, -32002);
    assertEquals((await server.tool("no_such_tool", {}, null)).error?.code, -32002);
    assertEquals((await structured(server.toolResult("public"))).session_id, null);
    const lazy = await server.toolResult("lazy");
    assertEquals(lazy._meta?.["mcp/session"]?.id, lazy.structuredContent.session_id);
    const unused = await server.toolResult("lazy_unused");
    assertEquals(unused._meta?.["mcp/session"], undefined);
  });

  Deno.test(`a resource over ${transport}: can use its request's session, and does not count`, async () => {
    await using server = await start();
    const cookie = await server.create();
    await server.toolResult("append", { text: "x" }, cookie);
    const read = await server.request("resources/read", { ...CURRENT, ...presenting(cookie) });
    assertEquals(Object(read.result).contents[0].text, '["x"]');
    assertEquals(read.result?._meta?.["mcp/session"], undefined);
    const { error } = await server.request("resources/read", CURRENT);
    assert(error && error.code !== -32002);
  });

  Deno.test(`a session that ends during a call over ${transport}: is -32002 ended`, async () => {
    await using server = await start();
    for (const tool of ["hold", "hold_without_use"]) {
      const cookie = await server.create();
      const call = server.tool(tool, { text: "x" }, cookie);
      await server.toolResult("held");
      await server.result("session/delete", { id: cookie.id });
      await server.toolResult("release");
      const { error } = await call;
      assertEquals([error?.code, error?.data], [-32002, { reason: "ended" }]);
    }
  });

  Deno.test(`regenerate() over ${transport}: gives the session a new id, and the old one is dead`, async () => {
    await using server = await start();
    const cookie = await server.create({ hints: { label: "kept" } });
    await server.toolResult("append", { text: "x" }, cookie);
    const result = await server.toolResult("regenerate", {}, cookie);
    const renewed = result._meta?.["mcp/session"];
    assert(renewed);
    assertEquals(result.structuredContent, { before: cookie.id, after: renewed.id, list: ["x"] });
    assertEquals(renewed, { ...cookie, id: renewed.id });
    assertEquals((await server.tool("read", {}, cookie)).error?.data, { reason: "unknown" });
    assertEquals((await structured(server.toolResult("read", {}, renewed))).list, ["x"]);
    const lazy = await server.toolResult("regenerate");
    assertEquals(lazy._meta?.["mcp/session"]?.id, lazy.structuredContent.after);
  });

  Deno.test(`fork() over ${transport}: makes an independent session`, async () => {
    await using server = await start();
    const cookie = await server.create();
    await server.toolResult("append", { text: "shared" }, cookie);
    const result = await server.toolResult("fork", { text: "subagent" }, cookie);
    const fork = result.structuredContent.cookie as typeof cookie;
    assertEquals([fork.data.title, fork.data.reason], ["subagent", "tool/fork"]);
    assertEquals(result._meta?.["mcp/session"], cookie);
    await server.toolResult("append", { text: "the fork's" }, fork);
    await server.toolResult("append", { text: "the first's" }, cookie);
    const lists = [cookie, fork].map((each) => structured(server.toolResult("read", {}, each)));
    assertEquals((await Promise.all(lists)).map(({ list }) => list), [
      ["shared", "the first's"],
      ["shared", "the fork's"],
    ]);
    const lazy = await server.toolResult("fork", { text: "of a new one" });
    assert(lazy._meta?.["mcp/session"]?.id !== Object(lazy.structuredContent.cookie).id);
  });

  Deno.test(`a session over ${transport}: is closed for the call once its reply is sent`, async () => {
    await using server = await start();
    const cookie = await server.create();
    await server.toolResult("write_late", {}, cookie);
    await server.toolResult("release");
    assertEquals((await structured(server.toolResult("late_outcome"))).outcome, "closed");
  });

  Deno.test(`a queue of several calls over ${transport}: writes into no other call's session`, async () => {
    await using server = await start();
    const [a, b] = [await server.create(), await server.create()];
    await server.toolResult("batch", { text: "a's" }, a);
    const second = server.toolResult("batch", { text: "b's" }, b);
    // b's call is in the queue once a later call of the same connection is answered.
    await server.toolResult("public");
    await server.toolResult("release");
    assertEquals((await structured(second)).outcome, "closed");
    for (const cookie of [a, b]) {
      assertEquals(await structured(server.toolResult("batched", {}, cookie)), { batched: null });
    }
  });

  Deno.test(`a tool over ${transport}: keeps its writes when it fails`, async () => {
    await using server = await start();
    const cookie = await server.create();
    const failed = await server.toolResult("fail", {}, cookie);
    assertEquals([failed.isError, failed._meta?.["mcp/session"]], [true, cookie]);
    assertEquals(failed.content[0]?.text, "the tool's own failure");
  });

  Deno.test(`a tool over ${transport}: cannot write to a session that it has revoked`, async () => {
    await using server = await start();
    const cookie = await server.create();
    const result = await server.toolResult("revoke_then_write", {}, cookie);
    assertEquals(result.structuredContent.outcome, "ended");
    assertEquals(result._meta?.["mcp/session"], null);
  });

  Deno.test(`concurrent writes over ${transport}: none gets lost`, async () => {
    await using server = await start();
    const cookie = await server.create();
    const texts = Array.from({ length: 64 }, (_, index) => `${index}`);
    await Promise.all(texts.map((text) => server.toolResult("append", { text }, cookie)));
    const { list } = await structured(server.toolResult("read", {}, cookie));
    assertEquals((list as string[]).toSorted(), texts.toSorted());
  });

  Deno.test(`a result over ${transport}: is an error if it is no JSON`, async () => {
    await using server = await start();
    assertEquals((await server.tool("circular")).error?.code, -32603);
    assertEquals((await server.tool("circular", {}, await server.create())).error?.code, -32603);
  });

  Deno.test(`revoke() over ${transport}: ends a session that is being written`, async () => {
    await using server = await start();
    for (const cookie of [undefined, await server.create()]) {
      const result = await server.toolResult("write_and_revoke", {}, cookie);
      assertEquals(result._meta?.["mcp/session"], null);
      assertEquals(result.structuredContent.outcome, "written");
    }
    if (transport === "stdio") assertEquals((await server.result("session/list")).sessions, []);
  });

  Deno.test(`replace() over ${transport}: twice at once leaves one session`, async () => {
    await using server = await start();
    for (const params of [undefined, {}]) {
      const cookie = params && await server.create(params);
      const result = await server.toolResult("replace_twice", {}, cookie);
      const { id, data } = result._meta?.["mcp/session"] ?? {};
      assertEquals([id, data?.reason], [result.structuredContent.session_id, "second"]);
      if (transport === "stdio") {
        assertEquals((await server.result("session/list")).sessions.length, 1);
      }
      await server.result("session/delete", { id });
    }
  });

  Deno.test(`a cancelled call over ${transport}: gets no answer, and writes no more`, async () => {
    await using server = await start();
    const [mine, other] = [await server.create(), await server.create()];
    const answers: string[] = [];
    for (const [id, cookie] of [["kept", other], ["gone", mine]] as const) {
      const hold = callRequest("hold", { text: "x" }, id, presenting(cookie)._meta);
      void server.send(hold, id).then(() => answers.push(id), () => {});
      await server.toolResult("held");
    }
    await server.notify("notifications/cancelled", { requestId: "gone", ...presenting(mine) });
    await server.toolResult("release");
    const outcome = await server.toolResult("read", {}, mine);
    assertEquals(outcome.structuredContent.list, []);
    while (answers.length === 0) await server.toolResult("public");
    assertEquals(answers, ["kept"]);
  });

  Deno.test(`progress over ${transport}: reaches the call that it belongs to`, async () => {
    await using server = await start();
    const params = {
      name: "progress",
      _meta: { progressToken: "token", "mcp/session": await server.create() },
    };
    const messages = await server.exchange("tools/call", params);
    assertEquals(
      messages.map((message) => Object(message.params).progress ?? "result"),
      [1, 2, 3, "result"],
    );
    assertEquals(Object(messages[0]?.params).progressToken, "token");
    assert(Object(messages[3]?.result)._meta["mcp/session"].id);
  });
}

Deno.test("stdout over stdio: carries only the protocol, whatever a tool logs", async () => {
  const server = await startServer({ server: POLICIES, transport: "stdio" });
  await server.toolResult("noisy");
  // The end of the server checks that every line of its stdout was a response.
  assertEquals(await server.endInput(), 0);
  assertMatch(server.stderr.join("\n"), /logs[\s\S]*informs[\s\S]*debugs/);
});

Deno.test("stateless HTTP: a request to the client is an error that names --stateful", async () => {
  await using server = await startServer({ server: POLICIES, transport: "http" });
  await server.result("initialize", {
    protocolVersion: "2025-11-25",
    capabilities: { elicitation: {}, roots: {} },
    clientInfo: { name: "raw", version: "1" },
  });
  for (const tool of ["ask", "roots"]) {
    const result = await server.toolResult(tool);
    assertEquals(result.isError, true);
    assertMatch(result.content[0]?.text ?? "", /--stateful/);
  }
});

Deno.test("stateless HTTP: a caller cannot cancel another caller's call", async () => {
  await using server = await startServer({ server: POLICIES, transport: "http" });
  const [mine, other] = [await server.create(), await server.create()];
  const call = post(server.url, callRequest("hold", { text: "x" }, 1, presenting(mine)._meta));
  await server.toolResult("held");
  for (const cookie of [undefined, other, dead]) {
    await server.notify("notifications/cancelled", { requestId: 1, ...presenting(cookie) });
  }
  await server.toolResult("release");
  const { result } = await (await call).json();
  assertEquals(result.structuredContent.outcome, "written");
});

Deno.test("--stateful: Mcp-Session-Id and the cookie are independent", async () => {
  const flags = ["--stateful"];
  await using server = await startServer({ server: POLICIES, transport: "http", flags });
  const send = async (headers: Record<string, string>, message: string) => {
    const response = await post(server.url, message, headers);
    const [{ result, error } = {}] = await messagesOf(response);
    return { status: response.status, result, error };
  };
  const [one, two] = [await opened(server.url), await opened(server.url)];
  assert(one["mcp-session-id"] && one["mcp-session-id"] !== two["mcp-session-id"]);
  const cookie = (await send(one, request("session/create"))).result?._meta?.["mcp/session"];
  await send(one, callRequest("append", { text: "x" }, 1, presenting(cookie)._meta));
  const read = await send(two, callRequest("read", {}, 1, presenting(cookie)._meta));
  assertEquals(read.result?.structuredContent.list, ["x"]);
  const refused = await send(two, callRequest("read", {}, 1, presenting(null)._meta));
  assertEquals([refused.status, refused.error?.code], [200, -32002]);
  const unknown = await send({ "mcp-session-id": crypto.randomUUID() }, request("ping"));
  assertEquals(unknown.status, 404);
  const none = await send({}, request("ping"));
  assertEquals([none.status, none.error !== undefined], [400, true]);
});
