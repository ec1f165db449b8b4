import { assert, assertEquals } from "@std/assert";
import { all, type Case, fill, increment, listOf, put, record, refused } from "./cases.ts";

export const sessionsCases: Case[] = [];
const add = listOf(sessionsCases);

add("create() returns the session, and get() finds it by its id", async ({ store }) => {
  const session = record("sess-1", { owner: "alice", alias: "work", toolCalls: 3 });
  assertEquals(await store.create(session), session);
  assertEquals(await store.get("sess-1"), session);
  assertEquals(await store.get("sess-2"), undefined);
});

add("create() refuses an id or a stateId that is taken", async ({ store }) => {
  await store.create(record("sess-1"));
  for (
    const taken of [
      record("sess-1", { stateId: "other" }),
      record("sess-2", { stateId: "state-sess-1" }),
    ]
  ) {
    const message = await refused("conflict", () => store.create(taken));
    assert(!message.includes(taken.id), "the message must not tell the id");
  }
  assertEquals(await store.get("sess-2"), undefined);
  assertEquals((await store.list({ owner: null, limit: 9 })).length, 1);
});

add(
  "create() returns the live session that already has the alias",
  async ({ store, clock }) => {
    const first = record("sess-1", { owner: "alice", alias: "work" });
    await store.create(first);
    assertEquals(await store.create(record("sess-2", { owner: "alice", alias: "work" })), first);
    assertEquals(await store.get("sess-2"), undefined);
    assertEquals(await store.get({ owner: "alice", alias: "work" }), first);

    // An alias is unique for one owner: those of others and of anonymous sessions do not conflict.
    const others = record("sess-3", { owner: "bob", alias: "work" });
    const nobodys = record("sess-4", { owner: null, alias: "work" });
    assertEquals(await store.create(others), others);
    assertEquals(await store.create(nobodys), nobodys);
    assertEquals((await store.get({ owner: null, alias: "work" }))?.id, "sess-4");

    clock.now = first.expiresAt;
    assertEquals(await store.get({ owner: "alice", alias: "work" }), undefined);
    const heir = record("sess-5", { owner: "alice", alias: "work", expiresAt: clock.now + 1 });
    assertEquals(await store.create(heir), heir);
    assertEquals(await store.get({ owner: "alice", alias: "work" }), heir);
  },
);

add("concurrent create() with one alias makes one session", async ({ store }) => {
  const made = await Promise.all(
    Array.from({ length: 8 }, (_, i) => store.create(record(`sess-${i}`, { alias: "one" }))),
  );
  assertEquals(new Set(made.map(({ id }) => id)).size, 1);
  assertEquals((await store.list({ owner: null, limit: 99 })).length, 1);
});

add("an alias is free again when its session was deleted", async ({ store }) => {
  await store.create(record("sess-1", { alias: "work" }));
  assertEquals(await store.delete("sess-1"), true);
  assertEquals(await store.get({ owner: null, alias: "work" }), undefined);
  const next = record("sess-2", { alias: "work" });
  assertEquals(await store.create(next), next);
});

add("list() returns one owner's sessions, oldest first, in pages", async ({ store }) => {
  const ages = ["05", "01", "04", "02", "03"];
  for (const age of ages) {
    await store.create(record(`sess-${age}`, { owner: "alice", stateId: age }));
    await store.create(record(`sess-${age}-bob`, { owner: "bob", stateId: `${age}-bob` }));
  }
  await store.create(record("sess-nobody"));
  const page = async (after: string | undefined, limit: number, owner: string | null = "alice") =>
    (await store.list({ owner, after, limit })).map(({ id }) => id);
  assertEquals(await page(undefined, 2), ["sess-01", "sess-02"]);
  assertEquals(await page("02", 2), ["sess-03", "sess-04"]);
  assertEquals(await page("04", 2), ["sess-05"]);
  assertEquals(await page("05", 2), []);
  assertEquals(await page("025", 9), ["sess-03", "sess-04", "sess-05"]);
  assertEquals(await page("", 1), ["sess-01"]);
  assertEquals(await page("x".repeat(5000), 9), []);
  assertEquals(await page("0", 9), await page(undefined, 9));
  assertEquals(await page(undefined, 0), []);
  assertEquals(await page(undefined, 9, null), ["sess-nobody"]);
  assertEquals(await page(undefined, 9, "carol"), []);
  assertEquals(await page(undefined, 9, "x".repeat(5000)), []);
});

add("list() in pages misses nothing while others come and go", async ({ store }) => {
  const name = (i: number) => String(i).padStart(3, "0");
  for (let i = 0; i < 40; i++) await store.create(record(`sess-${i}`, { stateId: name(i) }));
  const seen: string[] = [];
  for (let after: string | undefined, round = 0;; round++) {
    const page = await store.list({ owner: null, after, limit: 7 });
    seen.push(...page.map(({ stateId }) => stateId));
    if (page.length < 7) break;
    after = page.at(-1)?.stateId;
    await store.delete(`sess-${round}`);
    await store.create(record(`sess-new-${round}`, { stateId: `${name(round)}-new` }));
  }
  assertEquals(seen, Array.from({ length: 40 }, (_, i) => name(i)));
});

add("list() is in the order of the stateIds after many came and went", async ({ store }) => {
  const order = Array.from({ length: 60 }, (_, i) => String((i * 37) % 60).padStart(2, "0"));
  for (const name of order) await store.create(record(`sess-${name}`, { stateId: name }));
  for (const name of order.slice(0, 45)) await store.delete(`sess-${name}`);
  await store.create(record("sess-00", { stateId: "00" }));
  const rest = ["00", ...order.slice(45)].sort();
  const listed = await store.list({ owner: null, limit: 99 });
  assertEquals(listed.map(({ stateId }) => stateId), rest);
});

add("delete() ends a session and deletes its state", async ({ store }) => {
  await store.create(record("sess-1"));
  await put(store, "sess-1", ["a", 1]);
  assertEquals(await store.delete("sess-1"), true);
  assertEquals(await store.delete("sess-1"), false);
  assertEquals(await store.get("sess-1"), undefined);
  assertEquals(await store.list({ owner: null, limit: 9 }), []);
  assertEquals(await all(store, "sess-1"), undefined);
  assertEquals(await increment(store, "sess-1"), undefined);
  // A new session of the same id begins without a state.
  await store.create(record("sess-1"));
  assertEquals(await all(store, "sess-1"), []);
  assertEquals((await store.get("sess-1"))?.toolCalls, 0);
});

add("a session that was deleted during a transaction stays deleted", async ({ store }) => {
  for (let i = 0; i < 10; i++) {
    const id = `sess-${i}`;
    await store.create(record(id));
    const [first, , deleted] = await Promise.all([
      increment(store, id),
      store.transact(id, { calls: 1, update: () => ({ value: undefined }) }),
      store.delete(id),
      increment(store, id),
    ]);
    assertEquals(deleted, true);
    assert(first === undefined || first.value === 1);
    assertEquals(await store.get(id), undefined);
    assertEquals(await all(store, id), undefined);
  }
});

add("a session past its expiry is gone", async ({ store, clock }) => {
  await store.create(record("sess-1", { alias: "work", expiresAt: clock.now + 1000 }));
  await store.create(record("sess-2", { expiresAt: clock.now + 2000 }));
  await put(store, "sess-1", ["a", 1]);
  clock.now += 999;
  assertEquals((await store.get("sess-1"))?.id, "sess-1");
  clock.now += 1;
  let ran = false;
  const late = await store.transact("sess-1", {
    expiresAt: clock.now + 5000,
    update: () => {
      ran = true;
      return { value: 1 };
    },
  });
  assertEquals(late, undefined);
  assertEquals(ran, false);
  assertEquals(await store.get("sess-1"), undefined);
  assertEquals(await store.get({ owner: null, alias: "work" }), undefined);
  assertEquals(await all(store, "sess-1"), undefined);
  assertEquals(await store.delete("sess-1"), false);
  const left = await store.list({ owner: null, limit: 9 });
  assertEquals(left.map(({ id }) => id), ["sess-2"]);
  // Its names are free, and its state is gone.
  await store.create(record("sess-1", { expiresAt: clock.now + 1 }));
  assertEquals(await all(store, "sess-1"), []);
});

add("expired sessions don't shorten a page", async ({ store, clock }) => {
  for (let i = 0; i < 20; i++) {
    const expiresAt = clock.now + (i % 2 === 0 ? 1 : 1000);
    await store.create(record(`sess-${i}`, { stateId: String(i).padStart(2, "0"), expiresAt }));
  }
  clock.now += 1;
  const page = await store.list({ owner: null, limit: 5 });
  assertEquals(page.map(({ stateId }) => stateId), ["01", "03", "05", "07", "09"]);
});

add(
  "a later expiry replaces the stored one, an earlier one does not",
  async ({ store, clock }) => {
    await store.create(record("sess-1", { expiresAt: clock.now + 1000 }));
    const touch = async (expiresAt: number) =>
      (await store.transact("sess-1", {
        expiresAt,
        durable: false,
        update: (_, session) => ({ value: session.expiresAt }),
      }))?.value;
    assertEquals(await touch(clock.now + 3000), clock.now + 3000);
    assertEquals(await touch(clock.now + 2000), clock.now + 3000);
    clock.now += 2999;
    assertEquals((await store.get("sess-1"))?.expiresAt, clock.now + 1);
  },
);

add("ids and owners can be any text", async ({ store }) => {
  const odd = ["__proto__", "constructor", "a/b\\c", "..", "a\0b", "\u2028", "é𝕏", '"', "null"];
  for (const name of odd) {
    const session = record(name, { owner: name, alias: name, data: { [name]: name } });
    await store.create(session);
    await put(store, name, ["key", name]);
  }
  for (const name of odd) {
    const session = await store.get({ owner: name, alias: name });
    assertEquals(session?.id, name);
    assertEquals(Object.entries(session?.data ?? {}), [[name, name]]);
    assertEquals((await store.list({ owner: name, limit: 9 })).length, 1);
    assertEquals(await all(store, name), [["key", name]]);
  }
  assertEquals(await store.list({ owner: null, limit: 9 }), []);
  assertEquals(await store.get("toString"), undefined);
  assertEquals(await store.get("\ud800"), undefined);
  assertEquals(await store.get(""), undefined);
  assertEquals(await store.get("x".repeat(5000)), undefined);
  assertEquals(await store.delete("x".repeat(5000)), false);
  assertEquals(await all(store, "x".repeat(5000)), undefined);
  assertEquals(await increment(store, "x".repeat(5000)), undefined);
});

add("servers of different names don't see each other's sessions", async ({ store, another }) => {
  const other = await another("other");
  await store.create(record("sess-1", { alias: "work" }));
  await put(store, "sess-1", ["a", 1]);
  assertEquals(await other.get("sess-1"), undefined);
  assertEquals(await other.get({ owner: null, alias: "work" }), undefined);
  assertEquals(await other.list({ owner: null, limit: 9 }), []);
  assertEquals(await all(other, "sess-1"), undefined);
  assertEquals(await increment(other, "sess-1"), undefined);
  assertEquals(await other.delete("sess-1"), false);
  const same = record("sess-1", { alias: "work" });
  assertEquals(await other.create(same), same);
  assertEquals(await all(other, "sess-1"), []);
  assertEquals(await other.delete("sess-1"), true);
  assertEquals(await all(store, "sess-1"), [["a", 1]]);
});

add("writes of one store are seen at once by another in the same place", async (context) => {
  const { store } = context;
  const other = await context.another("test");
  await store.create(record("sess-1", { alias: "work" }));
  assertEquals((await other.get("sess-1"))?.id, "sess-1");
  await put(other, "sess-1", ["a", 1]);
  assertEquals(await all(store, "sess-1"), [["a", 1]]);
  await Promise.all(
    Array.from({ length: 32 }, (_, i) => increment(i % 2 === 0 ? store : other, "sess-1")),
  );
  assertEquals((await store.get("sess-1"))?.toolCalls, 32);
  assertEquals(await all(other, "sess-1"), [["a", 1], ["n", 32]]);
  assertEquals(await other.delete("sess-1"), true);
  assertEquals(await store.get("sess-1"), undefined);
});

add("a store that is opened again has all that was written", async (context) => {
  await context.store.create(record("sess-1", { owner: "alice", alias: "work" }));
  await put(context.store, "sess-1", ["a", [1, { b: null }]], ["gone", 1]);
  await put(context.store, "sess-1", ["gone", undefined]);
  await increment(context.store, "sess-1");
  await context.store.close();
  const again = await context.another("test");
  assertEquals((await again.get({ owner: "alice", alias: "work" }))?.toolCalls, 1);
  assertEquals(await all(again, "sess-1"), [["a", [1, { b: null }]], ["n", 1]]);
});

add("checkWritable() resolves, and changes nothing", async ({ store }) => {
  await store.create(record("sess-1", { owner: "alice", alias: "work" }));
  const state = await fill(store, "sess-1", 3);
  const before = await store.get("sess-1");
  await Promise.all([1, 2, 3].map(() => store.checkWritable()));
  assertEquals(await store.list({ owner: "alice", limit: 9 }), [before]);
  assertEquals(await all(store, "sess-1"), state);
});

add(
  "a closed store refuses everything, and closing it twice is harmless",
  async ({ store }) => {
    await store.create(record("sess-1"));
    const accepted = increment(store, "sess-1");
    const closing = store.close();
    assertEquals((await accepted)?.value, 1, "what was accepted before is finished");
    await closing;
    await store.close();
    await store[Symbol.asyncDispose]();
    const calls: (() => Promise<unknown>)[] = [
      () => store.create(record("sess-2")),
      () => store.get("sess-1"),
      () => store.list({ owner: null, limit: 1 }),
      () => store.delete("sess-1"),
      () => increment(store, "sess-1"),
      () => store.entries("sess-1", { limit: 1 }),
      () => store.checkWritable(),
    ];
    for (const call of calls) await refused("closed", call);
  },
);
