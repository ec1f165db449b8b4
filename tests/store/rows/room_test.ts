import { assert, assertEquals } from "@std/assert";
import { put, record, refused, renew } from "../../support/store/stores.ts";
import { BEGIN, World } from "../../support/store/faulty_rows.ts";

function test(name: string, run: (world: World) => Promise<void>) {
  Deno.test(`RowStore: ${name}`, async () => {
    await using world = new World();
    await run(world);
  });
}

const AT_ONCE = 120;

const name = (i: number) => `sess-${String(i).padStart(3, "0")}`;

for (const owner of ["alice", null]) {
  test(`of 250 hidden sessions of ${owner} those go first that expired first, renewed ones too`, async (world) => {
    const { store } = world.open();
    // Every third is renewed after it was indexed: it expires among those far behind it.
    const expiry = new Map<string, number>();
    for (let i = 0; i < 250; i++) {
      const first = BEGIN + 1_000 + i * 10;
      await store.create(record(name(i), { owner, expiresAt: first, ttlMs: 1e9 }));
      if (i % 3 === 0) await renew(store, name(i), BEGIN + 1_005 + ((i * 7 + 50) % 250) * 10);
      expiry.set(name(i), (await store.get(name(i)))!.expiresAt);
    }
    world.now = BEGIN + 10_000;
    const order = [...expiry].sort(([, a], [, b]) => a - b).map(([id]) => id);
    const limits = owner === null
      ? { sessions: 250 - AT_ONCE }
      : { sessionsPerOwner: 250 - AT_ONCE };
    const full = world.open(limits).store;
    const live = { owner, expiresAt: BEGIN + 1e9 };
    // The first makes room for a limit that was lowered.
    for (let i = 0; i < 250 - AT_ONCE; i++) {
      await full.create(record(`new-${i}`, live));
      const left = world.ids.filter((id) => expiry.has(id));
      assertEquals(left, order.slice(AT_ONCE + i + 1).sort(), `after ${i + 1} new ones`);
    }
    await refused("full", () => full.create(record("one more", live)));
    world.checkIndex();
  });
}

for (const limits of [{ sessionsPerOwner: 3 }, { sessions: 3 }, { bytes: 299 }]) {
  test(`those go first that expired first, also if one changes before it goes (${Object.keys(limits)})`, async (world) => {
    const { store } = world.open();
    for (const [i, expiresAt] of [10, 20, 1e9].entries()) {
      await store.create(record(name(i), { owner: "alice", expiresAt: BEGIN + expiresAt }));
      await put(store, name(i), ["a", "x".repeat(96)]);
    }
    // Its row by expiry is behind.
    await renew(store, name(0), BEGIN + 15);
    world.now += 1_000;
    const { store: full, rows } = world.open(limits);
    const sessions = world.place.part("s");
    // As another process does that moves this row: of each kind of commit, one is overtaken.
    const overtaken = new Set<boolean>();
    rows.way = {
      commit: async ({ checks, deletes = [] }, make) => {
        const removes = deletes.some(([part]) => part === "s");
        if (
          checks.some(([[part, id]]) => part === "s" && id === name(0)) && !overtaken.has(removes)
        ) {
          overtaken.add(removes);
          sessions.set(name(0), { ...sessions.get(name(0))!, version: `overtaken ${removes}` });
        }
        return await make();
      },
    };
    await full.create(record("new", { owner: "alice", expiresAt: BEGIN + 1e9 }));
    await put(full, "new", ["a", "x".repeat(96)]);
    assert(overtaken.has(true));
    assertEquals(world.ids, ["new", name(1), name(2)]);
    world.checkIndex();
  });
}

test("a limit that was lowered lets hidden sessions go, and no live one", async (world) => {
  const { store } = world.open();
  for (let i = 0; i < 20; i++) {
    const expiresAt = BEGIN + (i < 12 ? 1_000 + i : 1e9);
    await store.create(record(name(i), { owner: "alice", expiresAt, ttlMs: 1e9 }));
  }
  world.now += 2_000;
  const lower = world.open({ sessionsPerOwner: 10 }).store;
  await lower.create(record("new-1", { owner: "alice", expiresAt: BEGIN + 1e9 }));
  assertEquals(world.ids, ["new-1", ...Array.from({ length: 9 }, (_, i) => name(11 + i))]);
  const lowest = world.open({ sessionsPerOwner: 5, sessions: 5 }).store;
  await refused("full", () => lowest.create(record("new-2", { owner: "alice" })));
  await refused("full", () => lowest.create(record("new-2")));
  // What is live stays, and can be used.
  assertEquals((await lowest.list({ owner: "alice", limit: 99 })).length, 9);
  await put(lowest, "new-1", ["a", 1]);
});

test("a lower limit of bytes refuses growth, and lets a state shrink", async (world) => {
  const { store } = world.open();
  for (let i = 0; i < 4; i++) {
    await store.create(record(name(i), { expiresAt: BEGIN + (i < 2 ? 1_000 : 1e9), ttlMs: 1e9 }));
    await put(store, name(i), ["a", "x".repeat(97)]);
  }
  world.now += 2_000;
  const { store: lower } = world.open({ bytes: 150 });
  await refused("full", () => put(lower, name(2), ["b", 1]));
  assertEquals(world.ids, [name(2), name(3)], "the hidden ones have made room");
  await put(lower, name(2), ["a", "x".repeat(20)]);
  assertEquals(world.place.counts.get("bytes"), 123);
  await put(lower, name(3), ["b", "x".repeat(24)]);
  await refused("full", () => put(lower, name(3), ["c", 1]));
});

test("the order of expiry mends itself while sessions are made", async (world) => {
  const { store } = world.open();
  const day = 24 * 60 * 60 * 1_000;
  for (let i = 0; i < 30; i++) {
    await store.create(record(name(i), { expiresAt: BEGIN + 1_000 + i }));
  }
  // Renewed since they were indexed; and rows that point to nothing, or to another session.
  for (let i = 0; i < 30; i += 2) await renew(store, name(i), BEGIN + 30 * day);
  const stray = (time: number, rest: string, text: string) =>
    world.place.part("x").set(`${time}`.padStart(16, "0") + rest, { text, version: "stray" });
  for (let i = 0; i < 10; i++) stray(BEGIN + i, `gone-${i}`, `gone ${i}`);
  for (let i = 0; i < 10; i++) stray(BEGIN + i, `other-${i}`, name(2 * i));
  world.now += 3 * day;
  // Each new one sweeps a few, in the background of the next.
  for (let i = 0; i < 40; i++) {
    await store.create(record(`new-${i}`, { expiresAt: BEGIN + 60 * day }));
  }
  await store.close();
  const renewed = Array.from({ length: 15 }, (_, i) => name(2 * i));
  assertEquals(world.ids.filter((id) => !id.startsWith("new")), renewed);
  world.checkIndex();
});

test("many stores that are full at once keep within the limit, and all hidden ones can go", async (world) => {
  const limits = { sessionsPerOwner: 20 };
  const stores = Array.from({ length: 4 }, () => world.open(limits).store);
  for (let i = 0; i < 20; i++) {
    const expiresAt = BEGIN + 1_000 + i;
    await stores[0]!.create(record(name(i), { owner: "alice", expiresAt, ttlMs: 1e9 }));
  }
  world.now += 5_000;
  const made = await Promise.allSettled(
    Array.from(
      { length: 40 },
      (_, i) =>
        stores[i % 4]!.create(record(`new-${i}`, { owner: "alice", expiresAt: BEGIN + 1e9 })),
    ),
  );
  assertEquals(made.filter(({ status }) => status === "fulfilled").length, 20);
  assertEquals(world.ids.length, 20);
  assertEquals(world.place.counts.get("owner alice"), 20);
  assertEquals(world.place.counts.get("sessions"), 20);
  for (const { id } of await stores[0]!.list({ owner: "alice", limit: 99 })) {
    await stores[1]!.delete(id);
  }
  for (const [count, sum] of world.place.counts) assertEquals(sum, 0, count);
  for (const [part, rows] of world.place.parts) assertEquals([...rows], [], part);
});
