/** Handles, for a host that tells no conversation, in front of each server. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { BridgedServer, POLICIES, sessionOf } from "../../support/bridge/bridged_servers.ts";
import { conversation } from "../../support/bridge/host.ts";
import { CALLS, DEAD, failure, Model, NONE, remark } from "../../support/bridge/model.ts";
import { SERVERS, TRANSPORTS } from "../../support/servers/server.ts";

for (const server of SERVERS) {
  for (const way of TRANSPORTS) {
    const { keep, show, shown } = CALLS[server];
    /** Increase of the server's count by each `show`. */
    const step = server === "session" || server === "session_required" ? 1 : 0;

    Deno.test(`bridge: a model makes, uses, lists and ends sessions by handles (${server}, ${way})`, async () => {
      await using behind = await BridgedServer.start(server, way);
      let one: string;
      let two: string;
      let before: unknown;
      {
        await using host = await behind.connect();
        const model = new Model(host);
        one = await model.create("the first");
        two = await model.create();
        assertNotEquals(one, two);
        const kept = await model.call(keep("in one"), one);
        assertEquals([kept.isError, kept.content.length, kept._meta], [undefined, 1, undefined]);
        for (const text of ["b", "c"]) await model.call(keep(text), two);
        const [inOne, inTwo] = [await model.call(show, one), await model.call(show, two)];
        assertEquals(
          Number(shown(inTwo.structuredContent)) - Number(shown(inOne.structuredContent)),
          1,
        );
        assertEquals(await model.list(), [one, two]);
        before = shown((await model.call(show, one)).structuredContent);
        await host.stop("SIGKILL");
      }
      // A process for each call, as in some frameworks.
      for (let life = 1; life <= 2; life++) {
        await using host = await behind.connect();
        const result = await new Model(host).call(show, one);
        assertEquals(shown(result.structuredContent), Number(before) + life * step);
        assertEquals(await host.endInput(), 0);
      }
      await using host = await behind.connect();
      const model = new Model(host);
      assertEquals((await host.tool("session_end", { session: one })).structuredContent, {
        session: one,
        ended: true,
      });
      assertEquals(await model.list(), [two]);
      assertMatch(failure(await host.tool("session_end", { session: one })), DEAD);
      assertMatch(failure(await host.tool("session_end", { session: "none" })), DEAD);
      const ids = await behind.sessions();
      for (
        const dead of [one, "sess-" + "0".repeat(32), "none", "no such handle", "x".repeat(300)]
      ) {
        assertMatch(failure(await model.call(show, dead)), DEAD);
      }
      assertEquals(await behind.sessions(), ids, "a dead handle has made a session");
      assertEquals(ids, [two]);
    });

    Deno.test(`bridge: a call without a handle tells the model how to go on (${server}, ${way})`, async () => {
      await using behind = await BridgedServer.start(server, way);
      await using host = await behind.connect();
      const model = new Model(host);
      if (server !== "session") {
        for (const session of [undefined, "", null]) {
          const [tool, args] = keep("x");
          assertMatch(failure(await host.tool(tool, { ...args, session })), NONE);
        }
        assertEquals(await behind.sessions(), []);
        return;
      }
      const result = await model.call(keep("x"));
      const handle = sessionOf(result);
      assertMatch(remark(result), new RegExp(`new one: ${handle}\\..*"session"`));
      assertEquals(await model.list(), [handle]);
      const next = await model.call(show, handle);
      assertEquals([sessionOf(next), next.structuredContent.calls], [handle, 2]);
      assertEquals(next.content.length, 1);
    });
  }
}

for (const way of TRANSPORTS) {
  Deno.test(`bridge: a handle is good after kill -9 of server and bridge (${way})`, async () => {
    await using behind = await BridgedServer.start("notebook", way);
    let handle: string;
    {
      await using host = await behind.connect();
      const model = new Model(host);
      handle = await model.create();
      await model.call(["notebook_append", { text: "one" }], handle);
      await behind.kill();
      await behind.startAgain();
      await host.reconnected();
      await model.call(["notebook_append", { text: "two" }], handle);
      await host.stop("SIGKILL");
    }
    await using host = await behind.connect();
    const read = await new Model(host).call(["notebook_read", {}], handle);
    assertEquals(read.content.map(({ text }) => text), ["1. one\n2. two"]);
  });

  Deno.test(`bridge: concurrent calls keep their sessions apart (${way})`, async () => {
    await using behind = await BridgedServer.start("notebook", way);
    await using host = await behind.connect();
    await using other = await behind.connect();
    const [one, two] = [await new Model(host).create(), await new Model(other).create()];
    await Promise.all(Array.from({ length: 8 }, (_, i) => {
      const handle = i % 2 === 0 ? one : two;
      const text = `of ${handle}`;
      return new Model(i < 4 ? host : other).call(["notebook_append", { text }], handle);
    }));
    for (const handle of [one, two]) {
      const { content } = await new Model(host).call(["notebook_read", {}], handle);
      const texts = content[0]?.text.split("\n").map((line) => line.split(". ")[1]);
      assertEquals(texts, Array(4).fill(`of ${handle}`));
    }
    // Both bridges list the handles of their one jar.
    assertEquals(await new Model(other).list(), [one, two]);
  });
}

Deno.test("bridge: a handle wins over the conversation, which has a session of its own", async () => {
  await using behind = await BridgedServer.start("notebook", "stdio");
  await using host = await behind.connect();
  const model = new Model(host);
  const handle = await model.create();
  const append = (args: object, meta: unknown) =>
    host.tool("notebook_append", { text: "x", ...args }, meta);
  const own = sessionOf(await append({}, conversation("a")));
  assertNotEquals(own, handle);
  assertEquals(sessionOf(await append({ session: handle }, conversation("a"))), handle);
  assertEquals(sessionOf(await append({ session: handle }, conversation("b"))), handle);
  for (const session of ["", null]) {
    assertEquals(sessionOf(await append({ session }, conversation("a"))), own);
  }
  // The session of a conversation is no handle.
  assertEquals(await model.list(), [handle]);
  assertEquals((await behind.sessions()).length, 2);
});

Deno.test("bridge: takes a handle that was made elsewhere if the server takes it", async () => {
  await using behind = await BridgedServer.start("notebook", "http");
  let id: string;
  {
    await using beside = await behind.beside();
    ({ id } = await beside.result("session/create", { hints: { label: "elsewhere" } }));
  }
  await using host = await behind.connect();
  const model = new Model(host);
  assertEquals(sessionOf(await model.call(["notebook_append", { text: "x" }], id)), id);
  const { structuredContent } = await host.tool("session_list");
  assertMatch(JSON.stringify(structuredContent), new RegExp(`"${id}","title":"elsewhere"`));
});

Deno.test("bridge: tells of a session that ended elsewhere, and lists it no more", async () => {
  await using behind = await BridgedServer.start("notebook", "http");
  await using host = await behind.connect();
  const model = new Model(host);
  const [one, two] = [await model.create(), await model.create()];
  await behind.end(one);
  const [tool, args] = ["notebook_append", { text: "x", session: one }];
  const dead = await host.toolAtOnce(4, tool, args, undefined);
  for (const result of dead) assertMatch(failure(result), DEAD);
  assertEquals(await model.list(), [two]);
  assertEquals(await behind.sessions(), [two]);
});

Deno.test("bridge: tells of a new handle, of an end, and of a session in place of a dead one", async () => {
  await using behind = await BridgedServer.start("session", "http");
  await using host = await behind.connect();
  const model = new Model(host);
  const first = await model.create();
  const rotated = await model.call(["session_probe", { action: "new" }], first);
  const second = sessionOf(rotated);
  assertNotEquals(second, first);
  assertEquals(remark(rotated), `The session has another handle from now on: ${second}`);
  assertEquals(await model.list(), [second]);
  assertMatch(failure(await model.call(["session_probe", {}], first)), DEAD);
  await behind.end(second);
  const replaced = await model.call(["session_probe", {}], second);
  const third = sessionOf(replaced);
  assertMatch(
    remark(replaced),
    /^There is no session with the handle.*ran in a new, empty session/,
  );
  assertMatch(remark(replaced), new RegExp(third));
  assertEquals(await model.list(), [third]);
  const revoked = await model.call(["session_probe", { action: "revoke" }], third);
  assertMatch(remark(revoked), /^This session has ended\..*session_create/);
  assertEquals(await model.list(), []);
});

for (const way of TRANSPORTS) {
  Deno.test(`bridge: progress and cancellation go with a handle (${way})`, async () => {
    await using behind = await BridgedServer.start(POLICIES, way);
    await using host = await behind.connect();
    const session = await new Model(host).create();
    const before = host.messages.length;
    await host.tool("progress", { session }, { progressToken: "p" });
    const told = host.messages.slice(before, -1).map(({ params }) => Object(params));
    assertEquals(told.map(({ progressToken, progress }) => [progressToken, progress]), [
      ["p", 1],
      ["p", 2],
      ["p", 3],
    ]);
    const params = { name: "hold", arguments: { text: "x", session } };
    await host.send({ jsonrpc: "2.0", id: 0, method: "tools/call", params });
    await host.tool("held");
    const cancelled = { requestId: 0 };
    await host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: cancelled });
    // Nothing waits for it, so the bridge ends with its input.
    assertEquals(await host.endInput(), 0);
    assert(!host.messages.some(({ id }) => id === 0));
  });
}

Deno.test("bridge: tells of a session that ended while its tool ran", async () => {
  await using behind = await BridgedServer.start(POLICIES, "http");
  await using host = await behind.connect();
  const model = new Model(host);
  const session = await model.create();
  const held = host.tool("hold", { text: "x", session });
  await host.tool("held");
  await behind.end(session);
  await host.tool("release");
  const result = await held;
  if (result.isError) assertMatch(failure(result), /^The session ended while the tool ran/);
  else assertMatch(remark(result), /^This session has ended/);
  assertEquals(await model.list(), []);
});

Deno.test("bridge: leaves tools alone that need no session", async () => {
  await using behind = await BridgedServer.start(POLICIES, "stdio");
  await using host = await behind.connect();
  const session = await new Model(host).create();
  for (const args of [{}, { session }]) {
    const result = await host.tool("public", args);
    assertEquals([result.isError, result.content.length, result._meta], [undefined, 1, undefined]);
  }
  const lazy = await host.tool("lazy");
  assertMatch(remark(lazy), /ran in a new one: sess-/);
  // Nothing is kept of a session that its tool has not used.
  assertEquals((await host.tool("lazy_unused")).content.length, 1);
  // A tool that fails in its session says so itself.
  const failed = await host.tool("fail", { session });
  assertEquals([failed.isError, failed.content.map(({ text }) => text)], [true, [
    "the tool's own failure",
  ]]);
  assertEquals((await host.tool("public", { session })).isError, undefined);
  // The words of a server that refuses by a code are the tool's own.
  assertMatch(failure(await host.tool("append", { text: "x" })), NONE);
  const wrong = await host.tool("wait", { text: 7 });
  assertEquals([wrong.isError, wrong.content.length], [true, 1], JSON.stringify(wrong));
});
