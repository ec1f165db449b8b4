/** The stateful transport, where the SDK's own would leave a client waiting. */

import { assertEquals, assertMatch } from "@std/assert";
import { POLICIES } from "../../support/servers/bound_calls.ts";
import { accepted, ALL, startAsking } from "../../support/servers/round_trips.ts";
import { type HttpServer, startServer } from "../../support/servers/server.ts";
import {
  HEADERS,
  messagesOf,
  opened,
  openMany,
  post,
  request,
  statusOf,
} from "../../support/servers/wire.ts";
import { bearer, tokensFile } from "../../support/servers/tokens.ts";

/** A server, and functions that send messages in one transport session of it. */
async function open() {
  const flags = ["--stateful"];
  const server = await startServer({ server: POLICIES, transport: "http", flags });
  const headers = await opened(server.url);
  const send = (message: object) =>
    post(server.url, JSON.stringify({ jsonrpc: "2.0", ...message }), headers);
  const call = (id: number, name: string, args = {}) =>
    send({ id, method: "tools/call", params: { name, arguments: args } });
  return { server, send, call };
}

Deno.test("--stateful: a second request with a pending id is refused, and the first gets its response", async () => {
  const { server, call } = await open();
  await using _ = server;
  const first = await call(7, "wait", { text: "500" });
  await (await call(8, "held")).text();
  const second = await call(7, "wait", { text: "0" });
  assertEquals(second.status, 400);
  assertEquals((await messagesOf(second)).map(({ error }) => error?.code), [-32600]);
  const [answer] = await messagesOf(first);
  assertEquals([answer?.id, answer?.result?.structuredContent.outcome], [7, "waited"]);
  // After the response, the id is free.
  assertEquals((await messagesOf(await call(7, "wait", { text: "0" })))[0]?.id, 7);
});

Deno.test("--stateful: the stream of a cancelled call ends", async () => {
  const { server, send, call } = await open();
  await using _ = server;
  const cancelled = await call(7, "wait", { text: "3600000" });
  await (await call(8, "held")).text();
  const params = { requestId: 7 };
  const told = await send({ method: "notifications/cancelled", params });
  assertEquals([told.status, await told.text()], [202, ""]);
  assertEquals(await cancelled.text(), "");
  assertEquals(await server.stop(), 0);
});

Deno.test("--stateful: a second answer and a late one are dropped, and no log has what the user has said", async () => {
  const flags = ["--stateful", "--log-level", "info"];
  await using server = await startAsking({ transport: "http", flags });
  const headers = await opened(server.url, {}, ALL);
  const send = (message: object) =>
    post(server.url, JSON.stringify({ jsonrpc: "2.0", ...message }), headers);
  const answer = async (id: unknown) => {
    const response = await send({ id, result: accepted("hunter2") });
    assertEquals([response.status, await response.text()], [202, ""]);
  };
  const ask = async (id: number) => {
    const params = { name: "catches", arguments: {} };
    const call = await send({ id, method: "tools/call", params });
    const events = call.body?.pipeThrough(new TextDecoderStream()).getReader();
    const next = async () =>
      JSON.parse(/^data: (.*)$/m.exec((await events?.read())?.value ?? "")?.[1] ?? "{}");
    return { asked: (await next()).id, next };
  };
  const twice = await ask(1);
  await answer(twice.asked);
  await answer(twice.asked);
  assertEquals((await twice.next()).result.content, [{ type: "text", text: "accept" }]);
  const late = await ask(2);
  await (await send({ method: "notifications/cancelled", params: { requestId: 2 } })).text();
  assertEquals((await late.next()).method, "notifications/cancelled");
  await answer(late.asked);
  assertEquals(await server.stop(), 0);
  const log = server.stderr.join("\n");
  assertMatch(log, /a response that belongs to no pending request/);
  assertEquals(log.includes("hunter2"), false, log);
});

Deno.test("--stateful: a request without a transport session is refused, unless it is initialize", async () => {
  const { server } = await open();
  await using _ = server;
  for (const method of ["POST", "GET", "DELETE"]) {
    const response = await fetch(server.url, {
      method,
      headers: HEADERS,
      ...(method === "POST" && { body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' }),
    });
    const [message] = await messagesOf(response);
    assertEquals([response.status, message?.error?.code], [400, -32000], method);
    assertEquals(response.headers.get("mcp-session-id"), null);
  }
});

type Headers = Record<string, string>;

/** Starts a stateful server for several principals; `status` sends a ping. */
async function withOwners(
  names: readonly string[],
  fn: (server: HttpServer, status: (headers: Headers) => Promise<number>) => Promise<void>,
): Promise<void> {
  await using tokens = await tokensFile(Object.fromEntries(names.map((name) => [name, name])));
  const flags = ["--stateful", ...tokens.flags];
  await using server = await startServer({ server: POLICIES, transport: "http", flags });
  await fn(server, (headers) => statusOf(server.url, request("ping"), headers));
}

Deno.test("--stateful: a principal over its limit loses its least recently used session, and no other", async () => {
  await withOwners(["alice", "bob"], async ({ url }, status) => {
    const bobs = await opened(url, bearer("bob"));
    const [first = {}, second = {}] = await openMany(url, bearer("alice"));
    assertEquals(await status(first), 200);
    await opened(url, bearer("alice"));
    assertEquals([await status(second), await status(first), await status(bobs)], [404, 200, 200]);
  });
});

Deno.test("--stateful: over the total limit, the owner of many sessions makes room for one of few", async () => {
  const many = ["alice", "bob", "carol", "dave"];
  await withOwners([...many, "erin"], async ({ url }, status) => {
    await Promise.all(many.map((name) => openMany(url, bearer(name))));
    const erins = await opened(url, bearer("erin"));
    assertEquals(await status(erins), 200);
    // Her idle session stays, however many the others open.
    for (const name of many) await opened(url, bearer(name));
    assertEquals(await status(erins), 200);
  });
});
