/** Values that a session cannot keep: an error for the tool, and no more. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { currentSession, type Session } from "../../../servers/base/mod.ts";
import { FileStore, type Json, KvStore, MemoryStore, openStore } from "../../../store/mod.ts";
import { record, tempFolder } from "../../support/store/stores.ts";
import { serving } from "../../support/servers/serving.ts";

/** A value that no type allows: for tools that are not type-checked. */
function other<T>(value: unknown): T {
  return value as T;
}

/** Runs a tool that misuses its session, and gives its error. */
async function errorOf(
  use: (session: Session) => Promise<unknown>,
  options: Parameters<typeof serving>[1] & { readonly cookie?: null } = {},
) {
  let error: unknown;
  const tool = async () => {
    const session = currentSession();
    await session.set("kept", 1);
    try {
      await use(session);
    } catch (thrown) {
      error = thrown;
    }
    return { content: [], structuredContent: { kept: await session.get("kept") } };
  };
  await using server = await serving(tool, options);
  const answer = await server.call(options.cookie);
  const left = await server.store.list({ owner: null, limit: 9 });
  const id = left.find(({ alias }) => options.cookie !== null || alias !== null)?.id ?? "none";
  return { error, answer, entries: await server.store.entries(id, { limit: 9 }) };
}

const async = (() => Promise.resolve({ value: 1, set: [["a", 1]] })) as () => unknown;

Deno.test.each<readonly [what: string, use: (session: Session) => Promise<unknown>, told: string]>([
  ["set() of NaN", (session) => session.set("a", NaN), "NaN"],
  [
    "set() of NaN deep within",
    (session) => session.set("a", { b: [1, { c: NaN }] }),
    '["b"][1]["c"]',
  ],
  ["set() of a date", (session) => session.set("a", other(new Date())), "Date"],
  ["set() of a promise", (session) => session.set("a", other(session.get("a"))), "Promise"],
  ["set() of undefined", (session) => session.set("kept", other(undefined)), "delete()"],
  ["set() under no text", (session) => session.set(other(1), 1), "string"],
  ["get() of no text", (session) => session.get(other(undefined)), "string"],
  ["update() that is async", (session) => session.update([], () => other(async())), "async"],
  [
    "update() that gives nothing",
    (session) => session.update([], () => other(undefined)),
    "undefined",
  ],
  [
    "update() that gives pairs",
    (session) => session.update([], () => other([["a", 1]])),
    "an array",
  ],
  ["update() of one key", (session) => session.update(other("a"), () => ({ value: 1 })), "array"],
  ["update() without a function", (session) => session.update([], other(undefined)), "function"],
  ["replace() without a title", (session) => session.replace(other({ reason: "x" })), "data"],
  [
    "replace() with a title of half a character",
    (session) => session.replace({ title: "\ud800", reason: "x" }),
    "Unicode",
  ],
  [
    "replace() with a title that is too long",
    (session) => session.replace({ title: "x".repeat(70_000), reason: "x" }),
    "61440",
  ],
  ["fork() without a title", (session) => session.fork(other({ reason: "x" })), "data"],
])("session: %s is an error for the tool, and changes nothing", async (_what, use, told) => {
  // A session by cookie, and a lazy one by name.
  for (const options of [{}, { local: true, sessionName: "work", cookie: null }]) {
    const { error, answer, entries } = await errorOf(use, options);
    assertStringIncludes(String(error), told);
    assertEquals(entries, [["kept", 1]]);
    assertEquals("result" in answer && answer.result.structuredContent, { kept: 1 });
  }
});

Deno.test("session: an update that throws leaves its session as it was", async () => {
  const boom = () => {
    throw new SyntaxError("This one");
  };
  const { error, entries } = await errorOf((session) => session.update([], boom));
  assertEquals(String(error), "SyntaxError: This one");
  assertEquals(entries, [["kept", 1]]);
});

Deno.test("session: a member that is undefined is left out, and reads the same", async () => {
  const { error, entries } = await errorOf((session) =>
    session.set("a", other<Json>({ b: undefined, c: 1 }))
  );
  assertEquals([error, entries], [undefined, [["a", { c: 1 }], ["kept", 1]]]);
});

Deno.test("stores: an invalid limit or time is refused", async () => {
  await using folder = await tempFolder();
  using kv = await Deno.openKv(":memory:");
  const namespace = "test";
  for (const value of [NaN, -1, "5", null]) {
    const limits = { sessions: other<number>(value) };
    const time = other<number>(value);
    const calls: (() => unknown)[] = [
      () => new MemoryStore({ limits }),
      () => openStore("memory:", { namespace, limits }),
      () => FileStore.open(`${folder.path}/a`, { namespace, lockTimeoutMs: time ?? NaN }),
      () => new KvStore(kv, { namespace, timeoutMs: time ?? NaN }),
      () => openStore(`kv:${folder.path}/b`, { namespace, timeoutMs: time ?? NaN }),
    ];
    for (const call of calls) {
      await assertRejects(async () => await call(), RangeError, "must be 0 or more");
    }
  }
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("stores: a time that no timer can count is a long one", async () => {
  await using folder = await tempFolder();
  for (const ms of [2 ** 31, 2 ** 53, Infinity]) {
    using kv = await Deno.openKv(":memory:");
    await using store = new KvStore(kv, { namespace: "test", timeoutMs: ms });
    await store.create(record("sess-1"));
    const path = `${folder.path}/${ms}.jsonl`;
    await using file = await FileStore.open(path, { namespace: "test", lockTimeoutMs: ms });
    // Another process has the lock for a moment.
    using lock = await Deno.open(`${path}.lock`, { read: true });
    await lock.lock(true);
    const created = file.create(record("sess-1"));
    // A timer that has overflown fires at once.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await lock.unlock();
    await created;
  }
});
