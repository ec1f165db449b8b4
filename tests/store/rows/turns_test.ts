import { assert, assertEquals, assertRejects } from "@std/assert";
import { all, increment, put, record } from "../../support/store/stores.ts";
import { openFaulty, type Way } from "../../support/store/faulty_rows.ts";
import { MemoryPlace } from "../../support/store/memory_rows.ts";
import { VirtualTime } from "../../support/store/virtual_time.ts";
import type { SessionStore } from "../../../store/mod.ts";

function test(name: string, run: (place: MemoryPlace, time: VirtualTime) => Promise<void>) {
  Deno.test(`RowStore: ${name}`, async () => {
    using time = new VirtualTime();
    await time.run(run(new MemoryPlace(), time));
  });
}

/** A way that takes so many milliseconds, half of them to the rows. */
function slow(time: VirtualTime, ms: number): Way {
  const way = async <T>(make: () => Promise<T>) => {
    await time.pass(ms / 2);
    const result = await make();
    await time.pass(ms / 2);
    return result;
  };
  return { commit: (_, make) => way(make), read: (_, make) => way(make) };
}

const turnsOf = (place: MemoryPlace) => [...place.part("t").keys()];

for (const latencies of [[2, 2, 2, 2], [1, 2, 4, 8], [1, 1, 1, 40], [1, 5, 20, 100]]) {
  test(
    `on a hot session of stores that take ${latencies} ms nobody fails or starves`,
    async (place, time) => {
      const stores = latencies.map((ms) => openFaulty(place, slow(time, ms)).store);
      await stores[0]!.create(record("sess-1"));
      const end = time.now + 2_000;
      const told: number[] = [];
      const made = await Promise.all(stores.map(async (store) => {
        let made = 0;
        for (; time.now < end; made++) {
          told.push((await increment(store, "sess-1"))!.session.toolCalls);
        }
        return made;
      }));
      assertEquals(told.sort((a, b) => a - b), told.map((_, i) => i + 1));
      assertEquals(await all(stores[0]!, "sess-1"), [["n", told.length]]);
      const share = Math.min(...made) / Math.max(...made);
      assert(share > 0.1 * latencies[0]! / latencies[3]!, `${made}`);
      assertEquals(turnsOf(place), []);
    },
  );
}

const others: readonly (readonly [string, (store: SessionStore) => Promise<unknown>])[] = [
  ["a transaction of many keys", (store) =>
    store.transact("sess-1", {
      keys: Array.from({ length: 20 }, (_, i) => `key ${i}`),
      update: () => ({ value: 1 }),
    })],
  [
    "a transaction that only reads",
    (store) =>
      store.transact("sess-1", { keys: ["n"], update: (state) => ({ value: state.get("n") }) }),
  ],
  ["fork()", (store) => store.fork("sess-1", record("sess-2"))],
  ["regenerate()", (store) => store.regenerate("sess-1", "sess-2")],
  ["delete()", (store) => store.delete("sess-1")],
];
for (const [name, call] of others) {
  test(`${name} by a slow store is done though three quick ones write`, async (place, time) => {
    const slowest = openFaulty(place, slow(time, 50)).store;
    const quick = [1, 2, 3].map((ms) => openFaulty(place, slow(time, ms)).store);
    await slowest.create(record("sess-1", { data: { long: "x".repeat(5_000) } }));
    let isOver = false;
    const writing = quick.map(async (store) => {
      while (!isOver && await increment(store, "sess-1") !== undefined);
    });
    await time.pass(50);
    const begin = time.now;
    assert(await call(slowest) !== undefined);
    assert(time.now - begin < 3_000, `it took ${time.now - begin} ms`);
    isOver = true;
    await Promise.all(writing);
    assertEquals(turnsOf(place), []);
  });
}

test(
  "a store behind a slow network has its turn too, and no write is lost",
  async (place, time) => {
    const slowest = openFaulty(place, slow(time, 600), { timeoutMs: 60_000 }).store;
    const quick = [1, 2, 3].map((ms) => openFaulty(place, slow(time, ms)).store);
    await slowest.create(record("sess-1"));
    let isOver = false;
    const told: number[] = [];
    const write = async (store: SessionStore) => {
      told.push((await increment(store, "sess-1"))!.session.toolCalls);
    };
    const writing = quick.map(async (store) => {
      while (!isOver) await write(store);
    });
    const begin = time.now;
    for (let i = 0; i < 5; i++) await write(slowest);
    assert(time.now - begin < 90_000, `it took ${time.now - begin} ms`);
    isOver = true;
    await Promise.all(writing);
    assertEquals(told.sort((a, b) => a - b), told.map((_, i) => i + 1));
    assertEquals(await all(slowest, "sess-1"), [["n", told.length]]);
  },
);

test("the turn of a store that died is taken over", async (place, time) => {
  const stores = [1, 3].map((ms) => openFaulty(place, slow(time, ms)).store);
  await stores[0]!.create(record("sess-1"));
  place.part("t").set("state-sess-1", { text: "dead", version: "0" });
  const done = await Promise.all(stores.map((store) => increment(store, "sess-1")));
  assertEquals(done.map((each) => each?.value).sort(), [1, 2]);
  assert(time.now < 3_000, `it took ${time.now} ms`);
  assertEquals(turnsOf(place), []);
});

test(
  "the turn of a store that died is taken over before a short timeout too",
  async (place, time) => {
    const { store } = openFaulty(place, slow(time, 2), { timeoutMs: 200 });
    await store.create(record("sess-1"));
    place.part("t").set("state-sess-1", { text: "dead", version: "0" });
    assertEquals((await increment(store, "sess-1"))?.value, 1);
  },
);

/** Lets another store win so many races, before each of which `store` has decided. */
function lose(place: MemoryPlace, races: number) {
  const other = openFaulty(place).store;
  const opened = openFaulty(place);
  opened.rows.way = {
    commit: async (commit, make) => {
      const isWrite = commit.sets?.some(([[part]]) => part !== "t");
      if (isWrite && races-- > 0) await put(other, "sess-1", ["other", races]);
      return await make();
    },
  };
  return opened;
}

test("a turn is left when the function throws", async (place) => {
  const { store } = lose(place, 4);
  await store.create(record("sess-1"));
  let isTaken = false;
  const failed = assertRejects(() =>
    store.transact("sess-1", {
      update: () => {
        if (turnsOf(place).length > 0) {
          isTaken = true;
          throw new RangeError("It threw");
        }
        return { value: 1, set: [["a", 1]] };
      },
    }), RangeError);
  // Another that wins while there is a turn has taken it over: none does here.
  await failed;
  assert(isTaken);
  assertEquals(turnsOf(place), []);
});

test("a turn is left when the store is full", async (place) => {
  const limits = { bytes: 40 };
  const other = openFaulty(place).store;
  const { store, rows } = openFaulty(place, {}, { limits });
  await store.create(record("sess-1"));
  let races = 3;
  let isFull = false;
  rows.way = {
    commit: async (_, make) => {
      if (races-- > 0) await put(other, "sess-1", ["other", races]);
      else if (turnsOf(place).length > 0 && !isFull) {
        isFull = true;
        await other.create(record("sess-2")).then(() =>
          put(other, "sess-2", ["much", "x".repeat(40)])
        );
      }
      return await make();
    },
  };
  await assertRejects(() => put(store, "sess-1", ["a", "x".repeat(20)]), Error, "40 bytes");
  assertEquals(turnsOf(place), []);
});
