/**
 * Clocks that differ between server and client: only the server decides that a session has ended.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BridgeHost } from "../../support/bridge/host.ts";
import { KEY, openJar } from "../../support/client/client_jar_fixture.ts";
import { User } from "../../support/client/client_sessions.ts";
import { encodeHeader } from "../../../store/journal/header.ts";
import { encodeLine } from "../../../store/journal/line_codec.ts";
import { tempFolder } from "../../support/store/stores.ts";
import { startServer } from "../../support/servers/server.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** The arguments for a process whose clock starts at this time. */
function startingAt(time: string | number): string[] {
  const script = new URL("../../fixtures/shifted_clock.ts", import.meta.url);
  script.searchParams.set("at", new Date(time).toISOString());
  return ["--preload", script.href];
}

/** A notebook over HTTP whose clock starts at this time, and whose sessions last an hour. */
function notebookAt(time: string | number) {
  const permissions = ["-A", ...startingAt(time)];
  return startServer({
    server: "notebook",
    transport: "http",
    flags: ["--ttl", "1h"],
    permissions,
  });
}

const CLOCKS: readonly (readonly [what: string, server: string | number, client?: string])[] = [
  ["a server that is two hours behind", Date.now() - 2 * HOUR],
  ["a server that is two years behind", Date.now() - 2 * YEAR],
  ["a server in 1970", "1970-01-02"],
  ["a server in 2099", "2099-01-01"],
  ["a client in 1970", Date.now(), "1970-01-02"],
  ["a client in 2099", Date.now(), "2099-01-01"],
  ["a client in 2099 and a server in 1970", "1970-01-02", "2099-01-01"],
];

for (const [what, server, client] of CLOCKS) {
  Deno.test(`sessions, bridge: go on in the session of ${what}`, async () => {
    await using user = await User.create();
    await using folder = await tempFolder();
    const clock = client === undefined ? [] : startingAt(client);
    await using notebook = await notebookAt(server);
    const url = ["--url", notebook.url];
    const run = (...args: string[]) => user.at(clock, ...args);
    const [, id = ""] = /^Created (sess-[0-9a-f]{8}) /.exec(await run("create", ...url)) ?? [];
    assert((await run("jar", "list")).includes(`\n${id}  default  `));
    for (const count of [1, 2]) {
      const append = ["call", "notebook_append", '{"text":"x"}', ...url];
      assertEquals(await run(...append), `Note ${count} is written.\n`);
    }
    assert((await run("resume", ...url)).startsWith(`Resumed ${id} `));
    for (const count of [1, 2]) {
      const args = ["--session", "s", ...url];
      await using host = await BridgeHost.connect(folder, args, clock);
      const { content } = await host.tool("notebook_append", { text: "x" });
      assertEquals(content.map(({ text }) => text), [`Note ${count} is written.`]);
      assertEquals(await host.endInput(), 0);
      assertEquals(host.stderr, []);
    }
  });
}

Deno.test("sessions: one run with a clock far ahead loses nothing", async () => {
  await using user = await User.create();
  await using notebook = await notebookAt(Date.now());
  const url = ["--url", notebook.url];
  await user.does("call", "notebook_append", '{"text":"x"}', ...url);
  const list = await user.at(startingAt("2099-01-01"), "jar", "list");
  assertMatch(list, /\nsess-\S+ {2}default {2}20\S+Z \(past by this machine's clock\) /);
  await user.at(startingAt("2099-01-01"), "create", "--profile", "other", ...url);
  assertEquals(await user.does("call", "notebook_read", ...url), "1. x\n");
  assert(!(await user.does("jar", "list")).includes("past"));
});

Deno.test("FileJar: returns, lists and keeps an expired cookie", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const expiry = "2030-01-01T00:00:01.000001+00:00";
  let now = Date.parse("2030-01-01T00:00:00Z");
  await using jar = await openJar(path, [], () => now);
  await jar.set(KEY, { id: "brief", expiry });
  for (now of [now + 1001, now + YEAR, Date.parse("1970-01-01T00:00:00Z")]) {
    await using again = await openJar(path, [], () => now);
    for (const it of [jar, again]) {
      assertEquals(await it.get(KEY), { id: "brief", expiry });
      assertEquals(await it.list(), [{ ...KEY, cookie: { id: "brief", expiry } }]);
      assertEquals(await it.add(KEY, { id: "new" }), { id: "brief", expiry });
    }
  }
});

Deno.test("FileJar: deletes a cookie a year after its expiry, and after it was last filed", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const start = Date.parse("2030-01-01T00:00:00Z");
  const profiles = async (now: number) => {
    await using jar = await openJar(path, [], () => now);
    return (await jar.list()).map(({ profile }) => profile);
  };
  {
    await using jar = await openJar(path, [], () => start);
    const file = (profile: string, expiry?: string) =>
      jar.set({ ...KEY, profile }, { id: "a", ...(expiry !== undefined && { expiry }) });
    await file("of a server far behind", "1999-01-01T00:00:00Z");
    await file("brief", "2030-01-11T00:00:00Z");
    await file("long", "2032-01-01T00:00:00Z");
    await file("endless");
  }
  const [behind, brief, ...rest] = ["of a server far behind", "brief", "long", "endless"];
  assertEquals(await profiles(start + YEAR - 1), [behind, brief, ...rest]);
  assertEquals(await profiles(start + YEAR), [brief, ...rest]);
  assertEquals(await profiles(start + YEAR + 10 * DAY - 1), [brief, ...rest]);
  assertEquals(await profiles(start + YEAR + 10 * DAY), rest);
  assertEquals(await profiles(start + 5 * YEAR), ["endless"]);
  assertEquals(await profiles(start), ["endless"], "they were deleted");
});

Deno.test("FileJar: deletes an only cookie a year after its expiry, but not by a clock far ahead", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const start = Date.parse("2030-01-01T00:00:00Z");
  const count = async (now: number) => {
    await using jar = await openJar(path, [], () => now);
    return (await jar.list()).length;
  };
  {
    await using jar = await openJar(path, [], () => start);
    await jar.set(KEY, { id: "a", expiry: "2030-01-01T01:00:00Z" });
  }
  assertEquals(await count(Date.parse("2099-01-01T00:00:00Z")), 1);
  assertEquals(await count(start + YEAR + HOUR - 1), 1);
  assertEquals(await count(start + YEAR + HOUR), 0);
});

Deno.test("FileJar: deletes a cookie of an earlier version a year after its expiry", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const filed = ["in", KEY.server, KEY.profile, { id: "a", expiry: "2030-01-01T01:00:00Z" }];
  const header = { format: "mcp-sessions-jar", version: 1, id: "0", generation: 1, n: 0 };
  await Deno.writeTextFile(
    path,
    encodeHeader(header) + encodeLine(`{"n":1,"o":${JSON.stringify(filed)}`),
  );
  await (await openJar(path, [], () => Date.parse("2031-01-01T00:59:59.999Z"))).close();
  await using jar = await openJar(path, [], () => Date.parse("2031-01-01T01:00:00Z"));
  assertEquals(await jar.list(), []);
});
