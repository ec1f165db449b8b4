/**
 * The client's session over real connections to a foreign server: created, carried, replaced, revoked,
 * lost.
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { ListRootsRequestSchema, McpError } from "../../../client/sdk.ts";
import {
  connected,
  KINDS,
  startClient,
  startFixture,
  testEach,
} from "../../support/client/client_fixture.ts";

testEach(KINDS, "withSession: creates a session and carries its cookie", async (kind) => {
  await using it = await startClient(kind);
  assertMatch(it.id ?? "", /^sess-/);
  assertEquals(it.told, ["created"]);
  assertEquals(it.transport.capability, { version: 2, features: ["create", "list", "delete"] });
  assertEquals(await it.call("echo"), it.id);
  assertEquals((await it.seen("session/create")).map(({ title }) => title), ["test · fixture"]);
  assertEquals((await it.seen("tools/call")).map(({ cookie }) => cookie?.id), [it.id]);
  assertEquals((await it.seen("initialize")).map(({ cookie }) => cookie), [undefined]);
});

testEach(["stdio", "http"], "withSession: every request carries the cookie", async (kind) => {
  await using it = await startClient(kind);
  await it.client.ping();
  await it.ask("session/list");
  await it.ask("anything/else");
  for (const method of ["ping", "session/list", "anything/else"]) {
    assertEquals((await it.seen(method)).map(({ cookie }) => cookie?.id), [it.id], method);
  }
});

testEach(["stdio", "http"], "withSession: sends null when it holds no session", async (kind) => {
  await using it = await startClient(kind, "--no-create", "--optional");
  const params = Object.freeze({ name: "echo", _meta: Object.freeze({ mine: 1 }) });
  await it.client.callTool(params);
  await it.client.ping();
  await it.ask("anything/else", { x: 1 });
  for (const method of ["tools/call", "ping", "anything/else"]) {
    assertEquals((await it.seen(method)).map(({ cookie }) => cookie), [null], method);
  }
  assertEquals((await it.seen("initialize")).map(({ cookie }) => cookie), [undefined]);
  assertEquals((await it.seen("notifications/initialized")).map(({ cookie }) => cookie), [
    undefined,
  ]);
  assertEquals(it.told, []);
});

testEach(["stdio", "sse"], "withSession: leaves the caller's params unchanged", async (kind) => {
  await using it = await startClient(kind);
  const params = Object.freeze({ name: "progress", _meta: Object.freeze({ mine: 1 }) });
  const progress: number[] = [];
  const released = Promise.withResolvers<unknown>();
  await it.client.callTool(params, undefined, {
    onprogress: (step) => {
      progress.push(step.progress);
      released.resolve(it.ask("fixture/release"));
    },
  });
  await released.promise;
  assertEquals(progress, [1]);
  assertEquals(params, { name: "progress", _meta: { mine: 1 } });
});

testEach(["stdio", "sse"], "withSession: passes on the server's requests", async (kind) => {
  await using it = await startClient(kind);
  it.client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///x" }] }));
  assertEquals(JSON.parse(await it.call("ask")), { roots: [{ uri: "file:///x" }] });
});

testEach(KINDS, "withSession: takes over the new id of a replaced session", async (kind) => {
  await using it = await startClient(kind);
  const first = it.id;
  await it.call("rotate");
  assertNotEquals(it.id, first);
  assertEquals(it.told, ["created", "replaced"]);
  assertEquals(await it.call("echo"), it.id);
  assertEquals(it.told, ["created", "replaced"]);
});

testEach(KINDS, "withSession: creates a session for the call after null", async (kind) => {
  await using it = await startClient(kind);
  await it.call("revoke");
  assertEquals(it.id, undefined);
  assertEquals(it.told, ["created", "revoked"]);
  assertEquals(await it.call("echo", { note: "after" }), it.id);
  assertEquals(it.told, ["created", "revoked", "created"]);
  const [, next, repeated] = await it.seen("tools/call");
  assertEquals([next?.cookie, repeated?.cookie?.id], [null, it.id]);
  assertEquals((await it.ran()).after, 1);
});

Deno.test("withSession: leaves the caller's own cookie, or null, and its errors to the caller", async () => {
  await using it = await startClient("http");
  const held = it.id;
  const other = await it.ask("session/create");
  assertEquals(it.id, other.id, "session/create always replaces");
  assertEquals(await it.call("echo", {}, { id: held }), held);
  await it.call("rotate", {}, { id: held });
  await it.call("revoke", {}, { id: other.id });
  assertEquals(it.id, other.id);
  for (const cookie of [null, { id: "sess-gone" }, 7]) {
    const error = await assertRejects(() => it.call("echo", { note: "no" }, cookie), McpError);
    assertEquals(error.code, -32002);
  }
  assertEquals(it.told, ["created", "created"]);
  assertEquals((await it.ran()).no, undefined);
  assertEquals((await it.seen("tools/call")).length, 6, "none of them is retried");
});

Deno.test("withSession: holds no session after its session/delete", async () => {
  await using it = await startClient("http");
  assertEquals((await it.ask("session/delete")).deleted, true);
  assertEquals([it.id, it.told], [undefined, ["created", "revoked"]]);
});

testEach(KINDS, "withSession: replaces a lost session and retries the call", async (kind) => {
  await using it = await startClient(kind);
  const first = it.transport.cookie;
  await it.ask("fixture/lose");
  assertEquals(await it.call("echo", { note: "again" }), it.id);
  assertEquals(it.told, ["created", "lost", "created"]);
  assertEquals(it.events[1], { type: "lost", previous: first! });
  assertEquals((await it.ran()).again, 1);
  assertEquals(it.errors, []);
});

Deno.test("withSession: gives the error of a call that is refused twice", async () => {
  await using it = await startClient("http", "--no-memory");
  const error = await assertRejects(() => it.call("echo"), McpError);
  assertEquals(error.code, -32002);
  assertEquals((await it.seen("tools/call")).length, 2);
  assertEquals(it.told, ["created", "lost", "created"]);
});

const NOT_LOST = [
  ["ended", "does not retry a call whose session ended while it ran", -32002],
  ["broken-store", "a store error is not a lost session", -32603],
] as const;
for (const [tool, claim, code] of NOT_LOST) {
  Deno.test(`withSession: ${claim}`, async () => {
    await using it = await startClient("http");
    const { id } = it;
    const error = await assertRejects(() => it.call(tool), McpError);
    assertEquals([error.code, it.id, it.told], [code, id, ["created"]]);
    assertEquals((await it.ran())[tool], 1);
  });
}

Deno.test("withSession: gives the caller a -32002 to anything but tools/call", async () => {
  await using it = await startClient("http");
  const error = await assertRejects(() => it.client.readResource({ uri: "a:b" }), McpError);
  assertEquals([error.code, it.told], [-32002, ["created"]]);
});

Deno.test("withSession: reports a session that the server replaced by a lazy one", async () => {
  await using it = await startClient("http", "--auto");
  await it.ask("fixture/lose");
  assertEquals(await it.call("echo"), it.id);
  assertEquals(it.told, ["created", "lost", "created"]);
  assertEquals((await it.seen("session/create")).length, 1);
});

Deno.test("withSession: takes the lazy session of a server without session/create", async () => {
  await using it = await startClient("http", "--auto", "--no-create");
  assertEquals([it.id, await it.seen("session/create")], [undefined, []]);
  assertEquals(await it.call("echo"), it.id);
  assertEquals(it.told, ["created"]);
});

for (const flag of ["--plain", "--version=3", '--version="2"', "--version=0"]) {
  Deno.test(`withSession: a server with ${flag} has no sessions`, async () => {
    await using it = await startClient("http", flag, "--auto");
    assertEquals(it.transport.capability, undefined);
    await it.call("echo");
    await it.call("echo");
    assertEquals([it.id, it.told, await it.seen("session/create")], [undefined, [], []]);
    assertEquals((await it.seen("tools/call")).map(({ cookie }) => cookie), [undefined, undefined]);
  });
}

for (const flag of ["--version=null", "--bare", "--nulls", "--huge"]) {
  Deno.test(`withSession: copes with a server that has ${flag}`, async () => {
    await using it = await startClient("http", flag);
    assertEquals(await it.call("echo"), it.id);
    await it.call("rotate");
    await it.ask("fixture/lose");
    assertEquals(await it.call("echo"), it.id);
    assertEquals(it.told, ["created", "replaced", "lost", "created"]);
    for (const { cookie } of await it.seen("tools/call")) {
      assert(JSON.stringify(cookie).length < 1000, "a cookie of any size would go with every call");
    }
  });
}

Deno.test("withSession: ignores malformed cookies", async () => {
  await using it = await startClient("http");
  const { id } = it;
  for (const wrong of [7, "sess-1", [], {}, { id: 7 }, { id: "a b" }, { id: "" }, { id: null }]) {
    await it.call("wrong-cookie", { cookie: JSON.stringify(wrong) });
    assertEquals(it.id, id, JSON.stringify(wrong));
  }
  await it.call("wrong-cookie", {
    cookie: JSON.stringify({ id, expiry: 7, data: { a: 1, b: "c" } }),
  });
  assertEquals(it.transport.cookie, { id: id!, data: { b: "c" } });
  assertEquals(it.told, ["created"]);
});

Deno.test("withSession: gives its cookie and its events by copy", async () => {
  await using it = await startClient("http");
  Reflect.set(it.transport.cookie!, "id", "sess-other");
  Reflect.set(it.transport.cookie!.data!, "title", "other");
  const [event] = it.events;
  if (event?.type === "created") Reflect.set(event.cookie, "id", "sess-other");
  assertEquals(await it.call("echo"), it.id);
  assertNotEquals(it.id, "sess-other");
  assertEquals(it.transport.cookie?.data?.title, "test · fixture");
  assertEquals(it.told, ["created"]);
});

Deno.test("withSession: reports a listener that throws, and goes on", async () => {
  await using fixture = await startFixture("http");
  await using it = await connected(fixture, {
    onsession: () => {
      throw new Error("listener");
    },
  });
  assertEquals(await it.call("echo"), it.id);
  assertEquals(it.errors, ["listener"]);
});
