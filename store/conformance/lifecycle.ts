import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { INTERNAL_OWNER } from "../session_store.ts";
import { all, type Case, fill, increment, listOf, put, record, refused, renew } from "./cases.ts";

export const lifecycleCases: Case[] = [];
const add = listOf(lifecycleCases);

add("regenerate() keeps everything but the id, and the old one is dead", async ({ store }) => {
  const session = record("sess-1", { owner: "alice", alias: "work" });
  await store.create(session);
  const state = await fill(store, "sess-1", 2000);
  await increment(store, "sess-1");
  const renamed = await store.regenerate("sess-1", "sess-2");
  assertEquals(renamed, { ...session, id: "sess-2", toolCalls: 1 });

  assertEquals(await store.get("sess-1"), undefined);
  assertEquals(await store.delete("sess-1"), false);
  assertEquals(await increment(store, "sess-1"), undefined);
  assertEquals(await all(store, "sess-1"), undefined);
  assertEquals(await store.regenerate("sess-1", "sess-3"), undefined);

  assertEquals(await store.get("sess-2"), renamed);
  assertEquals(await store.get({ owner: "alice", alias: "work" }), renamed);
  assertEquals(await store.list({ owner: "alice", limit: 9 }), [renamed]);
  assertEquals(await all(store, "sess-2"), [...state ?? [], ["n", 1]]);
  assertEquals((await increment(store, "sess-2"))?.value, 2);
  assertEquals(await store.delete("sess-2"), true);
  assertEquals(await store.list({ owner: "alice", limit: 9 }), []);
});

add("regenerate() refuses an id that a live session has", async ({ store, clock }) => {
  await store.create(record("sess-1"));
  await store.create(record("sess-2", { expiresAt: clock.now + 1 }));
  await refused("conflict", () => store.regenerate("sess-1", "sess-2"));
  assert(await store.get("sess-1"));
  clock.now += 1;
  assertEquals((await store.regenerate("sess-1", "sess-2"))?.stateId, "state-sess-1");
  assertEquals(await store.get("sess-1"), undefined);
});

add("concurrent regenerate() gives one new id, and loses no count", async ({ store }) => {
  await store.create(record("sess-1"));
  const results = await Promise.all([
    ...Array.from({ length: 8 }, (_, i) => store.regenerate("sess-1", `sess-new-${i}`)),
    ...Array.from({ length: 8 }, () => increment(store, "sess-1")),
  ]);
  const renamed = results.slice(0, 8).filter((result) => result !== undefined);
  assertEquals(renamed.length, 1);
  const counted = results.slice(8).filter((result) => result !== undefined).length;
  const [session] = await store.list({ owner: null, limit: 9 });
  assertEquals(session?.toolCalls, counted);
});

add("fork() copies the state, and then the two are independent", async ({ store }) => {
  await store.create(record("sess-1", { owner: "alice", alias: "work" }));
  const state = await fill(store, "sess-1", 2000);
  const fork = record("sess-2", { owner: "alice", data: { title: "A fork" } });
  assertEquals(await store.fork("sess-1", fork), fork);
  assertEquals(await all(store, "sess-2"), state);

  await put(store, "sess-1", ["only in the first", 1]);
  await put(store, "sess-2", ["only in the second", 2], [state?.[0]?.[0] ?? "", undefined]);
  assertEquals((await all(store, "sess-1"))?.length, 2001);
  assertEquals((await all(store, "sess-2"))?.length, 2000);
  assertEquals(await store.delete("sess-1"), true);
  assertEquals((await all(store, "sess-2"))?.length, 2000);
});

add("fork() of a missing session, or to taken ids, copies nothing", async ({ store }) => {
  assertEquals(await store.fork("sess-none", record("sess-1")), undefined);
  assertEquals(await store.get("sess-1"), undefined);
  await store.create(record("sess-1", { owner: "alice", alias: "work" }));
  await store.create(record("sess-2"));
  const taken = [
    record("sess-2", { stateId: "other" }),
    record("sess-3", { stateId: "state-sess-2" }),
    record("sess-1", { stateId: "other" }),
  ];
  const alias = record("sess-4", { owner: "alice", alias: "work" });
  for (const session of [...taken, alias]) {
    await refused("conflict", () => store.fork("sess-1", session));
  }
  assertEquals(await store.get("sess-4"), undefined);
});

add("fork() while others write copies one moment", async ({ store }) => {
  await store.create(record("sess-1"));
  const write = (n: number) => put(store, "sess-1", ["a", n], ["z", n]);
  await write(0);
  const forks = Array.from({ length: 5 }, (_, i) => store.fork("sess-1", record(`sess-fork-${i}`)));
  await Promise.all([...forks, ...Array.from({ length: 20 }, (_, n) => write(n))]);
  for (let i = 0; i < 5; i++) {
    const [a, z] = await all(store, `sess-fork-${i}`) ?? [];
    assertEquals(a?.[1], z?.[1]);
  }
});

add("a session ends at endsAt, however much it is used", async ({ store, clock }) => {
  const endsAt = clock.now + 5000;
  await store.create(record("sess-1", { expiresAt: clock.now + 1000, endsAt }));
  const use = (expiresAt: number) => renew(store, "sess-1", expiresAt);
  assertEquals((await use(clock.now + 3000))?.session.expiresAt, clock.now + 3000);
  assertEquals((await use(clock.now + 9000))?.session.expiresAt, endsAt);
  clock.now = endsAt - 1;
  assertEquals((await use(clock.now + 9000))?.session.expiresAt, endsAt);
  clock.now = endsAt;
  assertEquals(await use(clock.now + 9000), undefined);
  const never = record("sess-2", { expiresAt: clock.now + 10, endsAt: clock.now + 9 });
  await assertRejects(() => store.create(never), RangeError, "endsAt");
});

add(
  "sessions per owner have a limit, and anonymous ones do not",
  async ({ clock, another }) => {
    const store = await another("limited", { sessionsPerOwner: 3 });
    const create = (i: number, owner: string | null, expiresAt = clock.now + 60_000) =>
      store.create(record(`sess-${owner}-${i}`, { owner, expiresAt }));
    await create(1, "alice", clock.now + 10);
    for (const i of [2, 3]) await create(i, "alice");
    assertStringIncludes(await refused("full", () => create(4, "alice")), "3");
    const fork = record("sess-fork", { owner: "alice" });
    await refused("full", () => store.fork("sess-alice-2", fork));
    await create(1, "bob");
    for (const i of [1, 2, 3, 4, 5]) await create(i, null);

    // Expired and deleted sessions do not count.
    clock.now += 10;
    await create(4, "alice");
    await refused("full", () => create(5, "alice"));
    await store.delete("sess-alice-2");
    await create(5, "alice");
  },
);

add("a server's own records count in no quota of sessions, and are in no list", async (context) => {
  const { clock, another } = context;
  const store = await another("limited", { sessions: 2, sessionsPerOwner: 1 });
  const keep = (i: number, expiresAt = clock.now + 60_000) =>
    store.create(record(`kept-${i}`, { owner: INTERNAL_OWNER, alias: `kept-${i}`, expiresAt }));
  await keep(1, clock.now + 10);
  await keep(2);
  await refused("full", () => keep(3));
  for (const owner of ["alice", "bob"]) await store.create(record(owner, { owner }));
  await refused("full", () => store.create(record("carol", { owner: "carol" })));
  for (const owner of [null, "alice"]) {
    const found = await store.list({ owner, limit: 9 });
    assertEquals(found.map(({ id }) => id), owner === null ? [] : [owner]);
  }
  // Each of them is given once.
  const namesake = record("other", { owner: INTERNAL_OWNER, alias: "kept-2" });
  assertEquals((await store.create(namesake)).id, "kept-2");
  clock.now += 10;
  await refused("full", () => store.create(record("carol", { owner: "carol" })));
  await keep(3);
  await refused("full", () => keep(4));
});

add("a server's own records do not go to make room for sessions", async ({ clock, another }) => {
  const store = await another("limited", { sessions: 1 });
  const kept = { owner: INTERNAL_OWNER, alias: "kept" };
  await store.create(record("kept", { ...kept, expiresAt: clock.now + 5 }));
  await store.create(record("old", { expiresAt: clock.now + 10 }));
  clock.now += 10;
  await store.create(record("new"));
  await refused("full", () => store.create(record("another")));
  // The clock of another process is behind.
  clock.now -= 10;
  assertEquals((await store.create(record("namesake", kept))).id, "kept");
});

add("live sessions of all owners have a limit", async ({ clock, another }) => {
  const store = await another("limited", { sessions: 3 });
  const held = record("sess-1", { owner: "alice", alias: "work", expiresAt: clock.now + 10 });
  await store.create(held);
  await store.create(record("sess-2", { owner: "bob" }));
  await put(store, "sess-2", ["key", "value"]);
  await store.create(record("sess-3"));
  const refuses = async (action: () => Promise<unknown>) => {
    assertMatch(await refused("full", action), /\b3\b.*end some/);
  };
  for (const owner of ["alice", "carol", null]) {
    const more = record("sess-4", { owner, alias: "more" });
    await refuses(() => store.create(more));
    await refuses(() => store.fork("sess-2", more));
    assertEquals(await store.get({ owner, alias: "more" }), undefined);
    const listed = await store.list({ owner, limit: 9 });
    assertEquals(listed.length, owner === "carol" ? 0 : 1);
  }
  assertEquals(await store.get("sess-4"), undefined);
  assertEquals(await all(store, "sess-4"), undefined);

  // Calls that make no further session go on, and so does another server.
  assertEquals(await store.create(record("x", { owner: "alice", alias: "work" })), held);
  assertEquals((await store.regenerate("sess-3", "sess-new"))?.id, "sess-new");
  assertEquals((await increment(store, "sess-2"))?.value, 1);
  await (await another("other", { sessions: 3 })).create(record("sess-4"));

  await store.delete("sess-new");
  await store.fork("sess-2", record("sess-4"));
  assertEquals(await all(store, "sess-4"), [["key", "value"], ["n", 1]]);
  await refuses(() => store.create(record("sess-5")));
  clock.now += 10;
  await store.create(record("sess-5", { owner: "alice", alias: "work" }));
  await refuses(() => store.create(record("sess-6")));
});

add("expired sessions make room in a full store, and renewed ones do not", async (context) => {
  const { clock, another } = context;
  const store = await another("limited", { sessions: 4 });
  const create = (i: number) =>
    store.create(record(`sess-${i}`, { owner: `${i % 3}`, expiresAt: clock.now + 10 }));
  const refuses = (i: number) => refused("full", () => create(i));
  for (const i of [1, 2, 3, 4]) await create(i);
  await refuses(5);
  const later = clock.now + 30;
  for (const id of ["sess-1", "sess-3"]) await renew(store, id, later);
  clock.now += 10;
  for (const i of [5, 6]) await create(i);
  await refuses(7);
  // All expire, so that there is room for as many.
  clock.now = later;
  for (const i of [8, 9, 10, 11]) await create(i);
  await refuses(12);
  for (const i of [8, 9, 10, 11]) assertEquals((await store.get(`sess-${i}`))?.id, `sess-${i}`);
});

add(
  "the limit of sessions counts those of all stores in one place, also when opened again",
  async ({ clock, another }) => {
    const open = () => another("limited", { sessions: 3 });
    const [one, other] = [await open(), await open()];
    await one.create(record("sess-1"));
    await other.create(record("sess-2", { expiresAt: clock.now + 10 }));
    await one.create(record("sess-3"));
    for (const store of [one, other, await open()]) {
      await refused("full", () => store.create(record("sess-4")));
    }
    await other.delete("sess-1");
    await one.create(record("sess-5"));
    await refused("full", () => other.create(record("sess-6")));
    clock.now += 10;
    await (await open()).create(record("sess-7"));
    await refused("full", () => one.create(record("sess-8")));
  },
);

add("the state of a session has a limit of bytes", async ({ another }) => {
  const store = await another("limited", { bytesPerSession: 100 });
  await store.create(record("sess-1"));
  // A key of one byte and a text with its two quotes.
  const write = (key: string, bytes: number) => put(store, "sess-1", [key, "x".repeat(bytes - 3)]);
  await write("a", 60);
  await write("b", 40);
  for (const [key, bytes] of [["c", 3], ["b", 41]] as const) {
    assertStringIncludes(await refused("too_large", () => write(key, bytes)), "100");
  }
  assertEquals((await all(store, "sess-1"))?.length, 2);
  await write("a", 50);
  await write("c", 10);
  await put(store, "sess-1", ["b", undefined], ["d", "x".repeat(37)]);
  await refused("too_large", () => write("e", 3));
  // A fork is as full as its source.
  await store.fork("sess-1", record("sess-2"));
  await refused("too_large", () => put(store, "sess-2", ["e", ""]));
  await put(store, "sess-2", ["d", undefined]);
  await put(store, "sess-2", ["e", ""]);
});

add("the states of all sessions have a limit of bytes", async ({ clock, another }) => {
  const store = await another("limited", { bytes: 100 });
  const write = (id: string, key: string, bytes: number) =>
    put(store, id, [key, "x".repeat(bytes - 3)]);
  const refuses = async (action: () => Promise<unknown>) => {
    assertStringIncludes(await refused("full", action), "100");
  };
  for (const i of [1, 2]) await store.create(record(`sess-${i}`));
  await write("sess-1", "a", 60);
  await write("sess-2", "a", 40);
  await refuses(() => write("sess-2", "b", 3));
  await refuses(() => write("sess-1", "a", 61));
  await refuses(() => store.fork("sess-2", record("sess-3")));
  await store.create(record("sess-3"));
  await refuses(() => write("sess-3", "a", 3));
  await write("sess-1", "a", 30);
  await write("sess-3", "a", 30);
  await store.regenerate("sess-2", "sess-4");
  await refuses(() => write("sess-4", "b", 3));
  await store.delete("sess-4");
  await store.fork("sess-3", record("sess-5"));
  await refuses(() => write("sess-1", "b", 11));
  await write("sess-1", "b", 10);

  // Expired sessions do not count.
  clock.now += 1_000;
  await store.create(record("sess-6", { expiresAt: clock.now + 60_000_000 }));
  await refuses(() => write("sess-6", "a", 3));
  clock.now += 10_000_000;
  await write("sess-6", "a", 100);
  await refuses(() => write("sess-6", "b", 3));
});

add("regenerate() and fork() are seen by other stores in the same place", async (context) => {
  const { store, another } = context;
  await store.create(record("sess-1"));
  await put(store, "sess-1", ["key", "value"]);
  const other = await another("test");
  await store.regenerate("sess-1", "sess-2");
  await store.fork("sess-2", record("sess-3"));
  for (const each of [other, await another("test")]) {
    assertEquals(await each.get("sess-1"), undefined);
    assertEquals(await all(each, "sess-2"), [["key", "value"]]);
    assertEquals(await all(each, "sess-3"), [["key", "value"]]);
  }
});
