/**
 * Refusals in words: servers that know no -32002 refuse by an `isError` result, and lose their sessions
 * in a restart.
 */

import { assertEquals, assertNotEquals } from "@std/assert";
import {
  Connected,
  connected,
  Durable,
  KINDS,
  REFUSALS,
  startClient,
  startFixture,
  testEach,
} from "../../support/client/client_fixture.ts";

/** Calls a tool, and gives its text and whether that is an error. */
async function outcome(it: Connected, name = "echo", args = {}): Promise<[string, boolean]> {
  const result = await it.client.callTool({ name, arguments: args });
  const [block] = result.content as { text: string }[];
  return [block?.text ?? "", result.isError === true];
}

/** The events, without `reconnected`. */
function told(it: Connected): string[] {
  return it.told.filter((type) => type !== "reconnected");
}

for (const says of REFUSALS) {
  testEach(
    KINDS,
    `withSession: a refusal in words after a restart costs one call: ${says}`,
    async (kind) => {
      await using it = await startClient(kind, `--says=${says}`);
      const first = it.id;
      assertEquals(await outcome(it), [first!, false]);
      await it.fixture.kill();
      await it.fixture.start();
      assertEquals(await outcome(it, "echo", { note: "refused" }), [says, true]);
      assertEquals(told(it), ["created", "lost", "created"]);
      assertNotEquals(it.id, first);
      assertEquals(await outcome(it), [it.id!, false]);
      assertEquals(told(it), ["created", "lost", "created"]);
      assertEquals((await it.ran()).refused, undefined, "the refused call was not sent again");
      assertEquals(it.errors.filter((error) => !/refused|Session not found/.test(error)), []);
    },
  );
}

Deno.test("withSession: looks the session up after a tool fails, and loses nothing", async () => {
  await using it = await startClient("http");
  for (let calls = 1; calls <= 3; calls++) {
    assertEquals(await outcome(it, "fail"), ["No such file", true]);
    const asked = await it.seen("session/list");
    assertEquals(asked.map(({ cookie }) => cookie?.id), Array(calls).fill(it.id));
  }
  assertEquals(await outcome(it), [it.id!, false]);
  assertEquals([it.told, it.errors], [["created"], []]);
});

Deno.test("withSession: looks nothing up when the failure itself tells of the session", async () => {
  await using it = await startClient("http");
  await it.client.callTool({ name: "fail", arguments: { cookie: "with" } });
  // The caller's own cookie.
  await it.client.callTool({ name: "fail", _meta: { "mcp/session": { id: it.id } } });
  assertEquals(await it.seen("session/list"), []);
  // A server that has sent -32002 does not refuse in words.
  await it.ask("fixture/lose");
  await it.call("echo");
  await it.client.callTool({ name: "fail" });
  assertEquals(await it.seen("session/list"), []);
  assertEquals(it.told, ["created", "lost", "created"]);
});

Deno.test("withSession: looks the session up at a new server that refuses in words", async () => {
  await using it = await startClient("stateful");
  await it.ask("fixture/lose");
  assertEquals(await outcome(it), [it.id!, false]);
  await it.fixture.kill();
  await it.fixture.start([`--says=${REFUSALS[0]}`]);
  assertEquals(await outcome(it), [REFUSALS[0], true]);
  assertEquals(told(it), ["created", "lost", "created", "lost", "created"]);
  assertEquals(await outcome(it), [it.id!, false]);
});

testEach(KINDS, "withSession: ten calls refused at once share one lookup", async (kind) => {
  await using it = await startClient(kind, `--says=${REFUSALS[0]}`, "--hold-list");
  await it.ask("fixture/lose");
  const calls = Promise.all(Array.from({ length: 10 }, () => outcome(it)));
  await Promise.race([it.fixture.running("session/list"), calls]);
  while ((await it.seen("tools/call")).length < 10);
  await it.transport.send({ jsonrpc: "2.0", method: "notifications/release" });
  assertEquals(await calls, Array(10).fill([REFUSALS[0], true]));
  assertEquals((await it.seen("session/list")).length, 1);
  assertEquals((await it.seen("tools/call")).length, 10, "none of them is retried");
  assertEquals(it.told, ["created", "lost", "created"]);
  assertEquals(await outcome(it), [it.id!, false]);
});

for (const [flag, errors] of [["--fail-list", ["No disk"]], ["--no-list", []]] as const) {
  testEach(["stdio", "http"], `withSession: loses nothing with ${flag}`, async (kind) => {
    await using it = await startClient(kind, `--says=${REFUSALS[0]}`, flag);
    const { id } = it;
    await it.ask("fixture/lose");
    assertEquals(await outcome(it), [REFUSALS[0], true]);
    assertEquals([it.id, it.told, it.errors], [id, ["created"], [...errors]]);
    assertEquals((await it.seen("session/list")).length, errors.length);
  });
}

testEach(["stdio", "http"], "withSession: a hanging list delays a result", async (kind) => {
  await using fixture = await startFixture(kind, `--says=${REFUSALS[0]}`, "--hold-list");
  await using it = await connected(fixture, { establishMs: 300 });
  await it.ask("fixture/lose");
  assertEquals(await outcome(it), [REFUSALS[0], true]);
  assertEquals([it.told, it.errors], [["created"], ["it took longer than 300 ms"]]);
  await it.transport.send({ jsonrpc: "2.0", method: "notifications/release" });
});

Deno.test("withSession: reads an endless list once, however many calls fail", async () => {
  await using it = await startClient("http", "--endless");
  await outcome(it, "fail");
  const asked = (await it.seen("session/list")).length;
  for (let calls = 1; calls <= 3; calls++) await outcome(it, "fail");
  assertEquals((await it.seen("session/list")).length, asked);
  assertEquals(it.told, ["created"]);
});

testEach(KINDS, "withSession: creates a session after a refusal in words", async (kind) => {
  await using it = await startClient(kind, `--says=${REFUSALS[0]}`);
  await it.call("revoke");
  assertEquals([it.id, it.told], [undefined, ["created", "revoked"]]);
  assertEquals(await outcome(it), [REFUSALS[0], true]);
  assertEquals(it.told, ["created", "revoked", "created"]);
  assertEquals(await outcome(it), [it.id!, false]);
});

testEach(KINDS, "withSession: a late failure in an older session changes nothing", async (kind) => {
  await using it = await startClient(kind, `--says=${REFUSALS[0]}`);
  const late = it.client.callTool({ name: "hold", arguments: { note: "late", fails: "yes" } });
  await it.fixture.running("late");
  await it.call("rotate");
  const { id } = it;
  await it.ask("fixture/release");
  assertEquals((await late).isError, true);
  assertEquals([it.id, it.told], [id, ["created", "replaced"]]);
  assertEquals(await it.seen("session/list"), []);
});

testEach(["stdio", "stateful"], "withSession: one lookup on each connection", async (kind) => {
  await using fixture = await Durable.create(kind);
  await using it = await connected(fixture);
  await it.call("echo");
  for (let lives = 1; lives <= 2; lives++) {
    await fixture.kill();
    await fixture.start();
    await Promise.all(Array.from({ length: 5 }, () => it.call("echo")));
    await it.call("echo");
    const asked = await it.seen("session/list");
    assertEquals(
      asked.map(({ cookie }) => cookie?.id),
      [it.id],
      "what it saw began with its life",
    );
  }
  assertEquals(told(it), ["created"]);
});

testEach(KINDS, "withSession: a lookup of one session says nothing of another", async (kind) => {
  await using it = await startClient(kind, "--hold-list");
  const first = it.client.callTool({ name: "fail" });
  await Promise.race([it.fixture.running("session/list"), first]);
  await it.call("rotate");
  const { id } = it;
  const second = it.client.callTool({ name: "fail", arguments: { note: "second" } });
  await it.fixture.running("second");
  for (let i = 0; i < 1000 && (await it.seen("session/list")).length < 2; i++);
  await it.transport.send({ jsonrpc: "2.0", method: "notifications/release" });
  await Promise.all([first, second]);
  assertEquals([it.id, it.told], [id, ["created", "replaced"]]);
});

Deno.test("withSession: delivers a failure though its server is gone", async () => {
  await using fixture = await startFixture("stateful");
  let connections = 0;
  await using it = new Connected(() => {
    if (connections++ > 0) throw new Error("away");
    return fixture.connect();
  }, { reconnectMs: 200 });
  await it.client.connect(it.transport);
  assertEquals(await outcome(it, "forget-transport"), ["No such file", true]);
  assertEquals(it.closed, 1);
});
