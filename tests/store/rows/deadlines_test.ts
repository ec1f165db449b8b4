import { assert, assertEquals } from "@std/assert";
import { all, increment, put, record, refused } from "../../support/store/stores.ts";
import { isOfSession, lostAnswer, openFaulty } from "../../support/store/faulty_rows.ts";
import { MemoryPlace } from "../../support/store/memory_rows.ts";
import { VirtualTime } from "../../support/store/virtual_time.ts";
import { RefusedError } from "../../../store/errors.ts";
import { type SessionStore, StoreError } from "../../../store/mod.ts";

function test(name: string, run: (place: MemoryPlace, time: VirtualTime) => Promise<void>) {
  Deno.test(`RowStore: ${name}`, async () => {
    using time = new VirtualTime();
    await time.run(run(new MemoryPlace(), time));
  });
}

const TIMEOUT_MS = 2_000;
/** Timers of operations may fire an eighth late, and a last pause comes before. */
const MOST_MS = TIMEOUT_MS * 1.25;

const calls: readonly (readonly [string, (store: SessionStore) => Promise<unknown>])[] = [
  ["create", (store) => store.create(record("sess-2", { owner: "alice", alias: "other" }))],
  ["get", (store) => store.get("sess-1")],
  ["get by alias", (store) => store.get({ owner: "alice", alias: "work" })],
  ["list", (store) => store.list({ owner: "alice", limit: 9 })],
  ["transact", (store) => increment(store, "sess-1")],
  [
    "a transact that reads",
    (store) =>
      store.transact("sess-1", { keys: ["n"], update: (state) => ({ value: state.size }) }),
  ],
  ["entries", (store) => store.entries("sess-1", { limit: 9 })],
  ["regenerate", (store) => store.regenerate("sess-1", "sess-3")],
  ["fork", (store) => store.fork("sess-1", record("sess-4"))],
  ["delete", (store) => store.delete("sess-1")],
  ["checkWritable", (store) => store.checkWritable()],
];

for (const [name, call] of calls) {
  test(`${name} ends at once when the database refuses it for good`, async (place, time) => {
    const { store, rows } = openFaulty(place);
    await store.create(record("sess-1", { owner: "alice", alias: "work" }));
    let tries = 0;
    const refuse = () => {
      tries++;
      return Promise.reject(new RefusedError("The database is read-only"));
    };
    rows.way = { read: refuse, commit: refuse };
    const begin = time.now;
    assertEquals(await refused("unavailable", () => call(store)), "The database is read-only");
    assertEquals([time.now - begin, tries], [0, 1]);
  });
}

test("what may have been made before a refusal is not said to be refused alone", async (place) => {
  const { store, rows } = openFaulty(place);
  rows.way = {
    commit: async () => {
      rows.way = { commit: () => Promise.reject(new StoreError("full", "There is no room")) };
      await Promise.resolve();
      throw lostAnswer();
    },
  };
  await refused("unavailable", () => store.create(record("sess-1")));
});

test(
  "a commit that is under way at the deadline is not said to be locked, as those before it were",
  async (place, time) => {
    const { store, rows } = openFaulty(place, {}, { timeoutMs: TIMEOUT_MS });
    await store.create(record("sess-1"));
    rows.way = {
      commit: () => {
        if (time.now < TIMEOUT_MS / 2) return busy();
        return hang();
      },
    };
    await refused("unavailable", () => increment(store, "sess-1"));
  },
);

const hang = () => new Promise<never>(() => {});
const busy = () => Promise.reject(new StoreError("locked", "The database is busy"));

for (const [name, call] of calls) {
  for (
    const [fault, way, code] of [["hangs", hang, "unavailable"], [
      "is busy",
      busy,
      "locked",
    ]] as const
  ) {
    test(`${name} ends in time when the database ${fault}`, async (place, time) => {
      const { store, rows } = openFaulty(place, {}, { timeoutMs: TIMEOUT_MS });
      await store.create(record("sess-1", { owner: "alice", alias: "work" }));
      await increment(store, "sess-1");
      rows.way = { read: way, commit: way };
      const begin = time.now;
      await refused(code, () => call(store));
      assert(time.now - begin <= MOST_MS, `it took ${time.now - begin} ms`);
      rows.way = {};
      assertEquals((await store.get("sess-1"))?.toolCalls, 1);
      assertEquals((await increment(store, "sess-1"))?.value, 2);
    });
  }
}

test("calls that wait for one that hangs end in time too", async (place, time) => {
  const { store, rows } = openFaulty(place, {}, { timeoutMs: TIMEOUT_MS });
  await store.create(record("sess-1"));
  rows.way = { read: hang, commit: hang };
  const begin = time.now;
  const failed = Array.from({ length: 5 }, async (_, i) => {
    await time.pass(i * 100);
    await refused("unavailable", () => increment(store, "sess-1"));
  });
  await Promise.all(failed);
  assert(time.now - begin <= MOST_MS + 500, `it took ${time.now - begin} ms`);
});

test(
  "a session that others change all the time is locked in time, and free again",
  async (place, time) => {
    const { store, rows } = openFaulty(place, {}, { timeoutMs: TIMEOUT_MS });
    const other = openFaulty(place).store;
    await store.create(record("sess-1"));
    let n = 0;
    rows.way = {
      commit: async (commit, make) => {
        await time.pass(5);
        // As by a process of another version, which knows no turns.
        const row = place.part("s").get("sess-1")!;
        if (isOfSession(commit)) place.part("s").set("sess-1", { ...row, version: `other ${n++}` });
        return await make();
      },
    };
    const begin = time.now;
    await refused("locked", () => increment(store, "sess-1"));
    assert(time.now - begin <= MOST_MS, `it took ${time.now - begin} ms`);
    rows.way = {};
    assertEquals((await increment(other, "sess-1"))?.value, 1);
    assertEquals([...place.part("t").keys()], []);
  },
);

test("close() finishes what was accepted, and refuses the rest", async (place, time) => {
  const { store, rows } = openFaulty(place);
  await store.create(record("sess-1"));
  rows.way = {
    commit: async (_, make) => {
      await time.pass(10);
      return await make();
    },
  };
  const accepted = [
    increment(store, "sess-1"),
    increment(store, "sess-1"),
    store.create(record("sess-2")),
    store.fork("sess-1", record("sess-3")),
  ];
  const closing = store.close();
  for (const [, call] of calls) await refused("closed", () => call(store));
  await closing;
  await Promise.all(accepted);
  const again = openFaulty(place).store;
  assertEquals((await again.get("sess-1"))?.toolCalls, 2);
  assert(await again.get("sess-2") !== undefined && await again.get("sess-3") !== undefined);
  await store.close();
});

test("close() ends in time though the database hangs", async (place, time) => {
  const { store, rows } = openFaulty(place, {}, { timeoutMs: TIMEOUT_MS });
  await store.create(record("sess-1"));
  rows.way = { read: hang, commit: hang };
  const failing = refused("unavailable", () => put(store, "sess-1", ["a", 1]));
  const begin = time.now;
  await store.close();
  await failing;
  assert(time.now - begin <= MOST_MS, `it took ${time.now - begin} ms`);
});

test("a sweep that hangs keeps no session from being made for long", async (place, time) => {
  const { store, rows } = openFaulty(place, {}, { timeoutMs: TIMEOUT_MS });
  rows.way = { read: ({ page }, make) => page?.part === "x" ? hang() : make() };
  const begin = time.now;
  for (let i = 0; i < 3; i++) await store.create(record(`sess-${i}`));
  assert(time.now - begin <= 3 * MOST_MS, `it took ${time.now - begin} ms`);
  assertEquals(await all(store, "sess-2"), []);
});
