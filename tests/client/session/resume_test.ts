/** Resuming a session keeps the state in its cookie, and a server's list alone ends no session. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { MemoryJar } from "../../../client/mod.ts";
import {
  connectedWithJar,
  JAR_KEY as KEY,
  KINDS,
  REFUSALS,
  startClient,
  startFixture,
  testEach,
} from "../../support/client/client_fixture.ts";

testEach(KINDS, "withSession: resumes a session whose state is in the cookie", async (kind) => {
  const jar = new MemoryJar();
  await using fixture = await startFixture(kind, "--in-cookie");
  let id;
  {
    await using first = await connectedWithJar(fixture, jar);
    id = first.id;
    await first.call("keep", { text: "precious" });
  }
  // Over stdio the server's process, and all that it knows, is another one now.
  await using it = await connectedWithJar(fixture, jar);
  assertEquals([it.id, it.told], [id, ["resumed"]]);
  const isListed = kind !== "stdio";
  assertEquals(it.events[0]?.type === "resumed" && it.events[0].verified, isListed);
  assertEquals(await it.call("kept"), "precious");
  assertEquals([it.id, it.told], [id, ["resumed"]]);
  assertEquals((await jar.get(KEY))?.data?.kept, "precious");
});

Deno.test("withSession: takes the expiry and new data from the list", async () => {
  const jar = new MemoryJar();
  await using fixture = await startFixture("http");
  let cookie;
  {
    await using first = await connectedWithJar(fixture, jar);
    cookie = first.transport.cookie;
  }
  assert(cookie);
  const old = { id: cookie.id, expiry: "2020-01-01T00:00:00Z", data: { title: "mine", more: "1" } };
  await jar.set(KEY, old);
  await using it = await connectedWithJar(fixture, jar);
  assertEquals(it.transport.cookie, { ...cookie, data: { ...cookie.data, ...old.data } });
  assertEquals(await jar.get(KEY), it.transport.cookie);
});

testEach(KINDS, "withSession: a restart loses no state in the cookie", async (kind) => {
  await using it = await startClient(kind, "--in-cookie");
  const { id } = it;
  await it.call("keep", { text: "precious" });
  await it.fixture.kill();
  await it.fixture.start();
  assertEquals(await it.call("kept"), "precious");
  if (kind === "stdio" || kind === "stateful") {
    // The list lacks a session that was just accepted: the failure is the tool's.
    await it.client.callTool({ name: "fail" });
  }
  assertEquals(await it.call("kept"), "precious");
  assertEquals([it.id, it.told.includes("lost")], [id, false]);
});

testEach(KINDS, "withSession: concurrent calls undo no state in the cookie", async (kind) => {
  await using it = await startClient(kind, "--in-cookie");
  const late = [it.call("hold", { note: "reads" }), it.call("hold", { note: "writes", text: "1" })];
  await Promise.all([it.fixture.running("reads"), it.fixture.running("writes")]);
  await it.call("keep", { text: "precious" });
  await it.ask("fixture/release");
  assertEquals(await Promise.all(late), ["nothing is kept", "nothing is kept"]);
  assertEquals(await it.call("kept"), "precious");
  assertEquals(it.transport.cookie?.data?.held, "1");
});

Deno.test("withSession: keeps the old state when the cookie grows too large, and reports it", async () => {
  await using it = await startClient("http", "--in-cookie");
  await it.call("keep", { text: "precious" });
  await it.call("keep", { text: "x".repeat(17_000) });
  assertEquals(await it.call("kept"), "precious");
  assertEquals(it.errors.length, 1);
  assertMatch(it.errors[0] ?? "", /too large/);
});

testEach(KINDS, "withSession: a refusal in words replaces a session with state", async (kind) => {
  await using fixture = await startFixture(kind, `--says=${REFUSALS[0]}`);
  const jar = new MemoryJar();
  await jar.set(KEY, { id: "sess-gone", data: { kept: "precious" } });
  await using it = await connectedWithJar(fixture, jar);
  assertEquals(it.told, ["resumed"]);
  assertEquals((await it.client.callTool({ name: "echo" })).isError, true);
  assertEquals(it.told, ["resumed", "lost", "created"]);
  assertEquals(await it.call("echo"), it.id);
});

testEach(KINDS, "withSession: a failed first call loses no state", async (kind) => {
  const flags = ["--in-cookie", "--lists-none", "--fails=No notes in session"];
  await using fixture = await startFixture(kind, ...flags);
  const jar = new MemoryJar();
  await jar.set(KEY, { id: "sess-kept", data: { kept: "precious" } });
  await using it = await connectedWithJar(fixture, jar);
  for (const args of [{}, { echoed: "No session 'x'", key: "session" }]) {
    const failed = await it.client.callTool({ name: "fail", arguments: args });
    assertEquals(failed.isError, true);
  }
  assertEquals(await it.call("kept"), "precious");
  assertEquals([it.id, it.told], ["sess-kept", ["resumed"]]);
  assertEquals((await jar.get(KEY))?.data?.kept, "precious");
});

testEach(["stdio", "http"], "withSession: an empty list loses no session", async (kind) => {
  await using fixture = await startFixture(kind, "--lists-none");
  const jar = new MemoryJar();
  let id;
  {
    await using first = await connectedWithJar(fixture, jar);
    id = first.id;
    assertEquals(await first.call("echo"), id);
    if (kind === "stdio") return;
  }
  await using it = await connectedWithJar(fixture, jar);
  assertEquals(await it.call("echo"), id);
  assertEquals(it.told, ["resumed"]);
});

testEach(KINDS, "withSession: a refusal of the jar's session costs one call", async (kind) => {
  await using fixture = await startFixture(kind, `--says=${REFUSALS[1]}`);
  const jar = new MemoryJar();
  await jar.set(KEY, { id: "sess-gone" });
  await using it = await connectedWithJar(fixture, jar);
  const refused = await it.client.callTool({ name: "echo" });
  assertEquals(refused.isError, true);
  assertEquals(it.told, ["resumed", "lost", "created"]);
  assertNotEquals(it.id, "sess-gone");
  assertEquals(await it.call("echo"), it.id);
  assertEquals((await jar.get(KEY))?.id, it.id);
});
