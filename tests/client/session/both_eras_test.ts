/** Sessions of clients of both eras: their cookies, and the layer's own requests. */

import { assertEquals } from "@std/assert";
import { MemoryJar } from "../../../client/mod.ts";
import {
  CAPABILITY,
  DECLARING,
  ENVELOPE,
  EraServer,
  errorOf,
  EXTENSION,
  RawClient,
  resultOf,
} from "../../support/client/era_server.ts";

const CALL = { name: "x", arguments: {} };

Deno.test("withSession: a discovery creates a session in modern form", async () => {
  const server = new EraServer();
  await using client = await RawClient.start(server);
  const discovered = resultOf(await client.modern("server/discover"));
  assertEquals([client.transport.cookie, client.told], [{ id: "sess-1" }, ["created"]]);
  assertEquals(client.transport.capability, { version: 2, features: CAPABILITY.features });
  assertEquals(Object.keys(discovered), [
    "resultType",
    "supportedVersions",
    "capabilities",
    "_meta",
  ]);
  const called = resultOf(await client.modern("tools/call", CALL));
  assertEquals(called, { content: [], _meta: { [EXTENSION]: { id: "sess-1" } } });
  assertEquals(server.methods, [["server/discover", "session/create", "tools/call"]]);
  assertEquals(server.metas("server/discover"), [ENVELOPE]);
  assertEquals(server.metas("session/create"), [DECLARING]);
  assertEquals(server.metas("tools/call"), [{ ...DECLARING, [EXTENSION]: { id: "sess-1" } }]);
  const title = "client · server";
  const create = server.received.find(({ message }) => message.method === "session/create");
  assertEquals(create?.message.params?.hints, { label: title, data: { title } });
});

Deno.test("withSession: a client that discovers in vain ends up legacy", async () => {
  const server = new EraServer({ era: "legacy" });
  await using client = await RawClient.start(server);
  assertEquals(errorOf(await client.modern("server/discover")).code, -32601);
  await client.initialize();
  resultOf(await client.request("tools/call", CALL));
  assertEquals(client.told, ["created"]);
  assertEquals(server.methods[0]?.slice(1), [
    "initialize",
    "notifications/initialized",
    "session/create",
    "tools/call",
  ]);
  assertEquals(server.metas("session/create"), [undefined]);
  assertEquals(server.metas("tools/call"), [{ "mcp/session": { id: "sess-1" } }]);
});

Deno.test("withSession: a server that offers other modern versions alone settles no era", async () => {
  const server = new EraServer({
    answer: ({ method }) =>
      method === "server/discover"
        ? { result: { supportedVersions: ["2099-01-01"], capabilities: {} } }
        : undefined,
  });
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  assertEquals(client.told, []);
  await client.initialize();
  resultOf(await client.request("tools/call", CALL));
  assertEquals(server.metas("tools/call"), [{ "mcp/session": { id: "sess-1" } }]);
});

Deno.test("withSession: a session made in the legacy era goes on in the modern one, and back", async () => {
  const server = new EraServer();
  await using client = await RawClient.start(server);
  await client.initialize();
  resultOf(await client.request("tools/call", CALL));
  await client.modern("server/discover");
  resultOf(await client.modern("tools/call", CALL));
  resultOf(await client.request("tools/call", CALL));
  assertEquals([client.told, [...server.sessions]], [["created"], ["sess-1"]]);
  const cookie = { id: "sess-1" };
  assertEquals(server.metas("tools/call"), [
    { "mcp/session": cookie },
    { ...DECLARING, [EXTENSION]: cookie },
    { "mcp/session": cookie },
  ]);
});

Deno.test("withSession: discovers once for a client that does not", async () => {
  const server = new EraServer();
  await using client = await RawClient.start(server);
  const calls = [1, 2, 3].map(() => client.modern("tools/call", CALL));
  for (const call of calls) resultOf(await call);
  assertEquals(client.told, ["created"]);
  const [methods] = server.methods;
  assertEquals(methods, ["server/discover", "session/create", ...Array(3).fill("tools/call")]);
  assertEquals(server.metas("server/discover"), [ENVELOPE]);
  assertEquals(new Set(server.metas("tools/call")).size, 3);
});

Deno.test("withSession: asks a server that refuses discovery no second time", async () => {
  const server = new EraServer({
    answer: ({ method }) =>
      method === "server/discover" ? { error: { code: -32601, message: "No" } } : { result: {} },
  });
  await using client = await RawClient.start(server);
  for (const _ of [1, 2]) resultOf(await client.modern("tools/call", CALL));
  assertEquals(server.methods, [["server/discover", "tools/call", "tools/call"]]);
  assertEquals(server.metas("tools/call"), [ENVELOPE, ENVELOPE]);
  assertEquals(client.errors, ["Cannot discover the server: No"]);
});

Deno.test("withSession: asks again after a discovery whose connection broke", async () => {
  const server: EraServer = new EraServer({
    answer: ({ method }) => {
      if (method !== "server/discover" || server.connections > 1) return undefined;
      queueMicrotask(() => server.kill());
      return "hold";
    },
  });
  await using client = await RawClient.start(server);
  assertEquals(errorOf(await client.modern("tools/call", CALL)).code, -31002);
  resultOf(await client.modern("tools/call", CALL));
  assertEquals(client.told, ["created"]);
});

Deno.test("withSession: waits once for a server that does not answer discovery", async () => {
  const server = new EraServer({
    answer: ({ method }) => method === "server/discover" ? "hold" : { result: {} },
  });
  await using client = await RawClient.start(server, { establishMs: 20 });
  for (const _ of [1, 2]) resultOf(await client.modern("tools/call", CALL));
  assertEquals(server.metas("server/discover").length, 1);
});

Deno.test("withSession: adds nothing for a modern server without sessions", async () => {
  const server = new EraServer({ capability: undefined });
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  resultOf(await client.modern("tools/call", CALL));
  assertEquals([server.methods, client.transport.capability], [
    [["server/discover", "tools/call"]],
    undefined,
  ]);
  assertEquals(server.metas("tools/call"), [ENVELOPE]);
});

Deno.test("withSession: sends null to a modern server while it holds no session", async () => {
  const server = new EraServer({ capability: { version: 2, features: ["list"] } });
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  for (const method of ["tools/call", "tools/list", "anything/else"]) {
    await client.modern(method);
    assertEquals(server.metas(method), [{ ...DECLARING, [EXTENSION]: null }], method);
  }
});

Deno.test("withSession: leaves a caller's own cookie under either key alone", async () => {
  const server = new EraServer();
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  for (const key of ["mcp/session", EXTENSION]) {
    for (const cookie of [{ id: "sess-other" }, null]) {
      const _meta = { [key]: cookie };
      assertEquals(errorOf(await client.modern("tools/call", { ...CALL, _meta })).code, -31002);
      assertEquals(server.metas("tools/call").at(-1), { ...DECLARING, ..._meta });
    }
  }
  assertEquals([client.transport.cookie, client.told], [{ id: "sess-1" }, ["created"]]);
});

Deno.test("withSession: leaves a caller's own declaration of the extension alone", async () => {
  const server = new EraServer();
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  const own = { extensions: { [EXTENSION]: { mine: true } } };
  const _meta = { "io.modelcontextprotocol/clientCapabilities": own };
  await client.modern("tools/call", { ...CALL, _meta });
  assertEquals(server.metas("tools/call"), [
    { ...ENVELOPE, ..._meta, [EXTENSION]: { id: "sess-1" } },
  ]);
});

Deno.test("withSession: calls refused by -31002 share a new session and are sent again once", async () => {
  const server = new EraServer();
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  server.sessions.clear();
  server.sessions.add("sess-of another");
  const calls = [1, 2, 3].map(() => client.modern("tools/call", CALL));
  for (const call of calls) {
    assertEquals(resultOf(await call)._meta, { [EXTENSION]: client.transport.cookie });
  }
  assertEquals(client.told, ["created", "lost", "created"]);
  assertEquals(server.metas("tools/call").length, 6);
});

for (
  const error of [
    { code: -31002, message: "Session required.", data: { reason: "ended" } },
    { code: -32021, message: "Missing", data: { requiredCapabilities: { extensions: {} } } },
    { code: -32603, message: "No disk", data: { code: "full" } },
  ]
) {
  Deno.test(`withSession: gives the caller a ${error.code} (${error.message})`, async () => {
    const answer = ({ method }: { method: string }) =>
      method === "tools/call" ? { error } : undefined;
    const server = new EraServer({ answer });
    await using client = await RawClient.start(server);
    await client.modern("server/discover");
    assertEquals(errorOf(await client.modern("tools/call", CALL)), error);
    assertEquals([client.told, server.metas("tools/call").length], [["created"], 1]);
  });
}

Deno.test("withSession: takes over the cookie of an input_required result, and passes both legs", async () => {
  const asked = { resultType: "input_required", inputRequests: {}, requestState: "sealed" };
  const server: EraServer = new EraServer({
    answer: ({ method, params }) =>
      method === "tools/call" && params?.requestState === undefined
        ? { result: { ...asked, _meta: server.newSession()._meta } }
        : undefined,
  });
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  const first = resultOf(await client.modern("tools/call", CALL));
  assertEquals(first, { ...asked, _meta: { [EXTENSION]: { id: "sess-2" } } });
  assertEquals([client.transport.cookie, client.told], [{ id: "sess-2" }, [
    "created",
    "replaced",
  ]]);
  const retry = { ...CALL, requestState: "sealed", inputResponses: { a: {} } };
  resultOf(await client.modern("tools/call", retry));
  const { params } = server.received.at(-1)!.message;
  assertEquals(params, { ...retry, _meta: { ...DECLARING, [EXTENSION]: { id: "sess-2" } } });
});

Deno.test("withSession: resumes a session from the jar in the modern era", async () => {
  const server = new EraServer();
  const jar = new MemoryJar();
  const options = { jar, server: "somewhere" };
  {
    await using client = await RawClient.start(server, options);
    await client.modern("server/discover");
  }
  await using client = await RawClient.start(server, options);
  await client.modern("server/discover");
  assertEquals([client.told, client.transport.cookie], [["resumed"], { id: "sess-1" }]);
  assertEquals(server.methods[1], ["server/discover", "session/list"]);
  assertEquals(server.metas("session/list"), [{ ...DECLARING, [EXTENSION]: { id: "sess-1" } }]);
});

Deno.test("withSession: a session/create of the caller's replaces the held session", async () => {
  const server = new EraServer();
  await using client = await RawClient.start(server);
  await client.modern("server/discover");
  assertEquals(resultOf(await client.modern("session/create")).id, "sess-2");
  assertEquals([client.transport.cookie, client.told], [{ id: "sess-2" }, [
    "created",
    "created",
  ]]);
});
