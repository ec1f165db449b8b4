/**
 * The jar in a file, as clients that share it and outlive each other use it.
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { defaultJarPath, MemoryJar } from "../../../client/mod.ts";
import {
  assertAllFiled,
  fileTogether,
  KEY,
  namesIn,
  openJar,
  PROCESS,
} from "../../support/client/client_jar_fixture.ts";
import { Fixture } from "../../support/store/processes.ts";
import { tempFolder } from "../../support/store/stores.ts";
import { startServer } from "../../support/servers/server.ts";

Deno.test("FileJar: keeps one cookie for each server and profile, as a MemoryJar does", async () => {
  await using folder = await tempFolder();
  await using file = await openJar(`${folder.path}/cookies.jsonl`);
  for (const jar of [file, new MemoryJar()]) {
    const cookie = { id: "a", expiry: "2099-01-01T00:00:00Z", data: { title: "t" } };
    await jar.set(KEY, cookie);
    await jar.set({ ...KEY, profile: "other" }, { id: "b" });
    await jar.set({ server: 'x","default', profile: "" }, { id: "c" });
    cookie.data.title = "changed";
    Reflect.set((await jar.get(KEY))!.data!, "title", "changed");
    assertEquals(await jar.get(KEY), { ...cookie, data: { title: "t" } });
    await jar.set(KEY, { id: "d" });
    assertEquals(await jar.get(KEY), { id: "d" });
    assertEquals(await jar.get({ ...KEY, profile: "other" }), { id: "b" });
    assertEquals(await jar.get({ ...KEY, server: "x" }), undefined);
    await jar.delete(KEY, "a");
    assertEquals(await jar.get(KEY), { id: "d" });
    await jar.delete(KEY, "d");
    assertEquals(await jar.get(KEY), undefined);
    await assertRejects(() => jar.set(KEY, { id: "a b" }), TypeError, "not valid");
  }
});

Deno.test("FileJar: what is filed is there when it is opened again, and seen by those who have it open", async () => {
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

Deno.test("FileJar: adds a cookie where there is none, whoever filed it", async () => {
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
  assertEquals(await other.add(KEY, { id: "new" }), old, "only its server says that it is gone");
});

Deno.test("FileJar: forgets in its file, too, when that is written anew", async () => {
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
  name: "FileJar: its files are for their owner alone",
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

const SECRET = "s3cret";

Deno.test.each<readonly [asked: string, filed: string, same: boolean]>([
  ["https://example.com/mcp", "https://example.com/mcp", true],
  ["HTTPS://EXAMPLE.com:443/a/../mcp", "https://example.com/mcp", true],
  [`https://me:${SECRET}@example.com/mcp#${SECRET}`, "https://example.com/mcp", true],
  ["https://example.com/mcp", `https://${SECRET}@example.com/mcp#?${SECRET}`, true],
  ["https://example.com/mcp?", "https://example.com/mcp", true],
  ["https://example.com/mcp?#a", "https://example.com/mcp", true],
  [
    `HTTPS://me:${SECRET}@EXAMPLE.com:443/mcp?key=${SECRET}#a`,
    `https://example.com/mcp?key=${SECRET}`,
    true,
  ],
  [`https://example.com/mcp?key=${SECRET} x`, `https://example.com/mcp?key=${SECRET}%20x`, true],
  [`https://example.com/mcp?key=${SECRET}`, "https://example.com/mcp", false],
  ["https://example.com/mcp?a", "https://example.com/mcp?b", false],
  ["https://example.com/mcp?a&b", "https://example.com/mcp?b&a", false],
  ["https://example.com/mcp?a", "https://example.com/mcp?A", false],
  ["https://example.com/mcp?a", "https://example.com/mcp/?a", false],
  ["https://example.com/mcp?a", "https://example.org/mcp?a", false],
  ["https://example.com/mcp?a", "https://example.com/mcp%3Fa", false],
  ["http://example.com/mcp", "https://example.com/mcp", false],
  ["https://example.com:8443/mcp", "https://example.com/mcp", false],
  ["https://mcp.example.com/mcp", "https://example.com/mcp", false],
  ["https://example.com.evil.example/mcp", "https://example.com/mcp", false],
  ["https://example.com@evil.example/mcp", "https://example.com/mcp", false],
  ["https://evil.example/?https://example.com/mcp", "https://example.com/mcp", false],
  ["https://example.com/other", "https://example.com/mcp", false],
  ["https://example.com/MCP", "https://example.com/mcp", false],
  ['["deno","run","a.ts"]', '["deno","run","a.ts"]', true],
  ['["deno","run","a.ts"]', '["deno","run","a.ts",""]', false],
  ["C:\\server.exe", "c:\\server.exe", false],
])("FileJar: does %s get the cookie of %s?", async (asked, filed, same) => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  {
    await using jar = await openJar(path);
    await jar.set({ server: filed, profile: "p" }, { id: "a" });
    assertEquals(await jar.get({ server: asked, profile: "p" }), same ? { id: "a" } : undefined);
    await jar.set({ server: asked, profile: "q" }, { id: "b" });
    assertEquals((await jar.get({ server: asked, profile: "q" }))?.id, "b");
    assertEquals((await jar.get({ server: filed, profile: "q" }))?.id, same ? "b" : undefined);
  }
  assert(!(await Deno.readTextFile(path)).includes(SECRET));
});

Deno.test("FileJar: ten processes that file cookies at once lose nothing", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  assertEquals(await fileTogether(path, 20), []);
  await assertAllFiled(path, 20);
});

Deno.test("FileJar: a kill -9 in the middle of writing loses nothing that was filed", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  for (let kill = 0; kill < 5; kill++) {
    const filed = new Map<number, number>();
    {
      await using writer = new Fixture(PROCESS, path, "file-until-killed", `k${kill}`);
      assertEquals((await writer.lines.next()).value, "started");
      const last = 5 + Math.random() * 100;
      for await (const line of writer.lines) {
        filed.set(Number(line) % 10, Number(line));
        if (Number(line) >= last) writer.kill();
      }
    }
    const warnings: string[] = [];
    await using jar = await openJar(path, warnings);
    for (const [slot, number] of filed) {
      const key = { server: `https://k${kill}.example/${slot}`, profile: "default" };
      const cookie = await jar.get(key);
      // A later one may have been filed without anybody having heard of it.
      assert(Number(cookie?.id.split("-")[1]) >= number, `${number} is lost: ${cookie?.id}`);
      assertEquals(cookie?.data?.title?.length, `${cookie?.id.split("-")[1]} `.length + 2000);
    }
    assert(warnings.every((text) => text.includes("nothing that was acknowledged is lost")));
  }
  assertEquals(namesIn(folder.path).filter((name) => name.includes("broken")), []);
});

Deno.test("withSession: a session goes on in another process, by the jar", async () => {
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

Deno.test("defaultJarPath: is in the folder for a user's state", () => {
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
