/** Handles at the bridge: isolation of users and servers, refusals, and trouble with the jar. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { BridgedServer, sessionOf, startForUsers } from "../../support/bridge/bridged_servers.ts";
import { asUser, BridgeHost } from "../../support/bridge/host.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { DEAD, failure, Model, NONE, remark } from "../../support/bridge/model.ts";
import { startServer, TRANSPORTS } from "../../support/servers/server.ts";

Deno.test("bridge: refuses a cookie of the host and a handle that contradict each other", async () => {
  await using behind = await BridgedServer.start("notebook", "stdio");
  await using host = await behind.connect();
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

Deno.test("bridge: names a wrong argument", async () => {
  await using behind = await BridgedServer.start("notebook", "stdio");
  await using host = await behind.connect();
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

Deno.test("bridge: tells of a tool that the server does not list", async () => {
  await using behind = await BridgedServer.start("notebook", "stdio");
  await using host = await behind.connect();
  const said = failure(await host.tool("notebook_wirte"));
  assertMatch(said, /^The server lists no tool of this name/);
  // With a session, the server says so itself.
  const session = await new Model(host).create();
  assertMatch(failure(await host.tool("notebook_wirte", { session })), /not found/);
  const { error } = await host.request("tools/call", { name: "session_list", arguments: ["x"] });
  assertEquals(error?.code, -32602);
});

Deno.test("bridge: users of one server with one jar do not see each other's handles", async () => {
  await using folder = await tempFolder();
  await using server = await startForUsers(folder, {
    "token-of-alice": "alice",
    "token-of-bob": "bob",
  });
  await using alice = await BridgeHost.connect(folder, asUser(server.url, "token-of-alice"));
  await using bob = await BridgeHost.connect(folder, asUser(server.url, "token-of-bob"));
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

Deno.test("bridge: a handle of another server is dead, and stays in that server's list", async () => {
  await using notebook = await BridgedServer.start("notebook", "http");
  await using hashcheck = await BridgedServer.start("hashcheck", "http");
  await using one = await notebook.connect();
  await using two = await BridgeHost.connect(notebook.folder, hashcheck.args);
  const handle = await new Model(one).create();
  assertEquals(await new Model(two).list(), []);
  assertMatch(failure(await new Model(two).call(["hashcheck_list", {}], handle)), DEAD);
  assertMatch(failure(await two.tool("session_end", { session: handle })), DEAD);
  assertEquals(await new Model(one).list(), [handle]);
});

Deno.test("bridge: without a jar, handles last as long as the process", async () => {
  await using behind = await BridgedServer.start("notebook", "stdio");
  await Deno.writeTextFile(`${behind.folder.path}/mcp-sessions`, "no folder");
  await using host = await behind.connect();
  const model = new Model(host);
  const handles = [await model.create(), await model.create()];
  assertEquals(await model.list(), handles);
  for (const handle of handles) await model.call(["notebook_append", { text: "x" }], handle);
  await host.tool("session_end", { session: handles[0] });
  assertEquals(await model.list(), handles.slice(1));
});

Deno.test("bridge: a jar that cannot be read costs no handle", async () => {
  await using behind = await BridgedServer.start("notebook", "stdio");
  await using host = await behind.connect();
  const model = new Model(host);
  const handle = await model.create();
  await model.call(["notebook_append", { text: "important" }], handle);
  const jar = `${behind.folder.path}/mcp-sessions/cookies.jsonl`;
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

Deno.test("bridge: replaces the three tools of a server with --handles always by its own", async () => {
  for (const way of TRANSPORTS) {
    await using folder = await tempFolder();
    const script = fileURLToPath(new URL("../../../servers/notebook.ts", import.meta.url));
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

Deno.test("bridge: tells once the handle of a session that the server finds by itself", async () => {
  await using folder = await tempFolder();
  const script = fileURLToPath(new URL("../../../servers/notebook.ts", import.meta.url));
  const line = [Deno.execPath(), "run", "-A", script, "--store", `file:${folder.path}/store`];
  await using host = await BridgeHost.connect(folder, ["--", ...line, "--session", "mine"]);
  const model = new Model(host);
  const first = await model.call(["notebook_append", { text: "x" }]);
  const handle = sessionOf(first);
  assertMatch(remark(first), new RegExp(handle));
  assertMatch(remark(first), /again/);
  assert(!/new one|does not find/.test(remark(first)), remark(first));
  const second = await model.call(["notebook_append", { text: "y" }]);
  assertEquals([sessionOf(second), second.content.length], [handle, 1]);
  assertEquals(await model.list(), [handle]);
  const read = await model.call(["notebook_read", {}], handle);
  assertEquals(read.structuredContent.count, 2);
});
