import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { type Json, MAX_VALUE_BYTES, type StateTransaction } from "../mod.ts";
import { all, type Case, fill, increment, listOf, put, record } from "./cases.ts";

export const stateCases: Case[] = [];
const add = listOf(stateCases);

add(
  "transact() reads the named keys that exist, and returns its function's value",
  async ({ store }) => {
    await store.create(record("sess-1"));
    await put(store, "sess-1", ["a", 1], ["b", 2]);
    const done = await store.transact("sess-1", {
      keys: ["b", "absent"],
      calls: 2,
      expiresAt: record("sess-1").expiresAt + 5,
      update: (state, session) => ({
        value: { state: [...state], has: state.has("absent"), session },
        set: [["c", 3], ["a", undefined], ["never", undefined]],
      }),
    });
    const after = { ...record("sess-1"), toolCalls: 2, expiresAt: record("sess-1").expiresAt + 5 };
    assertEquals(done?.value, { state: [["b", 2]], has: false, session: after });
    assertEquals(done?.session, after);
    assertEquals(await store.get("sess-1"), after);
    assertEquals(await all(store, "sess-1"), [["b", 2], ["c", 3]]);
  },
);

add("transact() on no session does not run its function", async ({ store }) => {
  const update = () => {
    throw new Error("It ran");
  };
  assertEquals(await store.transact("sess-1", { update }), undefined);
});

add("a transaction whose function throws writes nothing", async ({ store }) => {
  await store.create(record("sess-1"));
  const failed = await assertRejects(() =>
    store.transact("sess-1", {
      calls: 1,
      expiresAt: record("sess-1").expiresAt + 1,
      update: () => {
        throw new SyntaxError("This one");
      },
    })
  );
  assertInstanceOf(failed, SyntaxError);
  const refused = () => put(store, "sess-1", ["good", 1], ["bad", "x".repeat(MAX_VALUE_BYTES)]);
  await assertRejects(refused, RangeError);
  assertEquals(await store.get("sess-1"), record("sess-1"));
  assertEquals(await all(store, "sess-1"), []);
});

add("64 concurrent transactions count exactly, the session's calls too", async ({ store }) => {
  await store.create(record("sess-1"));
  const done = await Promise.all(Array.from({ length: 64 }, () => increment(store, "sess-1")));
  const values = done.map((one) => one?.value).sort((a, b) => Number(a) - Number(b));
  assertEquals(values, Array.from({ length: 64 }, (_, i) => i + 1));
  assertEquals((await store.get("sess-1"))?.toolCalls, 64);
  assertEquals(await all(store, "sess-1"), [["n", 64]]);
});

add("a failing transaction among others takes nothing from them", async ({ store }) => {
  await store.create(record("sess-1"));
  const bad = { update: () => ({ value: 0, set: [["x".repeat(2000), 1]] as const }) };
  const done = await Promise.allSettled([
    increment(store, "sess-1"),
    store.transact("sess-1", bad),
    increment(store, "sess-1"),
  ]);
  assertEquals(done.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assertEquals(await all(store, "sess-1"), [["n", 2]]);
});

add("every JSON value comes back as itself, the falsy ones too", async ({ store }) => {
  const values: Json[] = [
    null,
    false,
    0,
    "",
    [],
    {},
    -0.5,
    1e300,
    Number.MAX_SAFE_INTEGER,
    [null, [false, [""]]],
    { a: { b: [{ c: null }] }, "": 0, "\0": "\0" },
    JSON.parse('{"__proto__": {"polluted": true}, "constructor": null}'),
    '\u2028\u2029\0\x7f\ufeff\\"\n 𝕏é',
    "\ufeff",
  ];
  await store.create(record("sess-1"));
  await put(store, "sess-1", ...values.map((value, i) => [`key-${i}`, value] as const));
  const entries = new Map(await all(store, "sess-1"));
  const read = await store.transact("sess-1", {
    keys: values.map((_, i) => `key-${i}`),
    update: (state) => ({ value: new Map(state) }),
  });
  for (const [i, value] of values.entries()) {
    for (const found of [entries, read?.value]) {
      assert(found?.has(`key-${i}`));
      assertEquals(JSON.stringify(found?.get(`key-${i}`)), JSON.stringify(value));
    }
  }
  const polluted = entries.get("key-11") as { readonly polluted?: unknown };
  assertEquals(polluted.polluted, undefined);
  assertEquals(Object.getPrototypeOf(polluted), Object.prototype);
});

const ODD_KEYS = [
  "",
  "\0",
  "\0\0",
  "\x01",
  " ",
  "..",
  "/",
  "__proto__",
  "a",
  "a\0",
  "a\0b",
  "a\x01",
  "ab",
  "constructor",
  "é",
  "\u2028",
  "\uffff",
  "𝕏",
  "😀",
];

add("keys can be any text, and sort by their UTF-8 bytes", async ({ store }) => {
  await store.create(record("sess-1"));
  const shuffled = ODD_KEYS.map((key, i) => [key, i] as const).sort(([, a], [, b]) =>
    (a * 7) % 19 - (b * 7) % 19
  );
  await put(store, "sess-1", ...shuffled);
  assertEquals(await all(store, "sess-1"), ODD_KEYS.map((key, i) => [key, i]));
  for (const [i, key] of ODD_KEYS.entries()) {
    const [next] = await store.entries("sess-1", { after: key, limit: 1 }) ?? [];
    assertEquals(next?.[0], ODD_KEYS[i + 1], `after ${JSON.stringify(key)}`);
    const found = await store.transact("sess-1", {
      keys: [key],
      update: (state) => ({ value: state.get(key), set: [[key, undefined]] }),
    });
    assertEquals(found?.value, i);
    await put(store, "sess-1", [key, i]);
  }
});

add("entries() returns pages of the keys with a prefix", async ({ store }) => {
  await store.create(record("sess-1"));
  const keys = ["a", "b/", "b/1", "b/2", "b/3", "b0", "c"];
  await put(store, "sess-1", ...keys.map((key) => [key, key] as const));
  const page = async (options: { prefix?: string; after?: string; limit?: number }) =>
    (await store.entries("sess-1", { limit: 99, ...options }))?.map(([key]) => key);
  assertEquals(await page({ prefix: "b/" }), ["b/", "b/1", "b/2", "b/3"]);
  assertEquals(await page({ prefix: "b/", limit: 2 }), ["b/", "b/1"]);
  assertEquals(await page({ prefix: "b/", after: "b/1", limit: 2 }), ["b/2", "b/3"]);
  assertEquals(await page({ prefix: "b/", after: "b/3" }), []);
  assertEquals(await page({ prefix: "b/", after: "a" }), ["b/", "b/1", "b/2", "b/3"]);
  assertEquals(await page({ prefix: "b/", after: "c" }), []);
  assertEquals(await page({ prefix: "b/", after: "b" }), ["b/", "b/1", "b/2", "b/3"]);
  assertEquals(await page({ after: "b/3" }), ["b0", "c"]);
  assertEquals(await page({ prefix: "none" }), []);
  assertEquals(await page({ limit: 0 }), []);
  assertEquals(await store.entries("sess-2", { limit: 9 }), undefined);
});

add("entries() in pages misses nothing while keys come and go", async ({ store }) => {
  await store.create(record("sess-1"));
  const keys = Array.from({ length: 30 }, (_, i) => `key-${String(i).padStart(2, "0")}`);
  await put(store, "sess-1", ...keys.map((key) => [key, 0] as const));
  const seen: string[] = [];
  let after: string | undefined;
  for (;;) {
    const page: [string, Json][] | undefined = await store.entries("sess-1", { after, limit: 4 });
    seen.push(...page?.map(([key]) => key) ?? []);
    after = page?.at(-1)?.[0];
    if (after === undefined) break;
    await put(store, "sess-1", [after, undefined], ["key-", 1], [keys.at(-1)!, 1]);
  }
  assertEquals(seen, keys);
});

add("entries() returns more keys than one read of the backend", async ({ store }) => {
  await store.create(record("sess-1"));
  await fill(store, "sess-1", 1200);
  assertEquals((await store.entries("sess-1", { limit: 700 }))?.length, 700);
  assertEquals(await store.delete("sess-1"), true);
  await store.create(record("sess-1"));
  assertEquals(await all(store, "sess-1"), []);
});

add("arguments and results are copies", async ({ store }) => {
  const data = { title: "A test" };
  const created = await store.create(record("sess-1", { data }));
  data.title = "Changed";
  const value = { list: [1] };
  const pair: [string, Json] = ["a", value];
  const seen: unknown[] = [];
  const touch: StateTransaction<Json | undefined> = {
    keys: ["a"],
    update: (state, session) => {
      seen.push(session.data.title, JSON.stringify(state.get("a")));
      Object.assign(session.data, { title: "Changed" });
      Object.assign(state.get("a") ?? {}, { list: [2] });
      return { value: state.get("a") };
    },
  };
  const first = await put(store, "sess-1", pair);
  value.list.push(2);
  pair[0] = "b";
  await store.transact("sess-1", touch);
  const kept = await store.get("sess-1");
  const [listed] = await store.list({ owner: null, limit: 1 });
  const entries = await all(store, "sess-1");
  for (const copy of [created, first?.session, kept, listed]) {
    assertEquals(copy?.data.title, "A test");
    Object.assign(copy?.data ?? {}, { title: "Changed" });
    Object.assign(copy ?? {}, { owner: "mallory" });
  }
  assertEquals(entries, [["a", { list: [1] }]]);
  Object.assign(entries?.[0]?.[1] ?? {}, { list: [3] });
  await store.transact("sess-1", touch);
  assertEquals(seen, ["A test", '{"list":[1]}', "A test", '{"list":[1]}']);
  assertEquals(await all(store, "sess-1"), [["a", { list: [1] }]]);
  assertEquals((await store.get("sess-1"))?.owner, null);
});

add("a call's options are read once, when it is made", async ({ store }) => {
  await store.create(record("sess-1"));
  await put(store, "sess-1", ["a", 1], ["b", 2]);
  const keys = ["a"];
  const page = { limit: 1 };
  const read = store.transact("sess-1", { keys, update: (state) => ({ value: [...state] }) });
  const entries = store.entries("sess-1", page);
  keys[0] = "b";
  page.limit = 2;
  assertEquals((await read)?.value, [["a", 1]]);
  assertEquals((await entries)?.length, 1);
});
