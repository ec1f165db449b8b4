import { assert, assertEquals, assertRejects } from "@std/assert";
import { renew } from "../../../store/conformance/cases.ts";
import { all, increment, put, record } from "../../support/store/stores.ts";
import { openFaulty } from "../../support/store/faulty_rows.ts";
import { VirtualTime } from "../../support/store/virtual_time.ts";
import { MemoryPlace } from "../../support/store/memory_rows.ts";
import { KnownSession, KnownSessions } from "../../../store/rows/known_sessions.ts";
import type { At, Snapshot, Want } from "../../../store/rows/rows.ts";

function test(name: string, run: (place: MemoryPlace) => Promise<void>) {
  Deno.test(`RowStore: ${name}`, async () => {
    using time = new VirtualTime();
    await time.run(run(new MemoryPlace()));
  });
}

test("get(), list() and entries() read the rows, whatever is known", async (place) => {
  const { store, rows } = openFaulty(place);
  await store.create(record("sess-1", { alias: "work" }));
  await increment(store, "sess-1");
  for (
    const read of [
      () => store.get("sess-1"),
      () => store.get({ owner: null, alias: "work" }),
      () => store.list({ owner: null, limit: 9 }),
      () => all(store, "sess-1"),
    ]
  ) {
    const before = rows.reads.length;
    await read();
    assert(rows.reads.length > before);
  }
});

test("a transaction of what is known is one commit, and of nothing known one read more", async (place) => {
  const { store, rows } = openFaulty(place);
  await store.create(record("sess-1"));
  await increment(store, "sess-1");
  for (const reads of [0, 0, 1]) {
    if (reads === 1) await openFaulty(place).store.regenerate("sess-1", "sess-1b");
    const [commits, before] = [rows.commits.length, rows.reads.length];
    await increment(store, reads === 0 ? "sess-1" : "sess-1b");
    assertEquals(rows.commits.length - commits, 1);
    assertEquals(rows.reads.length - before > 0, reads > 0);
  }
});

test("a function that throws at what is known runs again at what is there", async (place) => {
  const { store } = openFaulty(place);
  const other = openFaulty(place).store;
  await store.create(record("sess-1"));
  for (let i = 0; i < 5; i++) {
    await put(store, "sess-1", ["ready", false]);
    await put(other, "sess-1", ["ready", true]);
    const seen: unknown[] = [];
    const done = await store.transact("sess-1", {
      keys: ["ready"],
      update: (state) => {
        seen.push(state.get("ready"));
        if (state.get("ready") !== true) throw new Error("It is not ready");
        return { value: "done" };
      },
    });
    assertEquals(done?.value, "done");
    assertEquals(seen, [false, true]);
  }
});

test("a session that is known as expired is read again, as it may have been renewed", async (place) => {
  const clock = { now: 1_800_000_000_000 };
  const options = { now: () => clock.now };
  const { store } = openFaulty(place, {}, options);
  const other = openFaulty(place, {}, options).store;
  await store.create(record("sess-1"));
  await increment(store, "sess-1");
  await renew(other, "sess-1", clock.now + 600_000);
  clock.now += 120_000;
  assertEquals((await increment(store, "sess-1"))?.value, 2);
  clock.now += 600_000;
  assertEquals(await increment(store, "sess-1"), undefined);
});

test("a state that is known to be too large is looked at again", async (place) => {
  const options = { limits: { bytesPerSession: 100 } };
  const { store } = openFaulty(place, {}, options);
  const other = openFaulty(place, {}, options).store;
  await store.create(record("sess-1"));
  await put(store, "sess-1", ["a", "x".repeat(80)]);
  await put(other, "sess-1", ["a", undefined]);
  await put(store, "sess-1", ["b", "x".repeat(80)]);
  assertEquals((await all(store, "sess-1"))?.map(([key]) => key), ["b"]);
});

for (const count of [1, 7, 8, 9, 60, 500]) {
  test(`${count} unknown keys that are written, some of them there, count exactly`, async (place) => {
    const { store } = openFaulty(place, {}, { limits: { bytes: 20_000 } });
    const other = openFaulty(place).store;
    const keys = Array.from({ length: count }, (_, i) => `key ${String(i).padStart(3, "0")}`);
    await store.create(record("sess-1"));
    const set = keys.filter((_, i) => i % 3 === 0).map((key) => [key, "before"] as const);
    await put(other, "sess-1", ...set);
    await put(store, "sess-1", ...keys.map((key) => [key, "after"] as const));
    assertEquals(await all(store, "sess-1"), keys.map((key) => [key, "after"]));
    assertEquals(place.counts.get("bytes"), count * ("key 000".length + '"after"'.length));
    await put(openFaulty(place).store, "sess-1", ...keys.map((key) => [key, undefined] as const));
    assertEquals(place.counts.get("bytes"), 0);
  });
}

test("a read of many keys that another writes in its midst is never told", async (place) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  const keys = Array.from({ length: 30 }, (_, i) => `key ${i}`);
  const write = (n: number) => put(other, "sess-1", ...keys.map((key) => [key, n] as const));
  await store.create(record("sess-1"));
  await write(0);
  let n = 0;
  // As Deno KV reads: not more than ten rows in one moment.
  rows.way = {
    read: async ({ at = [] }: Want) => {
      const found: Snapshot["at"][number][] = [];
      const read = async (some: readonly At[]) => {
        const each = await rows.read({ at: some });
        found.push(...each.at);
      };
      const way = rows.way;
      rows.way = {};
      await read(at.slice(0, 10));
      if (at.length > 10 && n++ < 5) await write(n);
      for (let i = 10; i < at.length; i += 10) await read(at.slice(i, i + 10));
      rows.way = way;
      return { at: found, page: [], counts: [] };
    },
  };
  for (const fails of [false, true]) {
    n = 0;
    const done = await store.transact("sess-1", {
      keys,
      update: (state) => {
        const [first, ...more] = new Set(state.values());
        if (fails && more.length > 0) throw new Error("It is torn");
        return { value: more.length === 0 ? first : [first, ...more] };
      },
    });
    assertEquals(typeof done?.value, "number");
    await openFaulty(place).store.regenerate("sess-1", "sess-2");
    await openFaulty(place).store.regenerate("sess-2", "sess-1");
  }
});

test("list() has a session that gets another id in the midst of it", async (place) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  for (let i = 0; i < 5; i++) await store.create(record(`sess-${i}`, { owner: "alice" }));
  rows.way = {
    read: async (want, make) => {
      const found = await make();
      if (want.page === undefined) return found;
      rows.way = {};
      await other.regenerate("sess-2", "new-2");
      await other.delete("sess-3");
      await other.create(record("sess-3", { owner: "alice", stateId: "a later one" }));
      return found;
    },
  };
  const listed = await store.list({ owner: "alice", limit: 3 });
  assertEquals(listed.map(({ id }) => id), ["sess-0", "sess-1", "new-2"]);
  const all = await store.list({ owner: "alice", limit: 9 });
  assertEquals(all.map(({ id }) => id), ["sess-3", "sess-0", "sess-1", "new-2", "sess-4"]);
});

test("entries() by an id has nothing that came after that id", async (place) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  await store.create(record("sess-1"));
  await put(store, "sess-1", ["a", 1]);
  rows.way = {
    read: async (_, make) => {
      const found = await make();
      rows.way = {};
      await other.regenerate("sess-1", "sess-2");
      await put(other, "sess-2", ["secret", 1]);
      return found;
    },
  };
  assertEquals(await all(store, "sess-1"), undefined);
});

Deno.test("KnownSessions: large records and many values stay within bounds", () => {
  const known = new KnownSessions();
  const found = (id: string, long: string) => ({
    record: record(id, { data: { long } }),
    bytes: 0,
    due: 0,
    marks: { by: ["", 0] as const, others: [] },
    version: "1",
  });
  const long = "x".repeat(50_000);
  for (let i = 0; i < 2_000; i++) known.set(`${i}`, new KnownSession(found(`${i}`, long), []));
  const kept = Array.from({ length: 2_000 }, (_, i) => known.get(`${i}`)).filter(Boolean).length;
  assert(kept > 100 && kept * long.length <= 16 * 1024 * 1024, `${kept} large records are kept`);
  const session = new KnownSession(found("one", ""), []);
  for (let i = 0; i < 20_000; i++) session.advance(found("one", ""), [[`key ${i}`, "1"]]);
  assert(session.values.size <= 2_000, `${session.values.size} values are kept`);
  assertEquals(session.values.get("key 19999"), "1");
});

test("a transaction of as many keys as it can have is made of what is known then", async (place) => {
  const { store, rows } = openFaulty(place);
  await store.create(record("sess-1"));
  const keys = Array.from({ length: 500 }, (_, i) => `key ${i}`);
  const touch = () =>
    store.transact("sess-1", {
      keys,
      update: (state) => ({ value: state.size, set: keys.map((key) => [key, state.size]) }),
    });
  for (let i = 0; i < 10; i++) {
    await put(store, "sess-1", ...keys.map((key) => [`${i} ${key}`, 1] as const));
    await touch();
  }
  const before = rows.reads.length;
  assertEquals((await touch())?.value, 500);
  assertEquals(rows.reads.length, before);
  await assertRejects(() => store.transact("sess-1", { keys, update: () => ({ value: state() }) }));
  function state(): never {
    throw new Error("It threw");
  }
});
