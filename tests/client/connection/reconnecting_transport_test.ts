/** Reconnecting to a server that is killed and restarted on the same port. */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { DeadlineError } from "../../../runtime/deadline.ts";
import { ReconnectingTransport } from "../../../client/connection/reconnecting_transport.ts";
import { isOutcomeUnknown, sendOnce } from "../../../client/mod.ts";
import {
  type JSONRPCMessage,
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
  startFixture,
  testEach,
} from "../../support/client/client_fixture.ts";

/** The error that `call` rejects with, caught from now on. */
function rejection(call: Promise<unknown>): Promise<Error> {
  return assertRejects(() => call, Error);
}

testEach(KINDS, "withSession: kill -9 in mid-call is an unknown outcome", async (kind) => {
  await using fixture = await Durable.create(kind);
  await using it = await connected(fixture);
  const { id } = it;
  const notes = Array.from({ length: 10 }, (_, number) => `call ${number}`);
  const calls = notes.map((note) => rejection(it.call("hold", { note })));
  await Promise.all(notes.map((note) => fixture.running(note)));
  await fixture.kill();
  for (const error of await Promise.all(calls)) {
    assert(isOutcomeUnknown(error) && error instanceof McpError);
    assertEquals([error.code, error.data], [-32000, { reason: "outcome_unknown" }]);
  }
  await fixture.start();
  assertEquals(await it.call("echo", { note: "after" }), id);
  assertEquals((await fixture.ran()).sort(), ["after", ...notes]);
  assertEquals(it.id, id);
  assertEquals([it.closed, it.told.includes("lost")], [0, false]);
});

testEach(KINDS, "withSession: ten calls share one new connection", async (kind) => {
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

testEach(["http", "sse", "stateful"], "withSession: a call waits for a restart", async (kind) => {
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
});

testEach(KINDS, "withSession: reports a session that a restart has lost", async (kind) => {
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

testEach(["http", "stateful"], "withSession: uses a server again after giving up", async (kind) => {
  await using fixture = await Durable.create(kind);
  await using it = await connected(fixture, { reconnectMs: 300 });
  await fixture.kill();
  const error = await assertRejects(() => it.call("echo", { note: "given up" }));
  assertEquals(isOutcomeUnknown(error), false, "it was never sent");
  assertEquals(it.closed, 0);
  await fixture.start();
  assertEquals(await it.call("echo", { note: "back" }), it.id);
  assertEquals(await fixture.ran(), ["back"]);
});

testEach(["stdio"], "withSession: closes when it cannot reconnect", async (kind) => {
  await using fixture = await Durable.create(kind);
  let connects = 0;
  await using it = new Connected(() => {
    if (connects++ > 0) throw new Error("no more");
    return fixture.connect();
  }, { reconnectMs: 200 });
  await it.client.connect(it.transport);
  const call = rejection(it.call("hold", { note: "held" }));
  await fixture.running("held");
  await fixture.kill();
  await call;
  await assertRejects(() => it.call("echo"), Error);
  assertEquals(it.closed, 1);
  assert(connects > 2, "several attempts");
  await assertRejects(() => it.transport.send({ jsonrpc: "2.0", method: "x" }), Error, "closed");
});

Deno.test("withSession: does not retry the first connection", async () => {
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

testEach(["stdio"], "withSession: cannot connect to a server that ends", async (kind) => {
  await using fixture = new Fixture(kind, ["--exit"]);
  const it = new Connected(fixture.connect);
  await assertRejects(() => it.client.connect(it.transport), McpError, "-32000");
  assertEquals([fixture.connections, it.closed], [1, 1]);
});

testEach(KINDS, "withSession: close() ends a call in flight, and closes once", async (kind) => {
  await using fixture = await Durable.create(kind);
  const it = await connected(fixture);
  const call = rejection(it.call("hold", { note: "held" }));
  await fixture.running("held");
  await it.client.close();
  assertEquals((await call).message, "MCP error -32000: Connection closed");
  assertEquals(it.closed, 1);
  await it.transport.close();
  assertEquals(it.closed, 1);
});

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
    const call = rejection(it.call("hold", { note: "held" }));
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

testEach(["stdio"], "withSession: drops an answer to a server that is gone", async (kind) => {
  await using fixture = await Durable.create(kind);
  await using it = await connected(fixture);
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<{ roots: [] }>();
  it.client.setRequestHandler(ListRootsRequestSchema, () => {
    asked.resolve();
    return answer.promise;
  });
  const call = rejection(it.call("ask"));
  await asked.promise;
  await fixture.kill();
  await call;
  await it.call("echo");
  answer.resolve({ roots: [] });
  await it.client.ping();
  assertEquals(await it.seen("answer"), []);
});

testEach(["http", "sse"], "withSession: needs sendOnce to know an unsent call", async (kind) => {
  await using fixture = await Durable.create(kind);
  const plain = () => new StreamableHTTPClientTransport(new URL(fixture.url));
  await using it = new Connected(plain);
  await it.client.connect(it.transport);
  await fixture.kill();
  assert(isOutcomeUnknown(await rejection(it.call("echo", { note: "never" }))));
  await fixture.start();
  assertEquals(await it.call("echo", { note: "after" }), it.id);
  assertEquals(await fixture.ran(), ["after"]);
});

Deno.test("withSession: reconnects once to a server that never knows its transport session", async () => {
  await using fixture = await Durable.create("stateful", "--forgetful");
  await using it = await connected(fixture);
  await assertRejects(() => it.call("echo"), Error, "Session not found");
  assertEquals([fixture.connections, it.told], [2, ["created", "reconnected"]]);
});

testEach(["stdio"], "withSession: ends a send that a dead server has not read", async (kind) => {
  await using fixture = await Durable.create(kind);
  await using it = await connected(fixture);
  await it.call("deafen");
  const params = { long: "x".repeat(1 << 20) };
  const stuck = it.transport.send({ jsonrpc: "2.0", method: "notifications/long", params });
  const call = rejection(it.call("echo", { note: "unread" }));
  await fixture.kill();
  await stuck;
  assert(isOutcomeUnknown(await call));
  assertEquals(await it.call("echo", { note: "after" }), it.id);
  assertEquals(await fixture.ran(), ["deafen", "after"]);
});

Deno.test({
  name: "ReconnectingTransport: stays open when its server stays away",
  // The SDK's stdio transport leaves the timer running that limits its close().
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    await using fixture = await startFixture("stdio");
    let away = false;
    let closed = 0;
    const answers: unknown[] = [];
    let answered = Promise.withResolvers<void>();
    const transport = new ReconnectingTransport(() => {
      if (away) throw new Error("away");
      return fixture.connect();
    }, { reconnectMs: 200, givesUp: false });
    transport.onclose = () => closed++;
    transport.onmessage = (message: JSONRPCMessage) => {
      if ("id" in message) answers.push(message.id);
      answered.resolve();
    };
    const ask = async (id: number, method: string) => {
      answered = Promise.withResolvers();
      await transport.send({ jsonrpc: "2.0", id, method, params: { protocolVersion: "x" } });
      await answered.promise;
    };
    await transport.start();
    await ask(1, "initialize");
    away = true;
    await fixture.kill();
    await assertRejects(() => ask(2, "ping"), Error, "away");
    away = false;
    assertEquals(closed, 0);
    await untilAnswered(() => ask(3, "ping"));
    assertEquals(answers, [1, 3]);
    await transport.close();
    assertEquals(closed, 1);
  },
});

/** Asks again until a new connection is ready within the time of one attempt. */
async function untilAnswered(ask: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
    }
  }
}
