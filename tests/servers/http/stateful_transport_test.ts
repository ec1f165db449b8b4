/** What `--stateful` does where the SDK's transport alone would leave a client waiting. */

import { assertEquals } from "@std/assert";
import { join } from "node:path";
import {
  type HttpServer,
  messagesOf,
  opened,
  post,
  startServer,
} from "../../support/servers/server.ts";
import { bearer, writeTokens } from "../../support/servers/tokens.ts";

const FIXTURE = new URL("../../fixtures/policies.ts", import.meta.url);

/** A server, and what sends messages within one transport session of it. */
async function open() {
  const flags = ["--stateful"];
  const server = await startServer({ server: FIXTURE, transport: "http", flags });
  const headers = await opened(server.url);
  const send = (message: object) =>
    post(server.url, JSON.stringify({ jsonrpc: "2.0", ...message }), headers);
  const call = (id: number, name: string, args = {}) =>
    send({ id, method: "tools/call", params: { name, arguments: args } });
  return { server, send, call };
}

Deno.test("--stateful: an id that is used again is refused, and the first request answered", async () => {
  const { server, call } = await open();
  await using _ = server;
  const first = await call(7, "wait", { text: "500" });
  await (await call(8, "held")).text();
  const second = await call(7, "wait", { text: "0" });
  assertEquals(second.status, 400);
  assertEquals((await messagesOf(second)).map(({ error }) => error?.code), [-32600]);
  const [answer] = await messagesOf(first);
  assertEquals([answer?.id, answer?.result?.structuredContent.outcome], [7, "waited"]);
  // Once it is answered, its id is free.
  assertEquals((await messagesOf(await call(7, "wait", { text: "0" })))[0]?.id, 7);
});

Deno.test("--stateful: the stream of a call that is cancelled ends", async () => {
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

Deno.test("--stateful: what opens no transport session is refused without one", async () => {
  const { server } = await open();
  await using _ = server;
  for (const method of ["POST", "GET", "DELETE"]) {
    const response = await fetch(server.url, {
      method,
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      ...(method === "POST" && { body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' }),
    });
    const [message] = await messagesOf(response);
    assertEquals([response.status, message?.error?.code], [400, -32000], method);
    assertEquals(response.headers.get("mcp-session-id"), null);
  }
});

type Headers = Record<string, string>;

/** A server with `--stateful` for several principals, and what they do with transport sessions. */
async function withOwners(
  names: readonly string[],
  fn: (server: HttpServer, status: (headers: Headers) => Promise<number>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const tokens = join(folder, "tokens");
    await writeTokens(tokens, Object.fromEntries(names.map((name) => [name, name])));
    const flags = ["--stateful", "--tokens", tokens];
    await using server = await startServer({ server: FIXTURE, transport: "http", flags });
    await fn(server, async (headers) => {
      const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
      const response = await post(server.url, ping, headers);
      await response.text();
      return response.status;
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function openMany(url: string, name: string, count: number): Promise<Headers[]> {
  const all: Headers[] = [];
  for (let number = 0; number < count; number++) all.push(await opened(url, bearer(name)));
  return all;
}

Deno.test("--stateful: who opens too many transport sessions loses the longest unused, and nobody else's", async () => {
  await withOwners(["alice", "bob"], async ({ url }, status) => {
    const bobs = await opened(url, bearer("bob"));
    const [first = {}, second = {}] = await openMany(url, "alice", 250);
    assertEquals(await status(first), 200);
    await opened(url, bearer("alice"));
    assertEquals([await status(second), await status(first), await status(bobs)], [404, 200, 200]);
  });
});

Deno.test("--stateful: when there are too many, who has many makes room for who has few", async () => {
  const many = ["alice", "bob", "carol", "dave"];
  await withOwners([...many, "erin"], async ({ url }, status) => {
    await Promise.all(many.map((name) => openMany(url, name, 250)));
    const erins = await opened(url, bearer("erin"));
    assertEquals(await status(erins), 200);
    // What she does not use is still hers, however many the others open.
    for (const name of many) await opened(url, bearer(name));
    assertEquals(await status(erins), 200);
  });
});
