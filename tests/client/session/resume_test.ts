/**
 * A session that is resumed keeps what its server has put into the cookie, and a server's list alone
 * takes nobody's session away.
 */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { listed } from "../../../client/session/cookie_rules.ts";
import { type HeldCookie, MemoryJar } from "../../../client/mod.ts";
import {
  type Connected,
  connected,
  type Fixture,
  KINDS,
  REFUSALS,
  startFixture,
  testEach,
} from "../../support/client/client_fixture.ts";
import { User } from "../../support/client/client_sessions.ts";

const KEY = { server: "fixture", profile: "default" };
const HELD: HeldCookie = {
  id: "a",
  expiry: "2099-01-01T00:00:00Z",
  data: { title: "t", kept: "k" },
};

const LISTED: readonly [claim: string, found: HeldCookie, merged: HeldCookie][] = [
  ["an id alone takes nothing away", { id: "a" }, HELD],
  [
    "the server's expiry counts",
    { id: "a", expiry: "2100-01-01T00:00:00Z" },
    { ...HELD, expiry: "2100-01-01T00:00:00Z" },
  ],
  ["data that the list lacks is kept", { id: "a", data: {} }, HELD],
  [
    "what the list has besides is added, and nothing undone",
    { id: "a", data: { title: "t", kept: "as it once was", more: "m" } },
    { ...HELD, data: { title: "t", kept: "k", more: "m" } },
  ],
  ["what is too much together is what was held", { id: "a", data: { x: "x".repeat(17_000) } }, {
    ...HELD,
  }],
];

for (const [claim, found, merged] of LISTED) {
  Deno.test(`listed: ${claim}`, () => assertEquals(listed(HELD, found), merged));
}

Deno.test("listed: nothing is made of nothing", () => {
  assertEquals(listed({ id: "a" }, { id: "a" }), { id: "a" });
});

function withJar(fixture: Fixture, jar: MemoryJar): Promise<Connected> {
  return connected(fixture, { jar, server: KEY.server });
}

testEach(
  KINDS,
  "withSession: resumes a session that the server keeps in its cookie",
  async (kind) => {
    const jar = new MemoryJar();
    await using fixture = await startFixture(kind, "--in-cookie");
    let id;
    {
      await using first = await withJar(fixture, jar);
      id = first.id;
      await first.call("keep", { text: "precious" });
    }
    // Over stdio the server's process, and all that it knows, is another one now.
    await using it = await withJar(fixture, jar);
    assertEquals([it.id, it.told], [id, ["resumed"]]);
    const isListed = kind !== "stdio";
    assertEquals(it.events[0]?.type === "resumed" && it.events[0].verified, isListed);
    assertEquals(await it.call("kept"), "precious");
    assertEquals([it.id, it.told], [id, ["resumed"]]);
    assertEquals((await jar.get(KEY))?.data?.kept, "precious");
  },
);

Deno.test("withSession: takes the expiry from the list, and what else is new there", async () => {
  const jar = new MemoryJar();
  await using fixture = await startFixture("http");
  let cookie;
  {
    await using first = await withJar(fixture, jar);
    cookie = first.transport.cookie;
  }
  assert(cookie);
  const old = { id: cookie.id, expiry: "2020-01-01T00:00:00Z", data: { title: "mine", more: "1" } };
  await jar.set(KEY, old);
  await using it = await withJar(fixture, jar);
  assertEquals(it.transport.cookie, { ...cookie, data: { ...cookie.data, ...old.data } });
  assertEquals(await jar.get(KEY), it.transport.cookie);
});

testEach(
  KINDS,
  "withSession: a restart costs nothing where the server keeps the session in the cookie",
  async (kind) => {
    await using fixture = await startFixture(kind, "--in-cookie");
    await using it = await connected(fixture);
    const { id } = it;
    await it.call("keep", { text: "precious" });
    await fixture.kill();
    await fixture.start();
    assertEquals(await it.call("kept"), "precious");
    if (kind === "stdio" || kind === "stateful") {
      // Its list lacks what it has just taken: a tool that fails is no more than that.
      await it.client.callTool({ name: "fail" });
    }
    assertEquals(await it.call("kept"), "precious");
    assertEquals([it.id, it.told.includes("lost")], [id, false]);
  },
);

testEach(KINDS, "withSession: calls at once undo nothing in the cookie", async (kind) => {
  await using fixture = await startFixture(kind, "--in-cookie");
  await using it = await connected(fixture);
  const late = [it.call("hold", { note: "reads" }), it.call("hold", { note: "writes", text: "1" })];
  await Promise.all([fixture.running("reads"), fixture.running("writes")]);
  await it.call("keep", { text: "precious" });
  await it.ask("fixture/release");
  assertEquals(await Promise.all(late), ["nothing is kept", "nothing is kept"]);
  assertEquals(await it.call("kept"), "precious");
  assertEquals(it.transport.cookie?.data?.held, "1");
});

Deno.test("withSession: state that grows too large for the cookie is kept as it was, and that is said", async () => {
  await using fixture = await startFixture("http", "--in-cookie");
  await using it = await connected(fixture);
  await it.call("keep", { text: "precious" });
  await it.call("keep", { text: "x".repeat(17_000) });
  assertEquals(await it.call("kept"), "precious");
  assertEquals(it.errors.length, 1);
  assertMatch(it.errors[0] ?? "", /too large/);
});

testEach(
  KINDS,
  "withSession: a server that refuses a cookie with state has ended its session",
  async (kind) => {
    await using fixture = await startFixture(kind, `--says=${REFUSALS[0]}`);
    const jar = new MemoryJar();
    await jar.set(KEY, { id: "sess-gone", data: { kept: "precious" } });
    await using it = await withJar(fixture, jar);
    assertEquals(it.told, ["resumed"]);
    assertEquals((await it.client.callTool({ name: "echo" })).isError, true);
    assertEquals(it.told, ["resumed", "lost", "created"]);
    assertEquals(await it.call("echo"), it.id);
  },
);

testEach(
  KINDS,
  "withSession: a call that fails first takes no state that only the cookie has",
  async (kind) => {
    await using fixture = await startFixture(kind, "--in-cookie", "--lists-none");
    const jar = new MemoryJar();
    await jar.set(KEY, { id: "sess-kept", data: { kept: "precious" } });
    await using it = await withJar(fixture, jar);
    for (const args of [{}, { echoed: "No session 'x'", key: "session" }]) {
      const failed = await it.client.callTool({ name: "fail", arguments: args });
      assertEquals(failed.isError, true);
    }
    assertEquals(await it.call("kept"), "precious");
    assertEquals([it.id, it.told], ["sess-kept", ["resumed"]]);
    assertEquals((await jar.get(KEY))?.data?.kept, "precious");
  },
);

testEach(
  ["stdio", "http"],
  "withSession: a refusal that speaks of a session in its own words ends one with state",
  async (kind) => {
    const says = "Session not found for this tool. Establish one first.";
    await using fixture = await startFixture(kind, "--in-cookie", "--checks", `--says=${says}`);
    const jar = new MemoryJar();
    await jar.set(KEY, { id: "sess-gone", data: { kept: "precious" } });
    await using it = await withJar(fixture, jar);
    assertEquals((await it.client.callTool({ name: "kept" })).isError, true);
    assertEquals(it.told, ["resumed", "lost", "created"]);
    assertEquals(await it.call("kept"), "nothing is kept");
  },
);

testEach(
  ["stdio", "http"],
  "withSession: a list that shows none of its sessions takes none away",
  async (kind) => {
    await using fixture = await startFixture(kind, "--lists-none");
    const jar = new MemoryJar();
    let id;
    {
      await using first = await withJar(fixture, jar);
      id = first.id;
      assertEquals(await first.call("echo"), id);
      if (kind === "stdio") return;
    }
    await using it = await withJar(fixture, jar);
    assertEquals(await it.call("echo"), id);
    assertEquals(it.told, ["resumed"]);
  },
);

testEach(
  KINDS,
  "withSession: a session in the jar that a server refuses in words alone costs one call",
  async (kind) => {
    await using fixture = await startFixture(kind, `--says=${REFUSALS[1]}`);
    const jar = new MemoryJar();
    await jar.set(KEY, { id: "sess-gone" });
    await using it = await withJar(fixture, jar);
    const refused = await it.client.callTool({ name: "echo" });
    assertEquals(refused.isError, true);
    assertEquals(it.told, ["resumed", "lost", "created"]);
    assertNotEquals(it.id, "sess-gone");
    assertEquals(await it.call("echo"), it.id);
    assertEquals((await jar.get(KEY))?.id, it.id);
  },
);

Deno.test("sessions: what a server keeps in the cookie is there in the next run", async () => {
  await using user = await User.create();
  await using fixture = await startFixture("http", "--in-cookie");
  const url = ["--url", fixture.url];
  await user.does("create", ...url);
  await user.does("call", "keep", '{"text":"precious"}', ...url);
  assertEquals(await user.does("call", "kept", ...url), "precious\n");
  await user.does("resume", ...url);
  assertEquals(await user.does("call", "kept", ...url), "precious\n");
  await fixture.kill();
  await fixture.start();
  assertEquals(await user.does("call", "kept", ...url), "precious\n");
  await user.fails(1, "resume", ...url);
  assertEquals(await user.does("call", "kept", ...url), "precious\n");
});
