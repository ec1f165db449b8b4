/**
 * Handles in front of servers such as the original's: they know no -32002, keep their sessions in
 * memory, and some keep the state of a session in its cookie.
 */

import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { Forgetful } from "../../support/bridge/behind.ts";
import { BridgeHost, Folder } from "../../support/bridge/host.ts";
import { KINDS, REFUSALS } from "../../support/client/client_fixture.ts";
import type { WireResult } from "../../support/servers/server.ts";

const DEAD = /^There is no session with this handle.*session_create/;
const NONE = /^This call needs a session, and names none.*session_create/;
const [IN_WORDS, UNCLEAR] = REFUSALS;

async function create(host: BridgeHost): Promise<string> {
  return String((await host.tool("session_create")).structuredContent.session);
}

async function handles(host: BridgeHost): Promise<unknown[]> {
  const { structuredContent } = await host.tool("session_list");
  return Object(structuredContent).sessions.map(({ session }: { session: unknown }) => session);
}

function texts({ content }: WireResult): string[] {
  return content.map(({ text }) => text);
}

for (const kind of KINDS) {
  Deno.test(`bridge: handles where a server refuses in words: make, use, forget, end (${kind})`, async () => {
    await using folder = await Folder.create();
    await using server = await Forgetful.start(kind, folder, `--says=${IN_WORDS}`);
    await using host = await BridgeHost.connect(folder, server.args);
    const forgotten = await host.tool("echo");
    assertEquals([forgotten.isError, forgotten.content.length], [true, 1]);
    assertMatch(texts(forgotten)[0] ?? "", NONE);
    const [one, two] = [await create(host), await create(host)];
    assertNotEquals(one, two);
    for (const session of [one, two, one]) {
      assertEquals(texts(await host.tool("echo", { session })), [session]);
    }
    // A tool that fails in a live session fails by itself.
    const failed = await host.tool("fail", { session: one });
    assertEquals([failed.isError, texts(failed)], [true, ["No such file"]]);
    assertEquals(await handles(host), [one, two]);
    assertEquals((await host.tool("session_end", { session: one })).isError, undefined);
    assertMatch(texts(await host.tool("session_end", { session: one }))[0] ?? "", DEAD);
    for (const session of [one, "sess-never"]) {
      const dead = await host.tool("echo", { session });
      assertEquals([dead.isError, dead.content.length], [true, 1]);
      assertMatch(texts(dead)[0] ?? "", DEAD);
    }
    assertEquals(await handles(host), [two]);
  });

  Deno.test(`bridge: a handle whose server has forgotten it is told to be dead (${kind})`, async () => {
    for (const says of REFUSALS) {
      await using folder = await Folder.create();
      await using server = await Forgetful.start(kind, folder, `--says=${says}`);
      await using host = await BridgeHost.connect(folder, server.args);
      const session = await create(host);
      await host.tool("echo", { session });
      await server.restart(host);
      const dead = await host.tool("echo", { session });
      assertEquals(dead.isError, true);
      assertMatch(texts(dead)[0] ?? "", DEAD);
      assertEquals(texts(dead).slice(1), says === IN_WORDS ? [] : [says]);
      assertEquals(await handles(host), []);
      const next = await create(host);
      assertEquals(texts(await host.tool("echo", { session: next })), [next]);
    }
  });

  Deno.test(`bridge: state in the cookie goes with its handle, from process to process (${kind})`, async () => {
    await using folder = await Folder.create();
    await using server = await Forgetful.start(kind, folder, "--in-cookie", `--says=${IN_WORDS}`);
    let one: string;
    let two: string;
    {
      await using host = await BridgeHost.connect(folder, server.args);
      assertMatch(texts(await host.tool("kept"))[0] ?? "", NONE);
      [one, two] = [await create(host), await create(host)];
      assertEquals(texts(await host.tool("keep", { text: "of one", session: one })), ["of one"]);
      await host.tool("keep", { text: "of two", session: two });
      await host.stop("SIGKILL");
    }
    // Each call by a bridge of its own, and over stdio by a server of its own, which knows nothing.
    for (const [session, text] of [[one, "of one"], [two, "of two"]] as const) {
      await using host = await BridgeHost.connect(folder, server.args);
      assertEquals(texts(await host.tool("kept", { session })), [text]);
      // What fails first in a new process takes nothing with it.
      await using next = await BridgeHost.connect(folder, server.args);
      const [failed, ...more] = texts(await next.tool("fail", { session }));
      assertEquals([failed, more.length <= 1], ["Wrong input", true]);
      assertEquals(texts(await next.tool("kept", { session })), [text]);
    }
    await using host = await BridgeHost.connect(folder, server.args);
    await server.restart(host);
    assertEquals(texts(await host.tool("kept", { session: one })), ["of one"]);
    assertEquals(await handles(host), [one, two]);
    assertEquals((await host.tool("session_end", { session: one })).isError, undefined);
    assertEquals(await handles(host), [two]);
  });
}

Deno.test("bridge: calls at once with one handle undo nothing in the cookie", async () => {
  await using folder = await Folder.create();
  await using server = await Forgetful.start("stdio", folder, "--in-cookie");
  await using host = await BridgeHost.connect(folder, server.args);
  const session = await create(host);
  const late = host.tool("hold", { note: "late", text: "held", session });
  await host.tool("keep", { text: "precious", session });
  await host.request("fixture/release", {});
  await late;
  await using other = await BridgeHost.connect(folder, server.args);
  assertEquals(texts(await other.tool("kept", { session })), ["precious"]);
  const jar = await Deno.readTextFile(`${folder.path}/mcp-sessions/cookies.jsonl`);
  assertMatch(jar.split("\n").at(-2) ?? "", /precious.*held|held.*precious/);
});

Deno.test("bridge: two bridges that take turns with one handle see each other's state", async () => {
  await using folder = await Folder.create();
  await using server = await Forgetful.start("http", folder, "--in-cookie");
  await using one = await BridgeHost.connect(folder, server.args);
  await using two = await BridgeHost.connect(folder, server.args);
  const session = await create(one);
  for (
    const [writer, reader, text] of [[one, two, "a"], [two, one, "b"], [one, two, "c"]] as const
  ) {
    await writer.tool("keep", { text, session });
    assertEquals(texts(await reader.tool("kept", { session })), [text]);
  }
});

Deno.test("bridge: a server that refuses a cookie with state has ended its session", async () => {
  await using folder = await Folder.create();
  const says = "Session not found for this tool. Establish one first.";
  const flags = ["--in-cookie", "--checks", `--says=${says}`];
  await using server = await Forgetful.start("http", folder, ...flags);
  await using host = await BridgeHost.connect(folder, server.args);
  const session = await create(host);
  await host.tool("keep", { text: "gone soon", session });
  await server.restart(host);
  assertMatch(texts(await host.tool("kept", { session }))[0] ?? "", DEAD);
  assertEquals(await handles(host), []);
});

Deno.test("bridge: hints at a session where a call fails in words that say nothing of one", async () => {
  await using folder = await Folder.create();
  await using server = await Forgetful.start("http", folder, `--says=${UNCLEAR}`);
  await using host = await BridgeHost.connect(folder, server.args);
  const [said, hint] = texts(await host.tool("echo"));
  assertEquals(said, UNCLEAR);
  assertMatch(hint ?? "", /^This call named no session\. .*session_create.*"session"/);
});

Deno.test("bridge: hints at nothing where a tool has run without a session before", async () => {
  await using folder = await Folder.create();
  await using server = await Forgetful.start("http", folder, "--optional", `--says=${IN_WORDS}`);
  await using host = await BridgeHost.connect(folder, server.args);
  assertEquals(texts(await host.tool("echo", { fails: "now" })).length, 2);
  assertEquals((await host.tool("echo")).isError, undefined);
  assertEquals(texts(await host.tool("echo", { fails: "now" })), ["No such file"]);
});

Deno.test("bridge: a call whose session ended meanwhile has run, whatever tool it was of", async () => {
  await using folder = await Folder.create();
  await using server = await Forgetful.start("http", folder, "--optional");
  await using host = await BridgeHost.connect(folder, server.args);
  // The server does not list this one.
  const [said = "", ...more] = texts(await host.tool("ended"));
  assertMatch(said, /^The session ended while the tool ran/);
  assertEquals(more, []);
});

Deno.test("bridge: a session that a server makes by itself is kept by its handle", async () => {
  await using folder = await Folder.create();
  await using server = await Forgetful.start("http", folder, "--auto");
  let handle: string;
  {
    await using host = await BridgeHost.connect(folder, server.args);
    const [id = "", words = ""] = texts(await host.tool("echo"));
    assertMatch(words, new RegExp(`ran in a new one: ${id}\\.`));
    handle = id;
    await host.stop("SIGKILL");
  }
  await using host = await BridgeHost.connect(folder, server.args);
  assertEquals(await handles(host), [handle]);
  assertEquals(texts(await host.tool("echo", { session: handle })), [handle]);
  const [next = "", words = ""] = texts(await host.tool("rotate", { session: handle }));
  assertEquals(next, handle);
  assertMatch(words, /^The session has another handle from now on: sess-/);
  const [now] = await handles(host);
  assertMatch(words, new RegExp(`${now}$`));
  const [, ended = ""] = texts(await host.tool("revoke", { session: now }));
  assertMatch(ended, /^This session has ended/);
  assertEquals(await handles(host), []);
});
