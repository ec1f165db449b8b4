/**
 * Parallel calls in one session: one new session, no late result that undoes a newer cookie, no call
 * that runs twice.
 */

import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { McpError } from "../../../client/sdk.ts";
import {
  Connected,
  connected,
  KINDS,
  startClient,
  startFixture,
  testEach,
} from "../../support/client/client_fixture.ts";

const TEN = Array.from({ length: 10 }, (_, number) => `call ${number}`);

function callTen(it: Connected): Promise<string[]> {
  return Promise.all(TEN.map((note) => it.call("echo", { note })));
}

function cancellable(it: Connected, name: string, note: string) {
  const cancelled = new AbortController();
  const { signal } = cancelled;
  const call = it.client.callTool({ name, arguments: { note } }, undefined, { signal });
  return { call, cancelled };
}

async function assertOnceEach(it: Connected): Promise<void> {
  const ran = await it.ran();
  assertEquals(TEN.map((note) => ran[note]), TEN.map(() => 1));
}

testEach(KINDS, "withSession: ten calls wait for the new session", async (kind) => {
  await using fixture = await startFixture(kind, "--hold-create");
  await using it = new Connected(fixture.connect);
  const connecting = it.client.connect(it.transport);
  await fixture.running("session/create");
  const calls = callTen(it);
  const { call, cancelled } = cancellable(it, "echo", "never");
  cancelled.abort("changed my mind");
  await assertRejects(() => call);
  await it.transport.send({ jsonrpc: "2.0", method: "notifications/release" });
  await connecting;
  assertEquals(new Set(await calls), new Set([it.id]));
  assertEquals(it.told, ["created"]);
  await assertOnceEach(it);
  assertEquals((await it.ran()).never, undefined);
  assertEquals(await it.seen("notifications/cancelled"), [], "the call was never sent");
});

testEach(KINDS, "withSession: ten calls around a rotation never undo it", async (kind) => {
  await using it = await startClient(kind);
  const first = it.id;
  const held = TEN.map((note) => it.call("hold", { note }));
  await Promise.all(TEN.map((note) => it.fixture.running(note)));
  await it.call("rotate");
  const second = it.id;
  assertNotEquals(second, first);
  await it.ask("fixture/release");
  assertEquals(new Set(await Promise.all(held)), new Set([first]));
  assertEquals([it.id, it.told], [second, ["created", "replaced"]]);
  await assertOnceEach(it);
});

testEach(KINDS, "withSession: retries a late refusal in the held session", async (kind) => {
  await using it = await startClient(kind);
  await it.ask("fixture/lose");
  const late = it.call("late-refusal", { note: "late" });
  await it.fixture.running("late");
  await it.ask("session/create");
  const { id, told } = it;
  await it.ask("fixture/release");
  assertEquals(await late, id);
  assertEquals([it.id, it.told], [id, told]);
  assertEquals((await it.seen("session/create")).length, 2);
  assertEquals((await it.ran()).late, 1);
});

for (const why of ["lost", "revoked"] as const) {
  testEach(KINDS, `withSession: ten calls share the session after a ${why} one`, async (kind) => {
    await using it = await startClient(kind);
    await (why === "lost" ? it.ask("fixture/lose") : it.call("revoke"));
    assertEquals(new Set(await callTen(it)), new Set([it.id]));
    assertEquals(it.told, ["created", why, "created"]);
    assertEquals((await it.seen("session/create")).length, 2);
    await assertOnceEach(it);
  });
}

testEach(KINDS, "withSession: cancels a call with the cookie that the call had", async (kind) => {
  await using it = await startClient(kind);
  const first = it.id;
  const { call, cancelled } = cancellable(it, "hold", "held");
  await it.fixture.running("held");
  await it.call("rotate");
  cancelled.abort("enough");
  await assertRejects(() => call, McpError, "enough");
  const [sent] = await it.seen("tools/call");
  const [cancellation] = await it.seen("notifications/cancelled");
  assertEquals([cancellation?.requestId, cancellation?.cookie?.id], [sent?.id, first]);
});

testEach(KINDS, "withSession: cancels a retried call by its id on the wire", async (kind) => {
  await using it = await startClient(kind);
  await it.ask("fixture/lose");
  const { call, cancelled } = cancellable(it, "hold", "held");
  await it.fixture.running("held");
  cancelled.abort("enough");
  await assertRejects(() => call, McpError, "enough");
  const [, repeated] = await it.seen("tools/call");
  const [cancellation] = await it.seen("notifications/cancelled");
  assertEquals([cancellation?.requestId, cancellation?.cookie?.id], [repeated?.id, it.id]);
});

testEach(["stdio", "http"], "withSession: a cancelled call never runs", async (kind) => {
  await using it = await startClient(kind, "--hold-second-create");
  await it.ask("fixture/lose");
  const { call, cancelled } = cancellable(it, "echo", "never");
  await it.fixture.running("session/create");
  const other = it.call("echo", { note: "other" });
  cancelled.abort("enough");
  await assertRejects(() => call, McpError, "enough");
  await it.transport.send({ jsonrpc: "2.0", method: "notifications/release" });
  assertEquals(await other, it.id);
  const ran = await it.ran();
  assertEquals([ran.never, ran.other], [undefined, 1]);
});

testEach(["stdio", "http"], "withSession: goes on without a slow session", async (kind) => {
  await using fixture = await startFixture(kind, "--hold-create");
  await using it = await connected(fixture, { establishMs: 200 });
  assertEquals([it.id, it.told], [undefined, []]);
  const [asked] = await it.seen("session/create");
  const [cancellation] = await it.seen("notifications/cancelled");
  assertEquals(cancellation?.requestId, asked?.id);
  const error = await assertRejects(() => it.call("echo"), McpError);
  assertEquals(error.code, -32002);
  assertEquals((await it.seen("tools/call")).length, 1, "it is not retried without a session");
  await it.ask("fixture/release");
  await it.client.ping();
  assertEquals([it.id, it.told], [undefined, []], "a session that comes late is ignored");
  const late = "Cannot get a session: it took longer than 200 ms";
  assertEquals(it.errors, [late, late]);
});

testEach(["stdio", "http"], "withSession: goes on when creating a session fails", async (kind) => {
  await using it = await startClient(kind, "--fail-create");
  assertEquals([it.id, it.told], [undefined, []]);
  assertEquals(it.errors, ["Cannot get a session: No room"]);
  const error = await assertRejects(() => it.call("echo"), McpError);
  assertEquals(error.code, -32002);
});
