import { assertEquals } from "@std/assert";
import type { SessionRecord, SessionStore } from "../mod.ts";
import {
  all,
  type Case,
  type CaseContext,
  increment,
  listOf,
  put,
  record,
  refused,
  renew,
} from "./cases.ts";

export const expiryCases: Case[] = [];
const add = listOf(expiryCases);

const DAY = 24 * 60 * 60 * 1000;

/** A record of a session with this lifetime from now on. */
function lasting(
  { clock }: CaseContext,
  id: string,
  ttlMs: number,
  rest: Partial<SessionRecord> = {},
): SessionRecord {
  return record(id, { ttlMs, expiresAt: clock.now + ttlMs, ...rest });
}

/** Creates so many sessions that a store which sweeps at each create has swept all. */
async function busy({ clock }: CaseContext, store: SessionStore, name: string, count = 20) {
  for (let i = 0; i < count; i++) {
    await store.create(record(`${name}-${i}`, { expiresAt: clock.now + 1, owner: "busy" }));
  }
}

async function assertHidden(store: SessionStore, { id, owner, alias }: SessionRecord) {
  assertEquals(await store.get(id), undefined);
  if (alias !== null) assertEquals(await store.get({ owner, alias }), undefined);
  assertEquals((await store.list({ owner, limit: 99 })).filter((one) => one.id === id), []);
  assertEquals(await all(store, id), undefined);
  assertEquals(await increment(store, id), undefined);
  assertEquals(await store.regenerate(id, `${id}-new`), undefined);
  assertEquals(await store.fork(id, record(`${id}-fork`)), undefined);
  assertEquals(await store.delete(id), false);
}

add(
  "an expired session is back with its state if the clock is set back",
  async (context) => {
    const { store, clock, another } = context;
    const start = clock.now;
    const sessions = [
      lasting(context, "sess-1", 7 * DAY, { owner: "alice", alias: "work" }),
      lasting(context, "sess-2", 7 * DAY),
      lasting(context, "sess-3", 30 * 60_000, { alias: "short" }),
    ];
    for (const session of sessions) {
      await store.create(session);
      await put(store, session.id, ["kept", [session.id, null]]);
      await increment(store, session.id);
    }
    // After a day, and after eight: short-lived sessions may be deleted by then.
    for (const [days, ids] of [[1, ["sess-3"]], [8, ["sess-1", "sess-2"]]] as const) {
      clock.now = start + days * DAY;
      const meant = sessions.filter(({ id }) => ids.some((one) => one === id));
      for (const each of [store, await another("test")]) {
        for (const session of meant) await assertHidden(each, session);
      }
      await busy(context, store, `sess-busy-${days}`);
      clock.now = start + 1;
      for (const session of meant) {
        const { id, owner, alias } = session;
        const kept = { ...session, toolCalls: 1 };
        assertEquals(await store.get(id), kept);
        if (alias !== null) assertEquals(await store.get({ owner, alias }), kept);
        assertEquals((await store.list({ owner, limit: 99 })).find((one) => one.id === id), kept);
        assertEquals(await all(store, id), [["kept", [id, null]], ["n", 1]]);
      }
    }
    clock.now = start + 1;
    assertEquals((await increment(store, "sess-1"))?.value, 2);
    assertEquals(await store.delete("sess-2"), true);
  },
);

add(
  "an expired session is retained as long again as its lifetime, a day at least",
  async (context) => {
    const { store, clock } = context;
    const start = clock.now;
    const ends: [string, number, number][] = [
      ["sess-minute", 60_000, 60_000 + DAY],
      ["sess-day", DAY, 2 * DAY],
      ["sess-week", 7 * DAY, 14 * DAY],
    ];
    for (const [id, ttlMs] of ends) await store.create(lasting(context, id, ttlMs));
    for (const [id, ttlMs, over] of ends) {
      for (const [now, isLeft] of [[start + over - 1, true], [start + over, false]] as const) {
        clock.now = now;
        await busy(context, store, `${id}-${isLeft}`, 40);
        clock.now = start + ttlMs - 1;
        assertEquals((await store.get(id))?.id, isLeft ? id : undefined, `${id} at ${now}`);
      }
    }
  },
);

add("a hidden session keeps its last renewal", async (context) => {
  const { store, clock } = context;
  const start = clock.now;
  await store.create(lasting(context, "sess-1", 7 * DAY));
  const use = (expiresAt: number) => renew(store, "sess-1", expiresAt);
  // Renewed by a clock that is three days ahead, and then hidden by one that is further ahead.
  clock.now = start + 3 * DAY;
  await use(clock.now + 7 * DAY);
  clock.now = start + 16 * DAY;
  await busy(context, store, "sess-busy");
  assertEquals(await store.get("sess-1"), undefined);
  clock.now = start;
  assertEquals((await store.get("sess-1"))?.expiresAt, start + 10 * DAY);
  assertEquals((await use(start + 7 * DAY))?.session.expiresAt, start + 10 * DAY);
  // A clock that is far behind changes nothing either.
  clock.now = start - 9000 * DAY;
  assertEquals((await use(clock.now + 7 * DAY))?.session.expiresAt, start + 10 * DAY);
  clock.now = start + 10 * DAY;
  assertEquals(await store.get("sess-1"), undefined);
});

add("a session that comes back still ends at endsAt", async (context) => {
  const { store, clock } = context;
  const start = clock.now;
  const endsAt = start + 5000;
  await store.create(lasting(context, "sess-1", 4000, { endsAt }));
  clock.now = endsAt + DAY - 2000;
  await busy(context, store, "sess-busy");
  clock.now = start;
  assertEquals((await renew(store, "sess-1", endsAt + 9000))?.session.expiresAt, endsAt);
  clock.now = endsAt;
  assertEquals(await store.get("sess-1"), undefined);
});

add("a new session keeps the alias that it took from a hidden one", async (context) => {
  const { clock, another } = context;
  const start = clock.now;
  for (const [name, owner] of [["owned", "alice"], ["anonymous", null]] as const) {
    const store = await another(name);
    const alias = "work";
    const old = lasting(context, "sess-old", DAY, { owner, alias });
    await store.create(old);
    await put(store, "sess-old", ["a", 1]);
    await store.create(lasting(context, "sess-source", 9 * DAY));
    clock.now = start + DAY;
    const heir = lasting(context, "sess-new", DAY, { owner, alias });
    assertEquals(await store.create(heir), heir);
    clock.now = start;
    const isTold = async (by: SessionStore) => {
      assertEquals(await by.get({ owner, alias }), heir);
      // The hidden session is still found by its id.
      assertEquals(await by.get("sess-old"), { ...old, alias: null });
      assertEquals(await all(by, "sess-old"), [["a", 1]]);
      assertEquals(await all(by, "sess-new"), []);
    };
    await isTold(store);
    assertEquals(await store.create(record("sess-x", { owner, alias })), heir);
    // The end of neither session gives the alias back.
    assertEquals(await store.delete("sess-old"), true);
    assertEquals(await store.get({ owner, alias }), heir);
    assertEquals(await store.delete("sess-new"), true);
    assertEquals(await store.get({ owner, alias }), undefined);

    // The same by a fork.
    await store.create(old);
    clock.now = start + DAY;
    const fork = lasting(context, "sess-fork", DAY, { owner, alias });
    assertEquals(await store.fork("sess-source", fork), fork);
    clock.now = start;
    assertEquals(await store.get({ owner, alias }), fork);
    assertEquals(await store.get("sess-old"), { ...old, alias: null });
  }
});

add(
  "a new session with the id or the stateId of a hidden one replaces it for good",
  async (context) => {
    const { store, clock } = context;
    const start = clock.now;
    for (const id of ["sess-1", "sess-2", "sess-3"]) {
      await store.create(lasting(context, id, DAY));
      await put(store, id, ["a", 1]);
    }
    clock.now = start + DAY;
    await store.create(lasting(context, "sess-1", DAY, { stateId: "other" }));
    await store.create(lasting(context, "sess-other", DAY, { stateId: "state-sess-2" }));
    await store.create(lasting(context, "sess-4", DAY));
    assertEquals((await store.regenerate("sess-4", "sess-3"))?.stateId, "state-sess-4");
    clock.now = start;
    const found = await store.list({ owner: null, limit: 9 });
    assertEquals(found.map(({ id, stateId }) => [id, stateId]), [
      ["sess-1", "other"],
      ["sess-other", "state-sess-2"],
      ["sess-3", "state-sess-4"],
    ]);
    for (const { id } of found) assertEquals(await all(store, id), []);
    assertEquals(await store.get("sess-2"), undefined);
  },
);

add("a hidden session stays where no new one is made in its place", async (context) => {
  const { store, clock } = context;
  const start = clock.now;
  const named = { owner: "alice", alias: "work" };
  const hidden = lasting(context, "sess-1", 60_000, { owner: "alice" });
  const holder = lasting(context, "sess-2", DAY, named);
  for (const session of [hidden, holder]) await store.create(session);
  clock.now = start + 60_000;
  for (const stateId of ["another", hidden.stateId]) {
    const wanted = lasting(context, "sess-1", DAY, { ...named, stateId });
    assertEquals(await store.create(wanted), holder);
    await refused("conflict", () => store.fork("sess-2", wanted));
  }
  clock.now = start;
  assertEquals(await store.get("sess-1"), hidden);
});

add(
  "hidden sessions count in no quota, and those that expired first are evicted",
  async ({ clock, another }) => {
    const start = clock.now;
    for (const limits of [{ sessions: 4 }, { sessionsPerOwner: 4 }]) {
      const [limit] = Object.keys(limits);
      const store = await another(`limited ${limit}`, limits);
      const owner = "alice";
      const create = (id: string, expiresAt: number) =>
        store.create(record(id, { owner, expiresAt }));
      const left = async () => {
        const now = clock.now;
        clock.now = start;
        const found = await store.list({ owner, limit: 9 });
        clock.now = now;
        return found.map(({ id }) => id).sort().join(" ");
      };
      await create("a", start + 10);
      await create("b", start + 30);
      await create("c", start + 20);
      // The first to expire is renewed.
      await renew(store, "a", start + 25);
      clock.now = start + 40;
      await create("d", start + 5 * DAY);
      assertEquals(await left(), "a b c d", `${limit}: there is room for all`);
      await create("e", start + 5 * DAY);
      assertEquals(await left(), "a b d e", limit);
      await create("f", start + 5 * DAY);
      assertEquals(await left(), "b d e f", limit);
      await create("g", start + 5 * DAY);
      assertEquals(await left(), "d e f g", limit);
      await refused("full", () => create("h", start + 1));
      assertEquals(await left(), "d e f g", limit);
      clock.now = start;
    }
  },
);

add("the states of hidden sessions take no room from live ones", async ({ clock, another }) => {
  const start = clock.now;
  const store = await another("limited", { bytes: 100 });
  const write = (id: string, bytes: number) => put(store, id, ["a", "x".repeat(bytes - 3)]);
  for (const [id, ms] of [["a", 10], ["b", 30], ["c", 20], ["empty", 5]] as const) {
    await store.create(record(id, { expiresAt: start + ms }));
    if (id !== "empty") await write(id, 30);
  }
  await store.create(record("live", { expiresAt: start + 9 * DAY }));
  clock.now = start + 40;
  await write("live", 10);
  await write("live", 40);
  clock.now = start;
  const left = await store.list({ owner: null, limit: 9 });
  assertEquals(left.map(({ id }) => id), ["b", "c", "empty", "live"]);
  clock.now = start + 40;
  await write("live", 100);
  await refused("full", () => write("live", 101));
  clock.now = start;
  assertEquals((await all(store, "live"))?.length, 1);
  assertEquals(await store.get("b"), undefined);
});
