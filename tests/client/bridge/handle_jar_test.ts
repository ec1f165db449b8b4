/** The jar of handles, with concurrent calls and bridges. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { HandleJar, type ListingJar } from "../../../client/bridge/handle_jar.ts";
import { created, takeOver } from "../../../client/session/cookie_rules.ts";
import { MemoryJar } from "../../../client/mod.ts";
import type { HeldCookie } from "../../../protocol/cookie.ts";

const SERVER = "http://127.0.0.1:1/mcp";

function handleJar(jar: ListingJar, user = "") {
  const said: string[] = [];
  const log = (level: string, message: string) => void said.push(`${level}: ${message}`);
  const { signal } = new AbortController();
  return { handles: new HandleJar({ jar, server: SERVER, user, log, signal }), said };
}

/** A jar that can be made to fail. */
class FailingJar extends MemoryJar {
  fails = false;

  override async set(...args: Parameters<MemoryJar["set"]>): Promise<void> {
    if (this.fails) throw new Error("no space");
    await super.set(...args);
  }
}

const ids = (cookies: readonly HeldCookie[]) => cookies.map(({ id }) => id);

Deno.test("HandleJar: lists a user's handles of one server, oldest first", async () => {
  const jar = new MemoryJar();
  await jar.set({ server: SERVER, profile: "default" }, { id: "other-profile" });
  await jar.set({ server: `${SERVER}2`, profile: "handle:elsewhere" }, { id: "elsewhere" });
  await jar.set({ server: SERVER, profile: "handle:edited" }, { id: "by-hand" });
  const [mine, yours] = [handleJar(jar), handleJar(jar, "you")];
  for (const id of ["b", "a"]) await mine.handles.keep({ id });
  await yours.handles.keep({ id: "y" });
  await mine.handles.keep({ id: "b", data: { title: "again" } });
  assertEquals(await mine.handles.list(), [{ id: "b", data: { title: "again" } }, { id: "a" }]);
  assertEquals(ids(await yours.handles.list()), ["y"]);
});

Deno.test("HandleJar: keeps a thousand handles of a server, and every one with state", async () => {
  const { handles } = handleJar(new MemoryJar());
  const stateful = { id: "stateful", data: { kept: "precious" } };
  await handles.keep(stateful);
  for (let i = 0; i < 1100; i++) await handles.keep({ id: `h${i}`, data: { title: "t" } });
  const listed = await handles.list();
  assertEquals([listed.length, ...ids(listed).slice(0, 2)], [1001, "stateful", "h100"]);
});

Deno.test("HandleJar: reads the jar between calls, and not during them", async () => {
  const jar = new MemoryJar();
  const [one, two] = [handleJar(jar).handles, handleJar(jar).handles];
  await one.keep({ id: "h" });
  const first = await one.open("h");
  await two.keep({ id: "h", data: { kept: "by two" } });
  const second = await one.open("h");
  assertEquals([first === second, second.cookie], [true, { id: "h" }]);
  one.close(first);
  one.close(second);
  const third = await one.open("h");
  assertEquals([third.cookie, third.isFiled], [{ id: "h", data: { kept: "by two" } }, true]);
});

Deno.test("HandleJar: does not read the whole jar for each new handle", async () => {
  let lists = 0;
  const jar = new class extends MemoryJar {
    override list() {
      lists++;
      return super.list();
    }
  }();
  const { handles } = handleJar(jar);
  for (let i = 0; i < 100; i++) await handles.keep({ id: `h${i}`, data: { kept: "precious" } });
  assert(lists <= 1, `${lists} lists for 100 handles`);
});

Deno.test("HandleJar: a jar that is lost between two calls costs no state", async () => {
  const jar = new MemoryJar();
  const { handles } = handleJar(jar);
  const cookie = { id: "h", data: { kept: "precious" } };
  await handles.keep(cookie);
  const { server, profile } = (await jar.list())[0]!;
  await jar.delete({ server, profile }, "h");
  const slot = await handles.open("h");
  assertEquals([slot.cookie, slot.isFiled], [cookie, false]);
  slot.apply(takeOver(slot.cookie, "h", cookie));
  await handles.saved(slot);
  assertEquals(await handles.list(), [cookie]);
});

Deno.test("HandleJar: holds a cookie that the jar cannot take, and logs that", async () => {
  const jar = new FailingJar();
  const { handles, said } = handleJar(jar);
  await handles.keep({ id: "h" });
  jar.fails = true;
  await handles.keep({ id: "h", data: { kept: "precious" } });
  assertEquals(said, ["warn: the cookie jar: no space"]);
  assertEquals((await handles.open("h")).cookie, { id: "h", data: { kept: "precious" } });
});

Deno.test("HandleJar: open() fails if the jar cannot be read", async () => {
  const { handles } = handleJar(
    new class extends MemoryJar {
      override get(): Promise<undefined> {
        return Promise.reject(new Error("locked"));
      }
    }(),
  );
  await assertRejects(() => handles.open("h"), Error, "locked");
});

Deno.test("HandleSlot: stays gone once its session is gone", async () => {
  const jar = new MemoryJar();
  for (const received of [null, { id: "another" }]) {
    const { handles } = handleJar(jar);
    await handles.keep({ id: "h", data: { kept: "x" } });
    const slot = await handles.open("h");
    slot.apply(takeOver(slot.cookie, "h", received));
    assertEquals([slot.isGone, slot.cookie.id], [true, "h"]);
    // A late answer of the session, and a new one.
    slot.apply(takeOver(slot.cookie, "h", { id: "h", data: { kept: "late" } }));
    slot.apply(created({ id: "new" }));
    await handles.saved(slot);
    assertEquals([slot.cookie.id, await handles.list()], ["h", []]);
    const next = await handles.open("h");
    assertEquals([next.isGone, next.isFiled, next.cookie], [false, false, { id: "h" }]);
  }
});
