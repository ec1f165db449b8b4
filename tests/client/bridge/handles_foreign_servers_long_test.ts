/**
 * Handles in front of servers like the reference's: they know no -32002, keep their sessions in
 * memory, and some keep the state of a session in its cookie.
 */

import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { ForgetfulServer } from "../../support/bridge/bridged_servers.ts";
import { DEAD, Model, NONE } from "../../support/bridge/model.ts";
import { KINDS, REFUSALS } from "../../support/client/client_fixture.ts";
import type { WireResult } from "../../support/servers/server.ts";

const [IN_WORDS, UNCLEAR] = REFUSALS;

function texts({ content }: WireResult): string[] {
  return content.map(({ text }) => text);
}

for (const kind of KINDS) {
  Deno.test(`bridge: handles in front of a server that refuses in words (${kind})`, async () => {
    await using server = await ForgetfulServer.start(kind, `--says=${IN_WORDS}`);
    await using host = await server.connect();
    const forgotten = await host.tool("echo");
    assertEquals([forgotten.isError, forgotten.content.length], [true, 1]);
    assertMatch(texts(forgotten)[0] ?? "", NONE);
    const [one, two] = [await new Model(host).create(), await new Model(host).create()];
    assertNotEquals(one, two);
    for (const session of [one, two, one]) {
      assertEquals(texts(await host.tool("echo", { session })), [session]);
    }
    // A failure in a live session is the tool's own.
    const failed = await host.tool("fail", { session: one });
    assertEquals([failed.isError, texts(failed)], [true, ["No such file"]]);
    assertEquals(await new Model(host).list(), [one, two]);
    assertEquals((await host.tool("session_end", { session: one })).isError, undefined);
    assertMatch(texts(await host.tool("session_end", { session: one }))[0] ?? "", DEAD);
    for (const session of [one, "sess-never"]) {
      const dead = await host.tool("echo", { session });
      assertEquals([dead.isError, dead.content.length], [true, 1]);
      assertMatch(texts(dead)[0] ?? "", DEAD);
    }
    assertEquals(await new Model(host).list(), [two]);
  });

  Deno.test(`bridge: a handle is dead once the server has forgotten it (${kind})`, async () => {
    for (const says of REFUSALS) {
      await using server = await ForgetfulServer.start(kind, `--says=${says}`);
      await using host = await server.connect();
      const session = await new Model(host).create();
      await host.tool("echo", { session });
      await server.restart(host);
      const dead = await host.tool("echo", { session });
      assertEquals(dead.isError, true);
      assertMatch(texts(dead)[0] ?? "", DEAD);
      assertEquals(texts(dead).slice(1), says === IN_WORDS ? [] : [says]);
      assertEquals(await new Model(host).list(), []);
      const next = await new Model(host).create();
      assertEquals(texts(await host.tool("echo", { session: next })), [next]);
    }
  });

  Deno.test(`bridge: the state in a cookie goes with its handle to the next process (${kind})`, async () => {
    await using server = await ForgetfulServer.start(
      kind,
      "--in-cookie",
      `--says=${IN_WORDS}`,
    );
    let one: string;
    let two: string;
    {
      await using host = await server.connect();
      assertMatch(texts(await host.tool("kept"))[0] ?? "", NONE);
      [one, two] = [await new Model(host).create(), await new Model(host).create()];
      assertEquals(texts(await host.tool("keep", { text: "of one", session: one })), ["of one"]);
      await host.tool("keep", { text: "of two", session: two });
      await host.stop("SIGKILL");
    }
    // A new bridge for each call; over stdio, a new server too.
    for (const [session, text] of [[one, "of one"], [two, "of two"]] as const) {
      await using host = await server.connect();
      assertEquals(texts(await host.tool("kept", { session })), [text]);
      // A first call that fails loses nothing.
      await using next = await server.connect();
      const [failed, ...more] = texts(await next.tool("fail", { session }));
      assertEquals([failed, more.length <= 1], ["Wrong input", true]);
      assertEquals(texts(await next.tool("kept", { session })), [text]);
    }
    await using host = await server.connect();
    await server.restart(host);
    assertEquals(texts(await host.tool("kept", { session: one })), ["of one"]);
    assertEquals(await new Model(host).list(), [one, two]);
    assertEquals((await host.tool("session_end", { session: one })).isError, undefined);
    assertEquals(await new Model(host).list(), [two]);
  });
}

Deno.test("bridge: concurrent calls with one handle keep each other's changes to the cookie", async () => {
  await using server = await ForgetfulServer.start("stdio", "--in-cookie");
  await using host = await server.connect();
  const session = await new Model(host).create();
  const late = host.tool("hold", { note: "late", text: "held", session });
  await host.tool("keep", { text: "precious", session });
  await host.request("fixture/release", {});
  await late;
  await using other = await server.connect();
  assertEquals(texts(await other.tool("kept", { session })), ["precious"]);
  const jar = await Deno.readTextFile(`${server.folder.path}/mcp-sessions/cookies.jsonl`);
  assertMatch(jar.split("\n").at(-2) ?? "", /precious.*held|held.*precious/);
});

Deno.test("bridge: two bridges with one handle see each other's state", async () => {
  await using server = await ForgetfulServer.start("http", "--in-cookie");
  await using one = await server.connect();
  await using two = await server.connect();
  const session = await new Model(one).create();
  for (
    const [writer, reader, text] of [[one, two, "a"], [two, one, "b"], [one, two, "c"]] as const
  ) {
    await writer.tool("keep", { text, session });
    assertEquals(texts(await reader.tool("kept", { session })), [text]);
  }
});

Deno.test("bridge: a server that refuses a cookie with state has ended its session", async () => {
  const says = "Session not found for this tool. Establish one first.";
  const flags = ["--in-cookie", "--checks", `--says=${says}`];
  await using server = await ForgetfulServer.start("http", ...flags);
  await using host = await server.connect();
  const session = await new Model(host).create();
  await host.tool("keep", { text: "gone soon", session });
  await server.restart(host);
  assertMatch(texts(await host.tool("kept", { session }))[0] ?? "", DEAD);
  assertEquals(await new Model(host).list(), []);
});

Deno.test("bridge: hints at a session when a call without one fails", async () => {
  await using server = await ForgetfulServer.start("http", `--says=${UNCLEAR}`);
  await using host = await server.connect();
  const [said, hint] = texts(await host.tool("echo"));
  assertEquals(said, UNCLEAR);
  assertMatch(hint ?? "", /^This call named no session\. .*session_create.*"session"/);
});

Deno.test("bridge: keeps a session that the server made by itself by its handle", async () => {
  await using server = await ForgetfulServer.start("http", "--auto");
  let handle: string;
  {
    await using host = await server.connect();
    const [id = "", words = ""] = texts(await host.tool("echo"));
    assertMatch(words, new RegExp(`ran in a new one: ${id}\\.`));
    handle = id;
    await host.stop("SIGKILL");
  }
  await using host = await server.connect();
  assertEquals(await new Model(host).list(), [handle]);
  assertEquals(texts(await host.tool("echo", { session: handle })), [handle]);
  const [next = "", words = ""] = texts(await host.tool("rotate", { session: handle }));
  assertEquals(next, handle);
  assertMatch(words, /^The session has another handle from now on: sess-/);
  const [now] = await new Model(host).list();
  assertMatch(words, new RegExp(`${now}$`));
  const [, ended = ""] = texts(await host.tool("revoke", { session: now }));
  assertMatch(ended, /^This session has ended/);
  assertEquals(await new Model(host).list(), []);
});
