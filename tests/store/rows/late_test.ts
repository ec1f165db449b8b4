/** Commits whose answer is lost and which are made later, or never, while others change the session. */

import { assertEquals } from "@std/assert";
import { increment, put, record, refused } from "../../support/store/stores.ts";
import { isOfSession, lostAnswer, openFaulty } from "../../support/store/faulty_rows.ts";
import { MemoryPlace } from "../../support/store/memory_rows.ts";
import { VirtualTime } from "../../support/store/virtual_time.ts";

function test(name: string, run: (place: MemoryPlace) => Promise<void>) {
  Deno.test(`RowStore: ${name}`, async () => {
    using time = new VirtualTime();
    await time.run(run(new MemoryPlace()));
  });
}

test("a commit that is made just before the next try is made once", async (place) => {
  const { store, rows } = openFaulty(place);
  await store.create(record("sess-1"));
  for (let i = 1; i <= 3; i++) {
    let late: (() => Promise<unknown>) | undefined;
    rows.way = {
      commit: async (commit, make) => {
        if (!isOfSession(commit)) return await make();
        if (late === undefined) {
          late = make;
          throw lostAnswer();
        }
        rows.way = {};
        await late();
        return await make();
      },
    };
    assertEquals((await increment(store, "sess-1"))?.value, i);
    assertEquals((await store.get("sess-1"))?.toolCalls, i);
  }
});

test("delete() says nothing of a session that another has given another id", async (place) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  await store.create(record("sess-1"));
  rows.way = {
    commit: async () => {
      rows.way = {};
      await other.regenerate("sess-1", "sess-2");
      throw lostAnswer();
    },
  };
  assertEquals(await store.delete("sess-1"), false);
  assertEquals((await store.get("sess-2"))?.id, "sess-2");
});

test("fork() whose answer was lost gives its copy, though that has another id by then", async (place) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  await store.create(record("sess-1"));
  const copy = record("copy");
  rows.way = {
    commit: async (_, make) => {
      rows.way = {};
      await make();
      await other.regenerate("copy", "moved");
      throw lostAnswer();
    },
  };
  assertEquals((await store.fork("sess-1", copy))?.stateId, copy.stateId);
  const listed = await store.list({ owner: null, limit: 9 });
  assertEquals(listed.map(({ id }) => id).sort(), ["moved", "sess-1"]);
});

test("regenerate() whose answer was lost is known to be made after another one", async (place) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  await store.create(record("sess-1"));
  rows.way = {
    commit: async (_, make) => {
      rows.way = {};
      await make();
      await other.regenerate("sess-2", "sess-3");
      throw lostAnswer();
    },
  };
  assertEquals((await store.regenerate("sess-1", "sess-2"))?.id, "sess-2");
});

test("what may still be made is not said to be refused", async (place) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  await store.create(record("sess-1"));
  for (
    const write of [
      () => store.create(record("taken", { stateId: "another" })),
      () => store.regenerate("sess-1", "taken"),
      () => store.fork("sess-1", record("taken", { stateId: "another" })),
    ]
  ) {
    let late: (() => Promise<unknown>) | undefined;
    rows.way = {
      commit: async (_, make) => {
        rows.way = {};
        late = make;
        await other.create(record("taken"));
        throw lostAnswer();
      },
    };
    await refused("unavailable", write);
    // It is made when nothing is in its way any more.
    await other.delete("taken");
    await late?.();
    assertEquals(await other.delete("taken"), true);
    await other.create(record("sess-1")).catch(() => {});
  }
});

test("what takes a name from a session that has moved there is no conflict", async (place) => {
  let now = 0;
  const { store, rows } = openFaulty(place, {}, { now: () => now });
  const other = openFaulty(place, {}, { now: () => now }).store;
  for (
    const write of [
      () => store.regenerate("sess-1", "sess-2"),
      () => store.fork("sess-1", record("sess-2", { stateId: "another" })),
    ]
  ) {
    await store.create(record("sess-2", { expiresAt: now + 1 }));
    await store.create(record("sess-1"));
    now++;
    rows.way = {
      commit: async (_, make) => {
        rows.way = {};
        // The hidden session is in the way at this moment.
        const lost = await make();
        assertEquals((await other.regenerate("sess-1", "sess-2"))?.id, "sess-2");
        return lost;
      },
    };
    assertEquals(await write(), undefined);
    assertEquals(await other.delete("sess-2"), true);
  }
});

test("a change that is unsure of itself is not made in another session", async (place) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  for (
    const [index, write] of [
      () => store.delete("sess-1"),
      () => store.regenerate("sess-1", "moved"),
    ].entries()
  ) {
    await store.create(record("sess-1", { stateId: `first-${index}` }));
    const next = { stateId: `next-${index}` };
    rows.way = {
      commit: async (_, make) => {
        await make();
        await other.delete("moved");
        await other.create(record("sess-1", next));
        let reads = 0;
        rows.way = {
          // The look for what was made is cut, too.
          read: async (_, read) => {
            if (++reads === 2) throw lostAnswer();
            return await read();
          },
        };
        throw lostAnswer();
      },
    };
    await write().catch(() => {});
    rows.way = {};
    assertEquals((await store.get("sess-1"))?.stateId, next.stateId);
    await other.delete("sess-1");
  }
});

test("a look that failed half-way leaves no values of another session", async (place) => {
  const { store, rows } = openFaulty(place);
  const other = openFaulty(place).store;
  await store.create(record("sess-1"));
  await put(other, "sess-1", ["a", "of the first"]);
  await put(store, "sess-1", ["b", 1]);
  await other.regenerate("sess-1", "moved");
  await other.create(record("sess-1", { stateId: "another" }));
  let reads = 0;
  rows.way = {
    read: async (_, read) => {
      if (++reads === 2) throw lostAnswer();
      return await read();
    },
  };
  const found = await store.transact("sess-1", {
    keys: ["a"],
    update: (state) => ({ value: state.get("a") }),
  });
  assertEquals(found?.value, undefined);
});

test("create() does not give a session of its own id that has come meanwhile", async (place) => {
  let now = 0;
  const { store, rows } = openFaulty(place, {}, { now: () => now });
  const other = openFaulty(place, {}, { now: () => now }).store;
  const named = { owner: "alice", alias: "work" };
  await store.create(record("sess-1", { ...named, expiresAt: 1 }));
  now = 1;
  rows.way = {
    commit: async (_, make) => {
      rows.way = {};
      const lost = await make();
      await other.create(record("sess-1", { ...named, stateId: "another" }));
      return lost;
    },
  };
  await refused("conflict", () => store.create(record("sess-1", { ...named, stateId: "third" })));
});
