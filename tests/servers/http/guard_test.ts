/** The parts that serve HTTP, put together by hand as a user of the library does. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  type AuthInfo,
  httpHandler,
  type HttpHandlerOptions,
  McpServer,
  sessionLayer,
  StatelessHttpTransport,
} from "../../../servers/base/mod.ts";
import { MemoryStore } from "../../../store/mod.ts";
import { messagesOf, post } from "../../support/servers/server.ts";

/** A server that listens, until it is disposed of. */
async function listen(
  server: McpServer,
  { keepAliveMs, ...options }: Partial<HttpHandlerOptions> & { readonly keepAliveMs?: number } = {},
) {
  const transport = new StatelessHttpTransport({ keepAliveMs });
  await server.connect(sessionLayer(transport, { store: new MemoryStore(), policy: "optional" }));
  const http: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => handler(request),
  );
  const handler = httpHandler(transport, { hosts: [`127.0.0.1:${http.addr.port}`], ...options });
  return {
    url: `http://127.0.0.1:${http.addr.port}/`,
    async [Symbol.asyncDispose]() {
      await http.shutdown();
      await server.close();
    },
  };
}

const newServer = () => new McpServer({ name: "example", version: "1.0.0" });

const request = (method: string, params: object = {}) =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });

Deno.test("httpHandler(): hands what authenticate gives to the tool, and its owner to the session", async () => {
  const server = newServer();
  server.registerTool("who", {}, ({ authInfo }) => ({
    content: [{ type: "text", text: `${authInfo?.extra?.sub}` }],
  }));
  const caller = (token: string, sub: string): AuthInfo => ({
    token,
    clientId: "app",
    scopes: [],
    extra: { iss: "https://id.example.com", sub },
  });
  await using listener = await listen(server, {
    authenticate: ({ headers }) => {
      const token = headers.get("authorization") ?? "";
      return token.startsWith("alice") ? caller(token, "alice") : undefined;
    },
  });
  const ask = async (token: string, method: string, params: object = {}) => {
    const response = await post(listener.url, request(method, params), { authorization: token });
    return (await messagesOf(response))[0]?.result;
  };
  const result = await ask("alice 1", "tools/call", { name: "who" });
  assertEquals(result?.content[0]?.text, "alice");
  const created = await ask("alice 1", "session/create");
  const listed = await ask("alice 2", "session/list");
  assertEquals(listed?.sessions.map(({ id }) => id), [created?.id]);
});

Deno.test("httpHandler(): answers with what authenticate says, and lets nobody in when it fails", async () => {
  const long = "x".repeat(1100);
  const caller = { token: "t", clientId: "app", scopes: [], extra: { iss: "i", sub: "s" } };
  const seconds = Math.floor(Date.now() / 1000);
  const cases: [name: string, outcome: () => AuthInfo | Response | undefined, status: number][] = [
    ["a caller", () => caller, 200],
    ["a caller whose token lives", () => ({ ...caller, expiresAt: seconds + 60 }), 200],
    ["a caller whose token has expired", () => ({ ...caller, expiresAt: seconds - 1 }), 401],
    ["nobody", () => undefined, 401],
    ["an answer of its own", () => new Response("no", { status: 402 }), 402],
    ["a caller with too long a name", () => ({ ...caller, clientId: long }), 403],
    [
      "a failure",
      () => {
        throw new Error("secret of the key server");
      },
      503,
    ],
  ];
  for (const [name, outcome, status] of cases) {
    const told: string[] = [];
    await using listener = await listen(newServer(), {
      authenticate: () => Promise.resolve().then(outcome),
      onerror: (error) => void told.push(error.message),
    });
    const response = await post(listener.url, request("ping"));
    const body = await response.text();
    assertEquals(response.status, status, name);
    assertEquals(body.includes("secret"), false, name);
    assertEquals(told, status === 503 ? ["secret of the key server"] : [], name);
  }
});

Deno.test("httpHandler(): tells a page of an answer whose headers cannot be changed", async () => {
  const origin = "https://app.example.com";
  await using listener = await listen(newServer(), {
    origins: [origin],
    authenticate: () => Response.redirect("https://id.example.com/", 303),
  });
  const response = await fetch(listener.url, { headers: { origin }, redirect: "manual" });
  assertEquals(response.status, 303);
  assertEquals(response.headers.get("access-control-allow-origin"), origin);
  await response.body?.cancel();
});

Deno.test("httpHandler(): tells a page of an endpoint that fails, and onerror why", async () => {
  const origin = "https://app.example.com";
  const endpoint = { fetch: () => Promise.reject(new Error("secret")) };
  const options = { hosts: ["mcp.example.com"], origins: [origin] };
  const request = () => new Request("https://mcp.example.com/", { headers: { origin } });
  const told: string[] = [];
  const onerror = (error: Error) => void told.push(error.message);
  const response = await httpHandler(endpoint, { ...options, onerror })(request());
  assertEquals(
    [response.status, response.headers.get("access-control-allow-origin"), told],
    [500, origin, ["secret"]],
  );
  assertEquals((await response.text()).includes("secret"), false);
  await assertRejects(() => httpHandler(endpoint, options)(request()), Error, "secret");
});

Deno.test("httpHandler(): tells of whom it refuses in a few printable characters", async () => {
  const told: string[] = [];
  const handler = httpHandler(new StatelessHttpTransport(), {
    hosts: ["mcp.example.com"],
    onforbidden: (reason) => void told.push(reason),
  });
  const ask = (headers: Record<string, string>) =>
    handler(new Request("https://mcp.example.com/", { headers }));
  for (const header of ["host", "origin"]) {
    assertEquals((await ask({ [header]: `a\u0085\u00ad${"x".repeat(10_000)}` })).status, 403);
  }
  assertEquals(told.length, 2);
  for (const reason of told) {
    assert(reason.length < 400, reason);
    assertMatch(reason, /"a\ufffd\ufffdx+" \(see --allowed-(host|origin)\)$/);
  }
});

Deno.test("StatelessHttpTransport: shows that the connection of a long call is in use", async () => {
  const server = newServer();
  const finish = Promise.withResolvers<void>();
  server.registerTool("long", {}, async () => {
    await finish.promise;
    return { content: [{ type: "text", text: "done" }] };
  });
  await using listener = await listen(server, { keepAliveMs: 10 });
  const response = await post(listener.url, request("tools/call", { name: "long" }));
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  let text = "";
  for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part;
    if (text.split(": keep-alive\n\n").length > 2) finish.resolve();
  }
  assertMatch(text, /^(: keep-alive\n\n){2,}event: message\ndata: \{.*"done".*\}\n\n$/);
});

Deno.test("StatelessHttpTransport: does without what a client does not read, but for its answer", async () => {
  const size = 10_000;
  const server = newServer();
  server.registerTool("chatty", {}, async ({ sendNotification }) => {
    const message = "x".repeat(size);
    for (let progress = 1; progress <= 2000; progress++) {
      const params = { progressToken: "p", progress, message };
      await sendNotification({ method: "notifications/progress", params });
    }
    return { content: [{ type: "text", text: "done" }] };
  });
  await using listener = await listen(server);
  const { hostname, port, host } = new URL(listener.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const body = request("tools/call", { name: "chatty" });
  const head = `POST / HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n` +
    "accept: application/json, text/event-stream\r\nconnection: close\r\n" +
    `content-length: ${body.length}\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head + body));
  // Others are served while nobody reads this one's answer, which is longer than what can wait.
  const ping = await post(listener.url, request("ping"));
  assertEquals([ping.status, (await messagesOf(ping)).length], [200, 1]);
  const answer = await new Response(connection.readable).text();
  assertMatch(answer, /"text":"done"/);
  const got = answer.split('"method":"notifications/progress"').length - 1;
  assert(got > 0 && got < 2000, `${got} of 2000 notifications came`);
});

Deno.test("StatelessHttpTransport: close() ends the exchanges that have no answer", async () => {
  const server = newServer();
  const begun = Promise.withResolvers<void>();
  server.registerTool("never", {}, async () => {
    begun.resolve();
    await new Promise<never>(() => {});
    return { content: [] };
  });
  await using listener = await listen(server);
  const answer = post(listener.url, request("tools/call", { name: "never" }));
  await begun.promise;
  await server.close();
  assertEquals(await (await answer).text(), "");
  const after = await post(listener.url, request("ping"));
  assertEquals([after.status, after.headers.get("retry-after")], [503, "1"]);
  await after.text();
});

Deno.test("httpHandler(): sends away whom it cannot even check, and checks whom it can", async () => {
  const checking = Promise.withResolvers<undefined>();
  const handler = httpHandler(new StatelessHttpTransport(), {
    hosts: ["mcp.example.com"],
    authenticate: () => checking.promise,
  });
  const ask = () => handler(new Request("http://mcp.example.com/", { method: "POST" }));
  const waiting = Array.from({ length: 1024 }, ask);
  const refused = await ask();
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  checking.resolve(undefined);
  for (const response of await Promise.all(waiting)) assertEquals(response.status, 401);
  assertEquals((await ask()).status, 401);
});
