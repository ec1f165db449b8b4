import { assert, assertEquals, assertRejects } from "@std/assert";
import { all, increment, put, record, refused } from "../../support/store/stores.ts";
import { cut, isOfSession, lostAnswer, openFaulty } from "../../support/store/faulty_rows.ts";
import { MemoryPlace } from "../../support/store/memory_rows.ts";
import { VirtualTime } from "../../support/store/virtual_time.ts";
import { StoreError } from "../../../store/mod.ts";

/** Registers a test of stores in one place, whose time is virtual. */
function test(name: string, run: (place: MemoryPlace, time: VirtualTime) => Promise<void>) {
  Deno.test(`RowStore: ${name}`, async () => {
    using time = new VirtualTime();
    await time.run(run(new MemoryPlace(), time));
  });
}

for (const when of ["after", "before"] as const) {
  test(`a transaction whose answer is cut ${when} its commit is made once`, async (place) => {
    const { store, rows } = openFaulty(place);
    const other = openFaulty(place).store;
    await store.create(record("sess-1"));
    for (let i = 1; i <= 20; i++) {
      // The first attempt is made of what is known, or of what is read.
      if (i % 2 === 0) await increment(other, "sess-1", "other");
      cut(rows, when);
      const done = await increment(store, "sess-1");
      assertEquals(done?.value, i);
      assertEquals(done?.session.toolCalls, i + Math.floor(i / 2));
    }
    assertEquals(await all(other, "sess-1"), [["n", 20], ["other", 10]]);
    assertEquals((await store.get("sess-1"))?.toolCalls, 30);
  });

  test(`create() whose answer is cut ${when} its commit makes one session`, async (place) => {
    const { store, rows } = openFaulty(place, {}, { limits: { sessionsPerOwner: 2 } });
    const session = record("sess-1", { owner: "alice", alias: "work" });
    cut(rows, when);
    assertEquals(await store.create(session), session);
    cut(rows, when);
    assertEquals(await store.create(record("sess-2", { owner: "alice", alias: "work" })), session);
    cut(rows, when);
    await store.create(record("sess-3", { owner: "alice" }));
    await refused("full", () => store.create(record("sess-4", { owner: "alice" })));
    assertEquals((await store.list({ owner: "alice", limit: 9 })).length, 2);
  });

  test(`regenerate() whose answer is cut ${when} its commit gives one new id`, async (place) => {
    const { store, rows } = openFaulty(place);
    await store.create(record("sess-1", { alias: "work" }));
    await put(store, "sess-1", ["a", 1]);
    cut(rows, when);
    const moved = record("sess-2", { stateId: "state-sess-1", alias: "work" });
    assertEquals(await store.regenerate("sess-1", "sess-2"), moved);
    assertEquals(await store.list({ owner: null, limit: 9 }), [moved]);
    assertEquals(await store.get({ owner: null, alias: "work" }), moved);
    assertEquals(await all(store, "sess-2"), [["a", 1]]);
  });

  test(`fork() whose answer is cut ${when} its commit makes one copy`, async (place) => {
    const limits = { bytes: 100 };
    const { store, rows } = openFaulty(place, {}, { limits });
    await store.create(record("sess-1"));
    await put(store, "sess-1", ["a", "x".repeat(30)]);
    cut(rows, when);
    assertEquals(await store.fork("sess-1", record("sess-2")), record("sess-2"));
    assertEquals(await all(store, "sess-2"), await all(store, "sess-1"));
    cut(rows, when);
    await store.fork("sess-1", record("sess-3"));
    assertEquals((await store.list({ owner: null, limit: 9 })).length, 3);
    // Each copy counts once.
    await refused("full", () => put(store, "sess-1", ["b", "x"]));
  });

  test(`delete() whose answer is cut ${when} its commit ends the session`, async (place, time) => {
    const { store, rows } = openFaulty(place, {}, { limits: { sessions: 1 } });
    await store.create(record("sess-1"));
    cut(rows, when);
    assertEquals(await store.delete("sess-1"), true);
    assert(time.now < 1_000, `it took ${time.now} ms`);
    await store.create(record("sess-2"));
    await refused("full", () => store.create(record("sess-3")));
  });
}

test("many transactions of which answers are cut at random count exactly", async (place, time) => {
  const stores = [1, 2, 3, 4].map((latency) => {
    const way = async <T>(make: () => Promise<T>, canCut: boolean) => {
      await time.pass(latency);
      if (canCut && Math.random() < 0.1) throw lostAnswer();
      const result = await make();
      await time.pass(latency);
      if (canCut && Math.random() < 0.1) throw lostAnswer();
      return result;
    };
    return openFaulty(place, {
      commit: (_, make) => way(make, true),
      read: (_, make) => way(make, true),
    }).store;
  });
  await stores[0]!.create(record("sess-1"));
  const told: (number | undefined)[] = [];
  await Promise.all(stores.flatMap((store) =>
    Array.from({ length: 3 }, async () => {
      for (let i = 0; i < 20; i++) told.push((await increment(store, "sess-1"))?.session.toolCalls);
    })
  ));
  told.sort((a, b) => Number(a) - Number(b));
  assertEquals(told, Array.from({ length: 240 }, (_, i) => i + 1));
  assertEquals(await all(stores[1]!, "sess-1"), [["n", 240]]);
});

test("a commit that is made after its answer was lost is made once", async (place, time) => {
  const { store, rows } = openFaulty(place);
  await store.create(record("sess-1"));
  for (let i = 1; i <= 40; i++) {
    const late = Promise.withResolvers<void>();
    rows.way = {
      commit: async (_, make) => {
        rows.way = {};
        void time.pass(i / 4).then(make).then(() => late.resolve());
        await Promise.resolve();
        throw lostAnswer();
      },
    };
    assertEquals((await increment(store, "sess-1"))?.value, i);
    await late.promise;
    assertEquals((await store.get("sess-1"))?.toolCalls, i);
  }
});

test("what may have been made is never said to be not made", async (place) => {
  const { store, rows } = openFaulty(place, {}, { timeoutMs: 1_000 });
  await store.create(record("sess-1"));
  await increment(store, "sess-1");
  const locked = () => Promise.reject(new StoreError("locked", "The database is busy"));
  for (
    const write of [
      () => increment(store, "sess-1"),
      () => store.create(record("sess-2")),
      () => store.regenerate("sess-1", "sess-3"),
      () => store.fork("sess-1", record("sess-4")),
      () => store.delete("sess-1"),
    ]
  ) {
    rows.way = {
      commit: async (commit, make) => {
        if (!isOfSession(commit)) return await make();
        rows.way = { commit: locked, read: locked };
        throw lostAnswer();
      },
    };
    await refused("unavailable", write);
  }
});

test("an unknown outcome is told at once, as no wait makes it known", async (place, time) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  for (
    const [i, write] of [
      (id: string) => increment(store, id),
      (id: string) => store.regenerate(id, "new"),
      (id: string) => store.fork(id, record("copy")),
    ].entries()
  ) {
    const id = `sess-${i}`;
    await store.create(record(id));
    rows.way = {
      commit: async (commit) => {
        if (isOfSession(commit)) rows.way = {};
        await other.delete(id);
        throw lostAnswer();
      },
    };
    const begin = time.now;
    await refused("unavailable", () => write(id));
    assert(time.now - begin < 1_000, `it took ${time.now - begin} ms`);
  }
});

test("a transaction whose answer was lost is not made again in another session", async (place) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  await store.create(record("sess-1"));
  rows.way = {
    commit: async (_, make) => {
      rows.way = {};
      await make();
      await other.delete("sess-1");
      await other.create(record("sess-1", { stateId: "another" }));
      throw lostAnswer();
    },
  };
  await refused("unavailable", () => increment(store, "sess-1"));
  assertEquals(await all(other, "sess-1"), []);
});

test("create() whose answer was lost gives its session, though it is used by then", async (place) => {
  const uses = [
    (store: typeof other) => increment(store, "sess-1"),
    (store: typeof other) => store.regenerate("sess-1", "sess-2"),
    async (store: typeof other) => {
      for (let i = 0; i < 20; i++) await increment(openFaulty(place).store, "sess-1");
      await increment(store, "sess-1");
    },
  ];
  const other = openFaulty(place).store;
  for (const isOwn of [true, false]) {
    for (const use of uses) {
      const { store, rows } = openFaulty(place);
      const session = record("sess-1", { owner: "alice", alias: "work" });
      rows.way = {
        commit: async (_, make) => {
          rows.way = {};
          await make();
          // Others find it by its alias.
          const same = { ...session, id: "sess-3", stateId: "state-sess-3" };
          assertEquals(await (isOwn ? store : other).create(same), session);
          await use(isOwn ? store : other);
          throw lostAnswer();
        },
      };
      assertEquals((await store.create(session)).stateId, session.stateId);
      const [listed, ...more] = await other.list({ owner: "alice", limit: 9 });
      assertEquals(more, []);
      assertEquals(await other.delete(listed!.id), true);
    }
  }
});

test("a function that throws after an answer was lost leaves what was made", async (place) => {
  const { store, rows } = openFaulty(place);
  await store.create(record("sess-1"));
  let runs = 0;
  cut(rows, "after");
  const once = store.transact("sess-1", {
    keys: ["a"],
    update: (state) => {
      runs++;
      if (state.has("a")) throw new Error("It is there already");
      return { value: "made", set: [["a", 1]] };
    },
  });
  assertEquals((await once)?.value, "made");
  assertEquals(runs, 1);
  await assertRejects(
    () =>
      store.transact("sess-1", {
        keys: ["a"],
        update: (state) => {
          throw new RangeError(`${state.size}`);
        },
      }),
    RangeError,
    "1",
  );
});

// What docs/stores.md says of it: nothing is left that would tell.
test("create() whose answer was lost makes its session again if another ended it", async (place) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  rows.way = {
    commit: async (_, make) => {
      rows.way = {};
      await make();
      assertEquals(await other.delete("sess-1"), true);
      throw lostAnswer();
    },
  };
  assertEquals(await store.create(record("sess-1")), record("sess-1"));
  assertEquals(await other.delete("sess-1"), true);
});
