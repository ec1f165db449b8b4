/** The jar in a file, shared by clients at once and one after another. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { defaultJarPath } from "../../../client/mod.ts";
import { KEY, namesIn, openJar, PROCESS } from "../../support/client/client_jar_fixture.ts";
import { Fixture } from "../../support/store/processes.ts";
import { startServer } from "../../support/servers/server.ts";
import { tempFolder } from "../../support/store/stores.ts";

Deno.test("FileJar: a filed cookie is there when the file is opened again, and where it is open", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/new/cookies.jsonl`;
  await using other = await openJar(path);
  {
    await using jar = await openJar(path);
    await jar.set(KEY, { id: "a" });
    await jar.set({ ...KEY, profile: "work" }, { id: "b" });
  }
  assertEquals(await other.get(KEY), { id: "a" });
  await using again = await openJar(path);
  assertEquals(await again.list(), [
    { ...KEY, cookie: { id: "a" } },
    { ...KEY, profile: "work", cookie: { id: "b" } },
  ]);
});

Deno.test("FileJar: add() files no second cookie, whichever process filed the first", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  await using jar = await openJar(path);
  await using other = await openJar(path);
  const adds = [jar, other].map((jar, n) => jar.add(KEY, { id: `${n}` }));
  const [one, two] = await Promise.all(adds);
  assertEquals(one, two);
  assertEquals(await jar.get(KEY), one);
  const old = { id: "old", expiry: "2020-01-01T00:00:00Z" };
  await jar.set(KEY, old);
  assertEquals(await other.add(KEY, { id: "new" }), old, "only its server decides that it is gone");
});

Deno.test("FileJar: a compacted file has no deleted or expired cookie", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const expiry = "2030-01-01T00:00:00Z";
  const now = Date.parse(expiry) - 1;
  let later = 0;
  {
    await using jar = await openJar(path, [], () => now + later);
    await jar.set(KEY, { id: "deleted" });
    await jar.set({ ...KEY, profile: "expiring" }, { id: "expired", expiry });
    await jar.delete(KEY, "deleted");
    later = 366 * 24 * 60 * 60 * 1000;
    const data = { title: "x".repeat(2000) };
    for (let i = 0; i < 50; i++) await jar.set(KEY, { id: `kept-${i}`, data });
  }
  const text = await Deno.readTextFile(path);
  assert(text.includes("kept-49") && text.length < 64 * 1024, `${text.length} characters`);
  assert(!text.includes("deleted") && !text.includes("expired"));
});

Deno.test({
  name: "FileJar: only the owner can read its files",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/state/cookies.jsonl`;
    await using jar = await openJar(path);
    const data = { title: "x".repeat(2000) };
    for (let i = 0; i < 50; i++) await jar.set(KEY, { id: `a-${i}`, data });
    const mode = (name: string) => Deno.statSync(name).mode! & 0o777;
    assertEquals(mode(`${folder.path}/state`), 0o700);
    for (const name of namesIn(`${folder.path}/state`)) {
      assertEquals(mode(`${folder.path}/state/${name}`), 0o600, name);
    }
  },
});

Deno.test("FileJar: files cookies under the server key, without secrets", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  {
    await using jar = await openJar(path);
    const get = async (server: string) => (await jar.get({ server, profile: "p" }))?.id;
    await jar.set({ server: "https://me:s3cret@example.com/mcp?key=s3cret", profile: "p" }, {
      id: "a",
    });
    assertEquals(await get("HTTPS://EXAMPLE.com:443/mcp?key=s3cret#s3cret"), "a");
    assertEquals(await get("https://example.com/mcp"), undefined);
  }
  assert(!(await Deno.readTextFile(path)).includes("s3cret"));
});

Deno.test("withSession: another process resumes the session from the jar", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  await using server = await startServer({ server: "notebook", transport: "http" });
  const append = async (text: string) => {
    await using client = new Fixture(PROCESS, path, "append", server.url, text);
    assertEquals((await client.lines.next()).value, "started");
    const told = JSON.parse((await client.lines.next()).value ?? "");
    assertEquals(await client.ended(), 0);
    return told;
  };
  const first = await append("one");
  const second = await append("two");
  assertEquals([first.events, second.events], [["created"], ["resumed"]]);
  assertEquals(second.structuredContent.session_id, first.structuredContent.session_id);
  assertEquals(second.structuredContent.note_number, 2);
});

Deno.test("defaultJarPath: is in the user's state folder", () => {
  const env = new Map([["HOME", "/home/me"], ["LOCALAPPDATA", "/local"]]);
  const path = (os: typeof Deno.build.os) => defaultJarPath({ env, os }).replaceAll("\\", "/");
  assertEquals(path("linux"), "/home/me/.local/state/mcp-sessions/cookies.jsonl");
  assertEquals(
    path("darwin"),
    "/home/me/Library/Application Support/mcp-sessions/cookies.jsonl",
  );
  assertEquals(path("windows"), "/local/mcp-sessions/cookies.jsonl");
  env.set("XDG_STATE_HOME", "/state");
  assertEquals(path("linux"), "/state/mcp-sessions/cookies.jsonl");
  assertThrows(() => defaultJarPath({ env: new Map() }), TypeError, "Cannot choose a jar");
});
