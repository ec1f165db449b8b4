/** Transport sessions, and their standalone streams. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { POLICIES } from "../../support/servers/bound_calls.ts";
import { StatefulHttpServer } from "../../../servers/base/http/stateful_transport.ts";
import { TransportSession } from "../../../servers/base/http/transport_session.ts";
import { type ResponseBody, UnreadResponses } from "../../../servers/base/http/response_body.ts";
import { CoalescedTimer } from "../../../runtime/coalesced_timer.ts";
import type { McpServer } from "../../../servers/base/mod.ts";
import { newServer } from "../../support/servers/in_process.ts";
import { release, startLimited } from "../../support/servers/limited.ts";
import { startServer } from "../../support/servers/server.ts";
import {
  HEADERS,
  INITIALIZE,
  messagesOf,
  opened,
  openMany,
  post,
  request,
  statusOf,
} from "../../support/servers/wire.ts";
import { bearer, tokensFile } from "../../support/servers/tokens.ts";

type Headers = Record<string, string>;

const listen = (url: string, headers: Headers) =>
  fetch(url, { headers: { accept: "text/event-stream", ...headers } });

const ping = (url: string, headers: Headers) => statusOf(url, request("ping"), headers);

Deno.test("--stateful: an open stream does not keep its session, and the least recently used one makes room", async () => {
  await using tokens = await tokensFile({ a: "alice", b: "bob" });
  const flags = ["--stateful", ...tokens.flags];
  const headers = bearer("a");
  await using server = await startServer({ server: POLICIES, transport: "http", flags });
  const streams: [Headers, Response][] = [];
  for (const one of await openMany(server.url, headers)) {
    streams.push([one, await listen(server.url, one)]);
  }
  for (const [, stream] of streams) assertEquals(stream.status, 200);
  const [first = [{}, Response.error()], second = first, third = first] = streams;
  assertEquals(await ping(server.url, first[0]), 200);
  const newcomer = await opened(server.url, headers);
  assertEquals(await second[1].text(), "");
  const sessions = [second[0], first[0], third[0], newcomer];
  const found = await Promise.all(sessions.map((one) => ping(server.url, one)));
  assertEquals(found, [404, 200, 200, 200]);
  for (const [, stream] of streams) if (!stream.bodyUsed) await stream.body?.cancel();
});

Deno.test("--stateful: a principal with pending calls in all its transport sessions opens no more, others do", async () => {
  await using tokens = await tokensFile({ a: "alice", b: "bob" });
  const flags = ["--stateful", ...tokens.flags];
  const headers = bearer("a");
  await using server = await startLimited({}, flags);
  const held: Response[] = [];
  for (const one of await openMany(server.url, headers)) {
    held.push(await post(server.url, request("tools/call", { name: "hold" }), one));
  }
  const refused = await post(server.url, request("initialize", INITIALIZE), headers);
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  await refused.text();
  assertEquals(await ping(server.url, await opened(server.url, bearer("b"))), 200);
  await release(server);
  for (const response of held) {
    assertEquals((await messagesOf(response)).at(-1)?.result?.content[0]?.text, "released");
  }
  assertEquals(await ping(server.url, await opened(server.url, headers)), 200);
});

Deno.test("--stateful: an accepted new stream replaces the old one, a refused one does not", async () => {
  const flags = ["--stateful"];
  await using server = await startServer({ server: POLICIES, transport: "http", flags });
  const params = { ...INITIALIZE, capabilities: { elicitation: {} } };
  const initialized = await post(server.url, request("initialize", params));
  await initialized.text();
  const headers = { "mcp-session-id": initialized.headers.get("mcp-session-id") ?? "" };
  const old = await listen(server.url, headers);
  const refused = await listen(server.url, { ...headers, accept: "application/json" });
  assertEquals(refused.status, 406);
  await refused.text();
  const current = await listen(server.url, headers);
  assertEquals([old.status, current.status], [200, 200]);
  assertEquals(await old.text(), "");
  const asked = post(server.url, request("tools/call", { name: "ask" }), headers);
  const reader = current.body?.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader?.read() ?? {};
  const { id, method } = JSON.parse(/^data: (.*)$/m.exec(value)?.[1] ?? "{}");
  assertEquals(method, "elicitation/create");
  const answer = JSON.stringify({ jsonrpc: "2.0", id, result: { action: "decline" } });
  await (await post(server.url, answer, headers)).text();
  const [reply] = await messagesOf(await asked);
  assertEquals(reply?.result?.content[0]?.text, "decline");
  await reader?.cancel();
});

/** A stateful server in this process, and functions that ask it and open transport sessions. */
function stateful(create: () => McpServer, keepAliveMs?: number) {
  const connect = async (transport: Parameters<McpServer["connect"]>[0]) => {
    const server = create();
    await server.connect(transport);
    return server;
  };
  const http = new StatefulHttpServer(connect, { keepAliveMs });
  const ask = (headers: Headers, body?: string) =>
    http.fetch(
      new Request("http://127.0.0.1/mcp", {
        method: body === undefined ? "GET" : "POST",
        headers: { ...HEADERS, ...headers },
        ...(body !== undefined && { body }),
      }),
    );
  const open = async () => {
    const response = await ask({}, request("initialize", INITIALIZE));
    assertEquals(response.status, 200);
    await response.text();
    return { "mcp-session-id": response.headers.get("mcp-session-id") ?? "" };
  };
  return { http, ask, open };
}

Deno.test("--stateful: streams are kept alive, and unread comments do not pile up", async () => {
  const finish = Promise.withResolvers<void>();
  const { http, ask, open } = stateful(() => {
    const server = newServer();
    server.registerTool("long", {}, async () => {
      await finish.promise;
      return { content: [{ type: "text", text: "done" }] };
    });
    return server;
  }, 10);
  const unread = await ask(await open());
  const headers = await open();
  const stream = await ask(headers);
  const call = await ask(headers, request("tools/call", { name: "long" }));
  const commented = async (response: Response, count: number) => {
    let text = "";
    for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part;
      if (text.split(": keep-alive\n\n").length > count) break;
    }
    assertMatch(text, /^(: keep-alive\n\n)+$/);
  };
  const answer = call.text();
  await commented(stream, 20);
  finish.resolve();
  assertMatch(await answer, /^(: keep-alive\n\n)+event: message\ndata: \{.*"done".*\}\n\n$/);
  await http.close();
  const left = (await unread.text()).split(": keep-alive\n\n").length - 1;
  assert(left <= 2, `${left} comments waited`);
});

Deno.test("--stateful: a server that throws on close ends nothing else", async () => {
  const told: string[] = [];
  const { http, ask, open } = stateful(() => {
    const server = newServer();
    server.server.onclose = () => {
      throw new Error("it does not end");
    };
    server.server.onerror = ({ message }) => void told.push(message);
    return server;
  });
  const first = await open();
  for (let number = 0; number < 750; number++) await open();
  const gone = await ask(first, request("ping"));
  assertEquals([gone.status, told], [404, ["it does not end"]]);
  await http.close();
});

Deno.test("TransportSession: setting the system's clock makes it neither idle nor used", () => {
  const unread = new UnreadResponses({ answerMs: 1000 });
  const streams = new CoalescedTimer<ResponseBody>(1000, () => {});
  const session = new TransportSession({ owner: null, unread, streams, onopen() {}, onclose() {} });
  const { now } = Date;
  try {
    for (const ms of [8 * 86_400_000, -8 * 86_400_000]) {
      Date.now = () => now() + ms;
      const { idleMs } = session;
      assert(idleMs >= 0 && idleMs < 86_400_000, `${idleMs}`);
    }
  } finally {
    Date.now = now;
    unread.stop();
  }
});
