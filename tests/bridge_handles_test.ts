/**
 * The bridge in front of each of the servers, for a host that tells no conversation: the model names
 * its sessions by handles.
 */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { Behind, sessionOf } from "./bridge_behind.ts";
import { BridgeHost, conversation, Folder } from "./bridge_host.ts";
import {
  type ServerName,
  SERVERS,
  startServer,
  TRANSPORTS,
  type WireResult,
} from "./support/server.ts";
import { writeTokens } from "./support/tokens.ts";

const POLICIES = new URL("./fixtures/policies.ts", import.meta.url);
const DEAD = /^There is no session with this handle/;
const NONE = /^This call needs a session, and names none.*session_create.*"session"/;

type Call = readonly [tool: string, args: Record<string, unknown>];

/** For each server: a call that keeps a text, one that shows what is kept, and what that shows. */
const CALLS: Readonly<
  Record<ServerName, {
    keep: (text: string) => Call;
    show: Call;
    shown: (content: Record<string, unknown>) => unknown;
  }>
> = {
  session: {
    keep: (note) => ["session_probe", { note }],
    show: ["session_probe", {}],
    shown: ({ calls }) => calls,
  },
  session_required: {
    keep: (text) => ["echo", { text }],
    show: ["whoami", {}],
    shown: ({ tool_calls }) => tool_calls,
  },
  notebook: {
    keep: (text) => ["notebook_append", { text }],
    show: ["notebook_read", {}],
    shown: ({ count }) => count,
  },
  hashcheck: {
    keep: (text) => ["hashcheck_store", { key: text, text }],
    show: ["hashcheck_list", {}],
    shown: ({ count }) => count,
  },
};

/** A model that names its sessions. */
class Model {
  readonly #host: BridgeHost;

  constructor(host: BridgeHost) {
    this.#host = host;
  }

  async create(title?: string): Promise<string> {
    const result = await this.#host.tool("session_create", { title });
    return String(result.structuredContent.session);
  }

  async list(): Promise<unknown[]> {
    const { structuredContent } = await this.#host.tool("session_list");
    return Object(structuredContent).sessions.map(({ session }: { session: unknown }) => session);
  }

  async call([tool, args]: Call, session?: string): Promise<WireResult> {
    return await this.#host.tool(tool, { ...args, session });
  }
}

/** What a model is told by a result that is a failure. */
function failure({ isError, content, structuredContent, _meta }: WireResult): string {
  assertEquals([isError, structuredContent, _meta], [true, undefined, undefined]);
  return content[0]?.text ?? "";
}

/** The text at the end of a result that the tool alone would not have. */
function remark({ content, isError }: WireResult): string {
  assertEquals([isError, content.length], [undefined, 2]);
  return content[1]?.text ?? "";
}

for (const server of SERVERS) {
  for (const way of TRANSPORTS) {
    const { keep, show, shown } = CALLS[server];
    /** How many calls each showing has counted besides. */
    const step = server === "session" || server === "session_required" ? 1 : 0;

    Deno.test(`bridge: a model makes, uses, lists and ends sessions by handles (${server}, ${way})`, async () => {
      await using folder = await Folder.create();
      await using behind = await Behind.start(server, way, folder);
      let one: string;
      let two: string;
      let before: unknown;
      {
        await using host = await BridgeHost.connect(folder, behind.args);
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
      // A process for each call, as some frameworks have it.
      for (let life = 1; life <= 2; life++) {
        await using host = await BridgeHost.connect(folder, behind.args);
        const result = await new Model(host).call(show, one);
        assertEquals(shown(result.structuredContent), Number(before) + life * step);
        assertEquals(await host.endInput(), 0);
      }
      await using host = await BridgeHost.connect(folder, behind.args);
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

    Deno.test(`bridge: a model that forgets its handle reads how to go on (${server}, ${way})`, async () => {
      await using folder = await Folder.create();
      await using behind = await Behind.start(server, way, folder);
      await using host = await BridgeHost.connect(folder, behind.args);
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
    await using folder = await Folder.create();
    await using behind = await Behind.start("notebook", way, folder);
    let handle: string;
    {
      await using host = await BridgeHost.connect(folder, behind.args);
      const model = new Model(host);
      handle = await model.create();
      await model.call(["notebook_append", { text: "one" }], handle);
      await behind.kill();
      await behind.startAgain();
      await host.reconnected();
      await model.call(["notebook_append", { text: "two" }], handle);
      await host.stop("SIGKILL");
    }
    await using host = await BridgeHost.connect(folder, behind.args);
    const read = await new Model(host).call(["notebook_read", {}], handle);
    assertEquals(read.content.map(({ text }) => text), ["1. one\n2. two"]);
  });

  Deno.test(`bridge: calls at once with one handle, and with two, do not mix (${way})`, async () => {
    await using folder = await Folder.create();
    await using behind = await Behind.start("notebook", way, folder);
    await using host = await BridgeHost.connect(folder, behind.args);
    await using other = await BridgeHost.connect(folder, behind.args);
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
    // One jar: what one bridge has made, the other lists.
    assertEquals(await new Model(other).list(), [one, two]);
  });
}

Deno.test("bridge: a handle beats the conversation, which has its own session without it", async () => {
  await using folder = await Folder.create();
  await using behind = await Behind.start("notebook", "stdio", folder);
  await using host = await BridgeHost.connect(folder, behind.args);
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
  // A conversation's session is no handle that anybody made.
  assertEquals(await model.list(), [handle]);
  assertEquals((await behind.sessions()).length, 2);
});

Deno.test("bridge: a handle that was made elsewhere is taken if the server takes it", async () => {
  await using folder = await Folder.create();
  await using behind = await Behind.start("notebook", "http", folder);
  let id: string;
  {
    await using beside = await behind.beside();
    ({ id } = await beside.result("session/create", { hints: { label: "elsewhere" } }));
  }
  await using host = await BridgeHost.connect(folder, behind.args);
  const model = new Model(host);
  assertEquals(sessionOf(await model.call(["notebook_append", { text: "x" }], id)), id);
  const { structuredContent } = await host.tool("session_list");
  assertMatch(JSON.stringify(structuredContent), new RegExp(`"${id}","title":"elsewhere"`));
});

Deno.test("bridge: a session that ended elsewhere is told, and leaves the list", async () => {
  await using folder = await Folder.create();
  await using behind = await Behind.start("notebook", "http", folder);
  await using host = await BridgeHost.connect(folder, behind.args);
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
  await using folder = await Folder.create();
  await using behind = await Behind.start("session", "http", folder);
  await using host = await BridgeHost.connect(folder, behind.args);
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
    await using folder = await Folder.create();
    await using behind = await Behind.start(POLICIES, way, folder);
    await using host = await BridgeHost.connect(folder, behind.args);
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
    // A server that believed it closes the session of the call, which then writes nothing.
    await host.tool("release");
    const { structuredContent } = await host.tool("read", { session });
    assertEquals([structuredContent.held ?? null], [null]);
    assertEquals(await host.endInput(), 0);
    assert(!host.messages.some(({ id }) => id === 0));
  });
}

Deno.test("bridge: tells of a session that ended while its tool ran", async () => {
  await using folder = await Folder.create();
  await using behind = await Behind.start(POLICIES, "http", folder);
  await using host = await BridgeHost.connect(folder, behind.args);
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

Deno.test("bridge: tools without a session, and those that do not need one, run as ever", async () => {
  await using folder = await Folder.create();
  await using behind = await Behind.start(POLICIES, "stdio", folder);
  await using host = await BridgeHost.connect(folder, behind.args);
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
});

Deno.test("bridge: a host's own cookie and a handle must not contradict each other", async () => {
  await using folder = await Folder.create();
  await using behind = await Behind.start("notebook", "stdio", folder);
  await using host = await BridgeHost.connect(folder, behind.args);
  const session = await new Model(host).create();
  const call = (cookie: unknown, name = "notebook_read") =>
    host.call(name, { session }, { "mcp/session": cookie });
  for (const cookie of [{ id: "sess-other" }, {}, 7]) {
    for (const name of ["notebook_read", "session_end"]) {
      const { error } = await call(cookie, name);
      assertEquals([error?.code, /different sessions/.test(error?.message ?? "")], [-32602, true]);
    }
  }
  const own = (await call({ id: session })).result;
  assertEquals([own && sessionOf(own), own?._meta?.["mcp/session"]?.id], [session, session]);
  const none = (await call(null)).result;
  assertEquals([none && sessionOf(none), none?._meta], [session, undefined]);
});

Deno.test("bridge: a wrong argument is told by its name", async () => {
  await using folder = await Folder.create();
  await using behind = await Behind.start("notebook", "stdio", folder);
  await using host = await BridgeHost.connect(folder, behind.args);
  for (const session of [7, true, {}, ["x"]]) {
    const said = failure(await host.tool("notebook_read", { session }));
    assertMatch(said, /^The argument "session" must be the handle of a session/);
  }
  for (const session of [undefined, null, "", 7]) {
    const said = failure(await host.tool("session_end", { session }));
    assertMatch(said, /^The argument "session" must be the handle of a session/);
  }
  for (const title of [7, {}]) {
    const said = failure(await host.tool("session_create", { title }));
    assertMatch(said, /^The argument "title" must be a text/);
  }
  const long = failure(await host.tool("session_create", { title: "x".repeat(10_000) }));
  assertMatch(long, /^The argument "title" can have at most/);
  for (const title of [undefined, null, ""]) {
    const { structuredContent } = await host.tool("session_create", { title });
    assertEquals(structuredContent.title, "raw · notebook");
  }
});

Deno.test("bridge: two users of one server who share a jar do not see each other's handles", async () => {
  await using folder = await Folder.create();
  const tokens = `${folder.path}/tokens.txt`;
  await writeTokens(tokens, { "token-of-alice": "alice", "token-of-bob": "bob" });
  await using server = await startServer({
    server: "notebook",
    transport: "http",
    flags: ["--tokens", tokens],
    permissions: ["-A"],
  });
  const as = (token: string) => ["--url", server.url, "--header", `Authorization: Bearer ${token}`];
  await using alice = await BridgeHost.connect(folder, as("token-of-alice"));
  await using bob = await BridgeHost.connect(folder, as("token-of-bob"));
  const handle = await new Model(alice).create("Alice's plans");
  await new Model(alice).call(["notebook_append", { text: "a" }], handle);
  assertEquals(await new Model(bob).list(), []);
  assertMatch(failure(await new Model(bob).call(["notebook_read", {}], handle)), DEAD);
  assertMatch(failure(await bob.tool("session_end", { session: handle })), DEAD);
  assertEquals(await new Model(alice).list(), [handle]);
  const read = await new Model(alice).call(["notebook_read", {}], handle);
  assertEquals(read.structuredContent.count, 1);
  const jar = await Deno.readTextFile(`${folder.path}/mcp-sessions/cookies.jsonl`);
  assert(!/token-of|Bearer/.test(jar));
});

Deno.test("bridge: a handle of another server's is dead, and stays in that one's list", async () => {
  await using folder = await Folder.create();
  await using notebook = await Behind.start("notebook", "http", folder);
  await using elsewhere = await Folder.create();
  await using hashcheck = await Behind.start("hashcheck", "http", elsewhere);
  await using one = await BridgeHost.connect(folder, notebook.args);
  await using two = await BridgeHost.connect(folder, hashcheck.args);
  const handle = await new Model(one).create();
  assertEquals(await new Model(two).list(), []);
  assertMatch(failure(await new Model(two).call(["hashcheck_list", {}], handle)), DEAD);
  assertMatch(failure(await two.tool("session_end", { session: handle })), DEAD);
  assertEquals(await new Model(one).list(), [handle]);
});

Deno.test("bridge: without a jar, handles last as long as the process", async () => {
  await using folder = await Folder.create();
  await Deno.writeTextFile(`${folder.path}/mcp-sessions`, "no folder");
  await using behind = await Behind.start("notebook", "stdio", folder);
  await using host = await BridgeHost.connect(folder, behind.args);
  const model = new Model(host);
  const handles = [await model.create(), await model.create()];
  assertEquals(await model.list(), handles);
  for (const handle of handles) await model.call(["notebook_append", { text: "x" }], handle);
  await host.tool("session_end", { session: handles[0] });
  assertEquals(await model.list(), handles.slice(1));
});

Deno.test("bridge: a jar that cannot be read costs no handle", async () => {
  await using folder = await Folder.create();
  await using behind = await Behind.start("notebook", "stdio", folder);
  await using host = await BridgeHost.connect(folder, behind.args);
  const model = new Model(host);
  const handle = await model.create();
  await model.call(["notebook_append", { text: "important" }], handle);
  const jar = `${folder.path}/mcp-sessions/cookies.jsonl`;
  {
    // Another process is in the middle of a line.
    using lock = await Deno.open(`${jar}.lock`, { read: true, write: true });
    await lock.lock(true);
    await Deno.writeTextFile(jar, " ", { append: true });
    const { error } = await host.call("notebook_append", { text: "refused", session: handle });
    assertEquals(error?.data, { reason: "not_sent" });
    await Deno.truncate(jar, (await Deno.stat(jar)).size - 1);
  }
  await model.call(["notebook_append", { text: "more" }], handle);
  const { content } = await model.call(["notebook_read", {}], handle);
  assertEquals(content[0]?.text, "1. important\n2. more");
});

Deno.test("bridge: shows the model its own tools in place of those of --handles always", async () => {
  for (const way of TRANSPORTS) {
    await using folder = await Folder.create();
    const script = fileURLToPath(new URL("../servers/notebook.ts", import.meta.url));
    await using server = way === "http"
      ? await startServer({
        server: "notebook",
        transport: "http",
        flags: ["--handles"],
        permissions: ["-A"],
      })
      : undefined;
    const args = server === undefined
      ? ["--", Deno.execPath(), "run", "-A", script, "--store", "memory:", "--handles"]
      : ["--url", server.url];
    await using host = await BridgeHost.connect(folder, args);
    const { tools } = await host.result("tools/list");
    const names = tools.map(({ name }) => name);
    assertEquals(names.slice(0, 3), ["session_create", "session_list", "session_end"]);
    assertEquals(new Set(names).size, names.length);
    assertMatch(String(tools[0]?.description), /the server's choice/);
    for (const { inputSchema } of tools.slice(3)) {
      const { session, session_handle } = Object(inputSchema).properties;
      assertEquals([typeof session, session_handle], ["object", undefined]);
    }
    const model = new Model(host);
    assertMatch(failure(await model.call(["notebook_read", {}])), NONE);
    const handle = await model.create();
    const appended = await model.call(["notebook_append", { text: "x" }], handle);
    assertEquals([sessionOf(appended), appended.content.length], [handle, 1]);
    assertMatch(failure(await model.call(["notebook_read", {}], "sess-none")), DEAD);
    assertEquals(await model.list(), [handle]);
    assertEquals((await host.tool("session_end", { session: handle })).isError, undefined);
    assertEquals(host.stderr, []);
  }
});

Deno.test("bridge: what the server finds by itself is a handle, told once", async () => {
  await using folder = await Folder.create();
  const script = fileURLToPath(new URL("../servers/notebook.ts", import.meta.url));
  const line = [Deno.execPath(), "run", "-A", script, "--store", `file:${folder.path}/store`];
  await using host = await BridgeHost.connect(folder, ["--", ...line, "--session", "mine"]);
  const model = new Model(host);
  const first = await model.call(["notebook_append", { text: "x" }]);
  const handle = sessionOf(first);
  assertMatch(remark(first), new RegExp(handle));
  const second = await model.call(["notebook_append", { text: "y" }]);
  assertEquals([sessionOf(second), second.content.length], [handle, 1]);
  assertEquals(await model.list(), [handle]);
  const read = await model.call(["notebook_read", {}], handle);
  assertEquals(read.structuredContent.count, 2);
});
