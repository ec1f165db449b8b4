/** What others do between two calls of one operation. Schedules found these, see schedules_long_test.ts. */

import { assert, assertEquals } from "@std/assert";
import { increment, put, record, refused, renew } from "../../support/store/stores.ts";
import { BEGIN, lostAnswer, World } from "../../support/store/faulty_rows.ts";
import type { Commit, Want } from "../../../store/rows/rows.ts";

function test(name: string, run: (world: World) => Promise<void>) {
  Deno.test(`RowStore: ${name}`, async () => {
    await using world = new World();
    await run(world);
  });
}

const live = { owner: "alice", expiresAt: BEGIN + 1e9 };
const bytes = (count: number) => ["a", "x".repeat(count - 3)] as const;
const readsDue = ({ page }: Want) => page?.part === "x";
const ends = (id: string) => ({ deletes = [] }: Commit) =>
  deletes.some(([part, name]) => part === "s" && name === id);

for (const limits of [{ sessions: 3 }, { sessionsPerOwner: 3 }, { bytes: 99 }]) {
  test(`what a sweep removes first is no reason that one more goes (${Object.keys(limits)})`, async (world) => {
    const { store } = world.open();
    for (const [i, id] of ["first", "second", "live"].entries()) {
      await store.create(record(id, id === "live" ? live : { ...live, expiresAt: BEGIN + i + 1 }));
      await put(store, id, bytes(33));
    }
    world.now += 1_000;
    const { store: full, rows } = world.open(limits);
    rows.way = {
      commit: async (commit, make) => {
        // The same commit, made by another before.
        if (ends("first")(commit)) await make();
        return await make();
      },
    };
    await full.create(record("new", live));
    await put(full, "new", bytes(33));
    assertEquals(world.ids, ["live", "new", "second"]);
  });
}

test("two stores whose limit was lowered remove as many hidden sessions as one would", async (world) => {
  const { store } = world.open();
  for (let i = 0; i < 8; i++) {
    await store.create(record(`hidden-${i}`, { ...live, expiresAt: BEGIN + i + 1 }));
  }
  world.now += 1_000;
  const stores = [world.open({ sessions: 5 }).store, world.open({ sessions: 5 }).store];
  await Promise.all(stores.map((each, i) => each.create(record(`new-${i}`, live))));
  assertEquals(world.ids, ["hidden-5", "hidden-6", "hidden-7", "new-0", "new-1"]);
});

test("a write fits where others have made the room", async (world) => {
  const limits = { bytes: 100 };
  const { store } = world.open();
  await store.create(record("hidden", { ...live, expiresAt: BEGIN + 1 }));
  await put(store, "hidden", bytes(60));
  for (const id of ["one", "two"]) await store.create(record(id, live));
  world.now += 1_000;
  const other = world.open(limits).store;
  const { store: full, rows } = world.open(limits);
  rows.way = {
    read: async (want, make) => {
      if (readsDue(want)) {
        rows.way = {};
        await put(other, "two", bytes(50));
        assertEquals(world.ids, ["one", "two"]);
      }
      return await make();
    },
  };
  await put(full, "one", bytes(50));
  assertEquals(world.place.counts.get("bytes"), 100);
  await refused("full", () => put(full, "one", bytes(51)));
});

test("create() gives the session that has come with its alias, though the owner is full by then", async (world) => {
  const limits = { sessionsPerOwner: 1 };
  const { store } = world.open();
  await store.create(record("hidden", { ...live, expiresAt: BEGIN + 1 }));
  world.now += 1_000;
  const other = world.open(limits).store;
  const { store: full, rows } = world.open(limits);
  const named = { ...live, alias: "work" };
  rows.way = {
    commit: async (commit, make) => {
      if (ends("hidden")(commit)) {
        rows.way = {};
        await other.create(record("other", named));
      }
      return await make();
    },
  };
  assertEquals(await full.create(record("new", named)), record("other", named));
  await refused("full", () => full.create(record("new", live)));
});

test("what has ended is not said to have no room", async (world) => {
  const { store } = world.open();
  await store.create(record("big", live));
  await put(store, "big", bytes(60));
  const limits = { bytes: 100 };
  const { store: full, rows } = world.open(limits);
  for (
    const [id, change] of [
      ["one", () => put(full, "one", bytes(50))],
      ["two", () => full.fork("two", record("copy", live))],
    ] as const
  ) {
    await store.create(record("hidden", { ...live, expiresAt: world.now + 1 }));
    await put(store, "hidden", bytes(20));
    await store.create(record(id, live));
    await put(store, id, bytes(30));
    world.now += 1_000;
    rows.way = {
      read: async (want, make) => {
        if (readsDue(want)) {
          rows.way = {};
          await store.delete(id);
          await store.create(record("hidden", live));
          await put(store, "hidden", bytes(40));
        }
        return await make();
      },
    };
    assertEquals(await change(), undefined);
    await store.delete("hidden");
  }
});

test("a session in use whose row by expiry is behind does not hold up a new one", async (world) => {
  const { store } = world.open();
  await store.create(record("hidden", { ...live, expiresAt: BEGIN + 2 }));
  await store.create(record("hot", { ...live, expiresAt: BEGIN + 1 }));
  await renew(store, "hot", live.expiresAt);
  world.now += 1_000;
  const { store: full, rows } = world.open({ sessions: 2 });
  let overtaken = 0;
  rows.way = {
    commit: async (commit, make) => {
      const isHot = commit.checks.some(([[part, id]]) => part === "s" && id === "hot");
      if (isHot && ++overtaken < 20) await increment(store, "hot");
      return await make();
    },
  };
  await full.create(record("new", live));
  assert(overtaken < 3, `${overtaken} tries`);
  assertEquals(world.ids, ["hot", "new"]);
});

test("list() gives no session of another owner, which got the stateId of one that ended", async (world) => {
  const { store, rows } = world.open();
  const other = world.open().store;
  await store.create(record("sess-1", { owner: "alice" }));
  rows.way = {
    read: async (want, make) => {
      if (want.page === undefined) {
        rows.way = {};
        await other.delete("sess-1");
        await other.create(record("sess-2", { owner: "bob", stateId: "state-sess-1" }));
      }
      return await make();
    },
  };
  assertEquals(await store.list({ owner: "alice", limit: 9 }), []);
});

test("regenerate() whose answer was lost is not made again after it was undone", async (world) => {
  const { store, rows } = world.open();
  const other = world.open().store;
  await store.create(record("sess-1"));
  rows.way = {
    commit: async (_, make) => {
      rows.way = {};
      await make();
      await other.regenerate("sess-2", "sess-1");
      throw lostAnswer();
    },
  };
  assertEquals((await store.regenerate("sess-1", "sess-2"))?.id, "sess-2");
  assertEquals(world.ids, ["sess-1"]);
});

test("fork() that comes to nothing leaves a hidden session its alias", async (world) => {
  const named = { ...live, alias: "work" };
  const { store, rows } = world.open({ bytes: 100 });
  await store.create(record("hidden", { ...named, expiresAt: BEGIN + 1 }));
  await store.create(record("source", live));
  await put(store, "source", bytes(60));
  world.now += 1_000;
  await refused("full", () => store.fork("source", record("copy", named)));
  const other = world.open().store;
  rows.way = {
    commit: async (_, make) => {
      rows.way = {};
      const lost = await make();
      await other.delete("source");
      return lost;
    },
  };
  assertEquals(await store.fork("source", record("copy", named)), undefined);
  world.now = BEGIN;
  assertEquals((await store.get({ owner: "alice", alias: "work" }))?.id, "hidden");
});
