/**
 * The cookie jar, and resuming a session from one.
 */

import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { type CookieJar, MemoryJar, withSession } from "../../../client/mod.ts";
import {
  type Connected,
  connected,
  KINDS,
  startFixture,
  testEach,
} from "../../support/client/client_fixture.ts";
import type { Fixture } from "../../support/client/client_fixture.ts";

const KEY = { server: "fixture", profile: "default" };

Deno.test("MemoryJar: keeps one cookie for each server and profile", async () => {
  const jar = new MemoryJar();
  await jar.set(KEY, { id: "a" });
  await jar.set({ ...KEY, profile: "other" }, { id: "b" });
  await jar.set({ server: 'fixture","default', profile: "" }, { id: "c" });
  await jar.set(KEY, { id: "d", expiry: "2099-01-01T00:00:00Z", data: { title: "t" } });
  assertEquals(await jar.get(KEY), {
    id: "d",
    expiry: "2099-01-01T00:00:00Z",
    data: { title: "t" },
  });
  assertEquals(await jar.get({ ...KEY, profile: "other" }), { id: "b" });
  assertEquals(await jar.get({ ...KEY, server: "other" }), undefined);
});

Deno.test("MemoryJar: gives and takes copies", async () => {
  const jar = new MemoryJar();
  const cookie = { id: "a", data: { title: "t" } };
  await jar.set(KEY, cookie);
  cookie.data.title = "changed";
  Reflect.set((await jar.get(KEY))!.data!, "title", "changed");
  assertEquals(await jar.get(KEY), { id: "a", data: { title: "t" } });
});

Deno.test("MemoryJar: takes out only the session that is named", async () => {
  const jar = new MemoryJar();
  await jar.set(KEY, { id: "a" });
  await jar.delete(KEY, "b");
  assertEquals(await jar.get(KEY), { id: "a" });
  await jar.delete(KEY, "a");
  assertEquals(await jar.get(KEY), undefined);
  await jar.delete(KEY, "a");
});

Deno.test("MemoryJar: adds a cookie where there is none", async () => {
  const jar = new MemoryJar();
  assertEquals(await jar.add(KEY, { id: "a" }), { id: "a" });
  assertEquals(await jar.add(KEY, { id: "b" }), { id: "a" });
  assertEquals(await jar.get(KEY), { id: "a" });
});

Deno.test("MemoryJar: refuses what is no cookie", async () => {
  await assertRejects(() => new MemoryJar().set(KEY, { id: "a b" }), TypeError, "not valid");
});

function withJar(fixture: Fixture, jar: CookieJar): Promise<Connected> {
  return connected(fixture, { jar, server: KEY.server });
}

testEach(KINDS, "withSession: goes on with the session in the jar", async (kind) => {
  const jar = new MemoryJar();
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/sessions`, "");
    await using fixture = await startFixture(kind, `--sessions=${folder}/sessions`);
    {
      await using first = await withJar(fixture, jar);
      await first.call("rotate");
    }
    await using it = await withJar(fixture, jar);
    assertEquals(it.told, ["resumed"]);
    assertEquals((await jar.get(KEY))?.id, it.id);
    assertEquals(await it.call("echo"), it.id);
    const [asked] = await it.seen("session/list");
    assertEquals(asked?.cookie?.id, it.id, "a server may list only the presented session");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("withSession: tells that the session in the jar is lost, and makes another", async () => {
  await using fixture = await startFixture("http");
  const jar = new MemoryJar();
  await jar.set(KEY, { id: "sess-gone" });
  await using it = await withJar(fixture, jar);
  // The list lacks it, but only a call shows what the server takes.
  assertEquals(it.events, [{ type: "resumed", cookie: { id: "sess-gone" }, verified: false }]);
  assertEquals(await it.call("echo", { note: "first" }), it.id);
  assertEquals(it.events[1], { type: "lost", previous: { id: "sess-gone" } });
  assertEquals(it.told, ["resumed", "lost", "created"]);
  assertEquals((await jar.get(KEY))?.id, it.id);
  assertEquals((await it.ran()).first, 1);
});

Deno.test("withSession: what a jar cannot let go of is not taken up again", async () => {
  await using fixture = await startFixture("http");
  const kept = new MemoryJar();
  await kept.set(KEY, { id: "sess-gone" });
  const jar: CookieJar = {
    get: (key) => kept.get(key),
    set: (key, cookie) => kept.set(key, cookie),
    add: (key, cookie) => kept.add(key, cookie),
    delete: () => Promise.reject(new Error("read only")),
  };
  await using it = await withJar(fixture, jar);
  assertEquals(await it.call("echo"), it.id);
  assertEquals(it.told, ["resumed", "lost", "created"]);
  assertEquals((await kept.get(KEY))?.id, it.id);
});

for (const flag of ["--no-list", "--fail-list", "--endless"]) {
  Deno.test(`withSession: trusts the jar where the server can't be asked (${flag})`, async () => {
    await using fixture = await startFixture("http", flag);
    const jar = new MemoryJar();
    let id;
    {
      await using first = await withJar(fixture, jar);
      id = first.id;
    }
    await using it = await withJar(fixture, jar);
    assertEquals([it.id, it.told], [id, ["resumed"]]);
    assertEquals(it.events[0]?.type === "resumed" && it.events[0].verified, false);
    assertEquals(await it.call("echo"), id);
  });
}

Deno.test("withSession: the jar follows every change", async () => {
  await using fixture = await startFixture("http");
  const jar = new MemoryJar();
  const it = await withJar(fixture, jar);
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

Deno.test("withSession: a jar that fails or hangs is reported and stops nothing", async () => {
  await using fixture = await startFixture("http");
  const fails = () => Promise.reject(new Error("jar"));
  await using it = await withJar(fixture, { get: fails, set: fails, add: fails, delete: fails });
  assertEquals(it.errors, ["Cannot get a session: jar"]);
  assertEquals(await it.call("echo"), it.id);
  const hangs = () => new Promise<undefined>(() => {});
  const jar = { get: hangs, set: hangs, add: () => new Promise<never>(() => {}), delete: hangs };
  await using other = await connected(fixture, { jar, server: "s", establishMs: 100 });
  assertEquals(await other.call("echo"), other.id);
});

Deno.test("withSession: refuses options that can't work", () => {
  const connect = () => {
    throw new Error("not called");
  };
  const jar = new MemoryJar();
  const wrong: [Error, () => unknown][] = [
    [new TypeError(), () => withSession(connect, { jar })],
    [new RangeError(), () => withSession(connect, { establishMs: 0 })],
    [new RangeError(), () => withSession(connect, { reconnectMs: NaN })],
    [new RangeError(), () => withSession(connect, { reconnectMs: Infinity })],
  ];
  for (const [{ name }, make] of wrong) {
    try {
      make();
      throw new Error("accepted");
    } catch (error) {
      assertEquals(error instanceof Error && error.name, name);
    }
  }
});
