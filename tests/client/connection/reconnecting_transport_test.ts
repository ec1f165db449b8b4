/**
 * The client through the death of its server: real kills, real restarts on the same port.
 */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { isOutcomeUnknown, sendOnce } from "../../../client/mod.ts";
import {
  ListRootsRequestSchema,
  McpError,
  StreamableHTTPClientTransport,
} from "../../../client/sdk.ts";
import {
  Connected,
  connected,
  Durable,
  Fixture,
  KINDS,
  testEach,
} from "../../support/client/client_fixture.ts";

/** What a call will be rejected with; listening from now on, whatever is awaited before it. */
function failure(call: Promise<unknown>): Promise<Error> {
  return assertRejects(() => call, Error);
}

testEach(
  KINDS,
  "withSession: kill -9 in mid-call is an unknown outcome, and the call not repeated",
  async (kind) => {
    await using fixture = await Durable.create(kind);
    await using it = await connected(fixture);
    const { id } = it;
    const call = failure(it.call("hold", { note: "once" }));
    await fixture.running("once");
    await fixture.kill();
    const error = await call;
    assert(isOutcomeUnknown(error) && error instanceof McpError);
    assertEquals([error.code, error.data], [-32000, { reason: "outcome_unknown" }]);
    await fixture.start();
    assertEquals(await it.call("echo", { note: "after" }), id);
    assertEquals(await fixture.ran(), ["once", "after"]);
    assertEquals(it.id, id);
    assertEquals([it.closed, it.told.includes("lost")], [0, false]);
  },
);

testEach(
  KINDS,
  "withSession: ten calls in flight all end as the server is killed",
  async (kind) => {
    await using fixture = await Durable.create(kind);
    await using it = await connected(fixture);
    const notes = Array.from({ length: 10 }, (_, number) => `call ${number}`);
    const calls = notes.map((note) => failure(it.call("hold", { note })));
    await Promise.all(notes.map((note) => fixture.running(note)));
    await fixture.kill();
    for (const error of await Promise.all(calls)) assert(isOutcomeUnknown(error));
    await fixture.start();
    await it.call("echo", { note: "after" });
    assertEquals((await fixture.ran()).sort(), ["after", ...notes]);
  },
);

testEach(KINDS, "withSession: ten calls after a restart share one new connection", async (kind) => {
  await using fixture = await Durable.create(kind);
  await using it = await connected(fixture);
  const { id } = it;
  const transportSession = it.transport.sessionId;
  await fixture.kill();
  await fixture.start();
  const notes = Array.from({ length: 10 }, (_, number) => `call ${number}`);
  const texts = await Promise.all(notes.map((note) => it.call("echo", { note })));
  assertEquals(new Set(texts), new Set([id]));
  assertEquals((await fixture.ran()).sort(), notes);
  const rebuilt = kind === "stdio" || kind === "stateful";
  assertEquals(fixture.connections, rebuilt ? 2 : 1);
  assertEquals(it.told, rebuilt ? ["created", "reconnected"] : ["created"]);
  if (kind === "stateful") assertNotEquals(it.transport.sessionId, transportSession);
  assertEquals((await it.seen("initialize")).length, rebuilt ? 1 : 0);
  assertEquals((await it.seen("notifications/initialized")).length, rebuilt ? 1 : 0);
});

testEach(
  ["http", "sse", "stateful"],
  "withSession: a call waits for a server that is being restarted",
  async (kind) => {
    await using fixture = await Durable.create(kind);
    await using it = await connected(fixture);
    await fixture.kill();
    const refused = Promise.withResolvers<void>();
    let errors = 0;
    it.client.onerror = () => ++errors === 2 && setTimeout(refused.resolve);
    const call = it.call("echo", { note: "waited" });
    const cancelled = new AbortController();
    const never = it.client.callTool({ name: "echo", arguments: { note: "never" } }, undefined, {
      signal: cancelled.signal,
    });
    await refused.promise;
    cancelled.abort("enough");
    await assertRejects(() => never, McpError, "enough");
    await fixture.start();
    assertEquals(await call, it.id);
    await it.call("echo", { note: "last" });
    assertEquals(await fixture.ran(), ["waited", "last"]);
  },
);

testEach(KINDS, "withSession: tells that a restart has lost the session", async (kind) => {
  await using fixture = await Durable.create(kind);
  await using it = await connected(fixture);
  await fixture.kill();
  await fixture.forgetSessions();
  await fixture.start();
  assertEquals(await it.call("echo", { note: "again" }), it.id);
  const told = it.told.filter((type) => type !== "reconnected");
  assertEquals(told, ["created", "lost", "created"]);
  assertEquals(await fixture.ran(), ["again"]);
});

testEach(
  ["http", "stateful"],
  "withSession: gives up on a server that stays away, and takes it when it is back",
  async (kind) => {
    await using fixture = await Durable.create(kind);
    await using it = await connected(fixture, { reconnectMs: 300 });
    await fixture.kill();
    const error = await assertRejects(() => it.call("echo", { note: "given up" }));
    assertEquals(isOutcomeUnknown(error), false, "it is known: it was never sent");
    assertEquals(it.closed, 0);
    await fixture.start();
    assertEquals(await it.call("echo", { note: "back" }), it.id);
    assertEquals(await fixture.ran(), ["back"]);
  },
);

testEach(["stdio"], "withSession: is closed when no new connection can be had", async (kind) => {
  await using fixture = await Durable.create(kind);
  let connects = 0;
  await using it = new Connected(() => {
    if (connects++ > 0) throw new Error("no more");
    return fixture.connect();
  }, { reconnectMs: 200 });
  await it.client.connect(it.transport);
  const call = failure(it.call("hold", { note: "held" }));
  await fixture.running("held");
  await fixture.kill();
  await call;
  await assertRejects(() => it.call("echo"), Error);
  assertEquals(it.closed, 1);
  assert(connects > 2, "it was tried several times");
  await assertRejects(() => it.transport.send({ jsonrpc: "2.0", method: "x" }), Error, "closed");
});

Deno.test("withSession: the first connection is not tried again", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  let connects = 0;
  const it = new Connected(() => {
    connects++;
    const url = new URL(`http://127.0.0.1:${port}/mcp`);
    return new StreamableHTTPClientTransport(url, { fetch: sendOnce });
  });
  const closed = Promise.withResolvers<void>();
  it.client.onclose = closed.resolve;
  await assertRejects(() => it.client.connect(it.transport), TypeError, "refused");
  await closed.promise;
  assertEquals(connects, 1);
});

testEach(
  ["stdio"],
  "withSession: a server that ends as it starts is told as such",
  async (kind) => {
    await using fixture = new Fixture(kind, ["--exit"]);
    const it = new Connected(fixture.connect);
    await assertRejects(() => it.client.connect(it.transport), McpError, "-32000");
    assertEquals([fixture.connections, it.closed], [1, 1]);
  },
);

testEach(
  KINDS,
  "withSession: close() ends everything, once, in the middle of a call",
  async (kind) => {
    await using fixture = await Durable.create(kind);
    const it = await connected(fixture);
    const call = failure(it.call("hold", { note: "held" }));
    await fixture.running("held");
    await it.client.close();
    assertEquals((await call).message, "MCP error -32000: Connection closed");
    assertEquals(it.closed, 1);
    await it.transport.close();
    assertEquals(it.closed, 1);
  },
);

testEach(["http", "stdio"], "withSession: close() ends the wait for a connection", async (kind) => {
  await using fixture = await Durable.create(kind);
  const tried = Promise.withResolvers<void>();
  let connects = 0;
  const it = new Connected(() => {
    if (connects++ === 0) return fixture.connect();
    tried.resolve();
    throw new Error("no more");
  });
  await it.client.connect(it.transport);
  if (kind === "stdio") {
    const call = failure(it.call("hold", { note: "held" }));
    await fixture.running("held");
    await fixture.kill();
    await call;
  } else {
    await fixture.kill();
    it.client.onerror = () => tried.resolve();
  }
  const waiting = it.call("echo");
  await tried.promise;
  await Promise.all([it.client.close(), assertRejects(() => waiting)]);
  assertEquals(it.closed, 1);
});

testEach(
  ["stdio"],
  "withSession: an answer to a server that is gone goes to nobody",
  async (kind) => {
    await using fixture = await Durable.create(kind);
    await using it = await connected(fixture);
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<{ roots: [] }>();
    it.client.setRequestHandler(ListRootsRequestSchema, () => {
      asked.resolve();
      return answer.promise;
    });
    const call = failure(it.call("ask"));
    await asked.promise;
    await fixture.kill();
    await call;
    await it.call("echo");
    answer.resolve({ roots: [] });
    await it.client.ping();
    assertEquals(await it.seen("answer"), []);
  },
);

testEach(
  ["http", "sse"],
  "withSession: without sendOnce, a server out of reach is an unknown outcome",
  async (kind) => {
    await using fixture = await Durable.create(kind);
    const plain = () => new StreamableHTTPClientTransport(new URL(fixture.url));
    await using it = new Connected(plain);
    await it.client.connect(it.transport);
    await fixture.kill();
    assert(isOutcomeUnknown(await failure(it.call("echo", { note: "never" }))));
    await fixture.start();
    assertEquals(await it.call("echo", { note: "after" }), it.id);
    assertEquals(await fixture.ran(), ["after"]);
  },
);

Deno.test("withSession: a server that never knows its own session is asked twice, not for ever", async () => {
  await using fixture = await Durable.create("stateful", "--forgetful");
  await using it = await connected(fixture);
  await assertRejects(() => it.call("echo"), Error, "Session not found");
  assertEquals([fixture.connections, it.told], [2, ["created", "reconnected"]]);
});

testEach(
  ["stdio"],
  "withSession: what a server does not read is let go as it dies",
  async (kind) => {
    await using fixture = await Durable.create(kind);
    await using it = await connected(fixture);
    await it.call("deafen");
    const params = { long: "x".repeat(1 << 20) };
    const stuck = it.transport.send({ jsonrpc: "2.0", method: "notifications/long", params });
    const call = failure(it.call("echo", { note: "unread" }));
    await fixture.kill();
    await stuck;
    assert(isOutcomeUnknown(await call));
    assertEquals(await it.call("echo", { note: "after" }), it.id);
    assertEquals(await fixture.ran(), ["deafen", "after"]);
  },
);
