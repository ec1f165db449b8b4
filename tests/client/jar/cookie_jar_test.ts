/** The contract of both jars, and resuming a session from a jar. */

import { assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { type CookieJar, FileJar, MemoryJar, withSession } from "../../../client/mod.ts";
import {
  connected,
  connectedWithJar,
  Durable,
  JAR_KEY as KEY,
  KINDS,
  startFixture,
  testEach,
} from "../../support/client/client_fixture.ts";
import { openJar } from "../../support/client/client_jar_fixture.ts";
import { tempFolder } from "../../support/store/stores.ts";

Deno.test.each<readonly [name: string, open: (path: string) => CookieJar | Promise<CookieJar>]>([
  ["MemoryJar", () => new MemoryJar()],
  ["FileJar", (path) => openJar(path)],
])("%s: keeps a copy of one cookie for each server and profile", async (_, open) => {
  await using folder = await tempFolder();
  const jar = await open(`${folder.path}/cookies.jsonl`);
  await using _jar = jar instanceof FileJar ? jar : undefined;
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
  assertEquals(await jar.add(KEY, { id: "e" }), { id: "d" });
  await jar.delete(KEY, "a");
  assertEquals(await jar.get(KEY), { id: "d" });
  await jar.delete(KEY, "d");
  assertEquals(await jar.get(KEY), undefined);
  assertEquals(await jar.add(KEY, { id: "e" }), { id: "e" });
  assertEquals(await jar.get(KEY), { id: "e" });
  await assertRejects(() => jar.set(KEY, { id: "a b" }), TypeError, "not valid");
});

testEach(KINDS, "withSession: resumes the session in the jar", async (kind) => {
  const jar = new MemoryJar();
  await using fixture = await Durable.create(kind);
  {
    await using first = await connectedWithJar(fixture, jar);
    await first.call("rotate");
  }
  await using it = await connectedWithJar(fixture, jar);
  assertEquals(it.told, ["resumed"]);
  assertEquals((await jar.get(KEY))?.id, it.id);
  assertEquals(await it.call("echo"), it.id);
  const [asked] = await it.seen("session/list");
  assertEquals(asked?.cookie?.id, it.id, "a server may list only the presented session");
});

Deno.test("withSession: reports that the session in the jar is lost, and creates another", async () => {
  await using fixture = await startFixture("http");
  const jar = new MemoryJar();
  await jar.set(KEY, { id: "sess-gone" });
  await using it = await connectedWithJar(fixture, jar);
  // The list lacks it, but only a call shows whether the server accepts it.
  assertEquals(it.events, [{ type: "resumed", cookie: { id: "sess-gone" }, verified: false }]);
  assertEquals(await it.call("echo", { note: "first" }), it.id);
  assertEquals(it.events[1], { type: "lost", previous: { id: "sess-gone" } });
  assertEquals(it.told, ["resumed", "lost", "created"]);
  assertEquals((await jar.get(KEY))?.id, it.id);
  assertEquals((await it.ran()).first, 1);
});

Deno.test("withSession: does not resume a lost session that the jar cannot delete", async () => {
  await using fixture = await startFixture("http");
  const jar = new MemoryJar();
  await jar.set(KEY, { id: "sess-gone" });
  jar.delete = () => Promise.reject(new Error("read only"));
  await using it = await connectedWithJar(fixture, jar);
  assertEquals(await it.call("echo"), it.id);
  assertEquals(it.told, ["resumed", "lost", "created"]);
  assertEquals((await jar.get(KEY))?.id, it.id);
});

for (const flag of ["--no-list", "--fail-list", "--endless"]) {
  Deno.test(`withSession: trusts the jar where the list cannot tell (${flag})`, async () => {
    await using fixture = await startFixture("http", flag);
    const jar = new MemoryJar();
    let id;
    {
      await using first = await connectedWithJar(fixture, jar);
      id = first.id;
    }
    await using it = await connectedWithJar(fixture, jar);
    assertEquals([it.id, it.told], [id, ["resumed"]]);
    assertEquals(it.events[0]?.type === "resumed" && it.events[0].verified, false);
    assertEquals(await it.call("echo"), id);
  });
}

Deno.test("withSession: saves every change in the jar", async () => {
  await using fixture = await startFixture("http");
  const jar = new MemoryJar();
  const it = await connectedWithJar(fixture, jar);
  const first = it.id;
  await it.call("rotate");
  assertNotEquals(it.id, first);
  await it.ask("fixture/ran");
  assertEquals((await jar.get(KEY))?.id, it.id);
  await it.call("revoke");
  await it.client.close();
  assertEquals(await jar.get(KEY), undefined);
});

Deno.test("withSession: profiles have sessions of their own", async () => {
  await using fixture = await startFixture("http");
  const jar = new MemoryJar();
  await using one = await connected(fixture, { jar, server: "s", profile: "one" });
  await using two = await connected(fixture, { jar, server: "s", profile: "two" });
  assertNotEquals(one.id, two.id);
  assertEquals((await jar.get({ server: "s", profile: "one" }))?.id, one.id);
});

Deno.test("withSession: reports a jar that fails or hangs, and goes on", async () => {
  await using fixture = await startFixture("http");
  const fails = () => Promise.reject(new Error("jar"));
  await using it = await connectedWithJar(fixture, {
    get: fails,
    set: fails,
    add: fails,
    delete: fails,
  });
  assertEquals(it.errors, ["Cannot get a session: jar"]);
  assertEquals(await it.call("echo"), it.id);
  const hangs = () => new Promise<undefined>(() => {});
  const jar = { get: hangs, set: hangs, add: () => new Promise<never>(() => {}), delete: hangs };
  await using other = await connected(fixture, { jar, server: "s", establishMs: 100 });
  assertEquals(await other.call("echo"), other.id);
});

Deno.test("withSession: refuses invalid options", () => {
  const connect = () => {
    throw new Error("not called");
  };
  const jar = new MemoryJar();
  assertThrows(() => withSession(connect, { jar }), TypeError);
  for (const times of [{ establishMs: 0 }, { reconnectMs: NaN }, { reconnectMs: Infinity }]) {
    assertThrows(() => withSession(connect, times), RangeError);
  }
});
