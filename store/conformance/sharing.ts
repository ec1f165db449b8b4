import { assert, assertEquals } from "@std/assert";
import { type SessionStore, StoreError } from "../session_store.ts";
import {
  all,
  type Case,
  type CaseContext,
  increment,
  listOf,
  pages,
  put,
  record,
} from "./cases.ts";

/** Cases of several stores in one place, as many processes have them. */
export const sharingCases: Case[] = [];
const add = listOf(sharingCases);

const STORES = 4;

/** Lets timers fire: a store in memory may answer before any does, for ever. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Opens more stores in the same place. */
async function together({ store, another }: CaseContext) {
  const others = await Promise.all(Array.from({ length: STORES - 1 }, () => another("test")));
  return [store, ...others];
}

/** Waits for all of them, also when one fails: none goes on in the next case. */
async function end(working: readonly Promise<unknown>[]) {
  for (const each of await Promise.allSettled(working)) {
    if (each.status === "rejected") throw each.reason;
  }
}

add(
  "toolCalls are told to callers once each, from whichever store in one place",
  async (context) => {
    const stores = await together(context);
    await context.store.create(record("sess-1"));
    const told: (number | undefined)[] = [];
    let sum = 0;
    const count = async (store: SessionStore, isWrite: boolean) => {
      const done = isWrite ? await increment(store, "sess-1") : await store.transact("sess-1", {
        calls: 1,
        update: (_, { toolCalls }) => ({ value: toolCalls }),
      });
      told.push(done?.session.toolCalls);
      if (isWrite) sum++;
      else {assertEquals(
          done?.value,
          done?.session.toolCalls,
          "the function was given another number",
        );}
    };
    await Promise.all(stores.map(async (store) => {
      // One after the other, and some at once.
      for (let i = 0; i < 10; i++) await count(store, i % 2 === 0);
      await Promise.all(Array.from({ length: 10 }, (_, i) => count(store, i % 2 === 0)));
    }));
    const numbers = Array.from({ length: STORES * 20 }, (_, i) => i + 1);
    assertEquals(told.sort((a, b) => Number(a) - Number(b)), numbers);
    for (const store of stores) {
      assertEquals((await store.get("sess-1"))?.toolCalls, numbers.length);
      assertEquals(await all(store, "sess-1"), [["n", sum]]);
    }
  },
);

add("what one store has acknowledged is never missed by another in one place", async (context) => {
  const stores = await together(context);
  await context.store.create(record("sess-1", { alias: "work" }));
  const reads: readonly ((store: SessionStore) => Promise<unknown>)[] = [
    async (store) => (await store.get("sess-1"))?.toolCalls,
    async (store) => (await store.get({ owner: null, alias: "work" }))?.toolCalls,
    async (store) => (await store.list({ owner: null, limit: 9 }))[0]?.toolCalls,
    async (store) => (await all(store, "sess-1"))?.[0]?.[1],
    async (store) =>
      (await store.transact("sess-1", {
        keys: ["n"],
        update: (state) => ({ value: state.get("n") }),
      }))?.value,
    async (store) =>
      (await store.transact("sess-1", { update: (_, session) => ({ value: session.toolCalls }) }))
        ?.value,
  ];
  for (let i = 1; i <= 60; i++) {
    const writer = stores[i % STORES]!;
    assertEquals((await increment(writer, "sess-1"))?.value, i);
    // In both directions: of those that read now, each was the last to write or is the next.
    const reader = stores[(i + 1 + i % (STORES - 1)) % STORES]!;
    const read = reads[i % reads.length]!;
    assertEquals(await read(reader), i, `read ${i % reads.length} after write ${i}`);
    assertEquals(await read(writer), i, `read ${i % reads.length} after its own write ${i}`);
    if (i % 10 !== 0) continue;
    const found = await Promise.all(stores.flatMap((store) => reads.map((read) => read(store))));
    assertEquals(new Set(found), new Set([i]));
  }
});

add("reads during writes through another store go on, and never back", async (context) => {
  const [writer, ...readers] = await together(context);
  await writer!.create(record("sess-1"));
  let acknowledged = 0;
  let isOver = false;
  const write = async () => {
    while (acknowledged < 100) {
      acknowledged = Number((await increment(writer!, "sess-1"))?.value);
      await breathe();
    }
  };
  const read = async (store: SessionStore) => {
    for (let last = 0; !isOver || last < 100;) {
      const least = Math.max(last, acknowledged);
      const [[, n] = ["n", 0]] = await all(store, "sess-1") ?? [];
      assert(Number(n) >= least, `${n} was read after ${least}`);
      const calls = (await store.get("sess-1"))?.toolCalls ?? 0;
      assert(calls >= Number(n), `${calls} calls were read after ${n}`);
      last = calls;
      await breathe();
    }
  };
  await end([write().finally(() => isOver = true), ...readers.map(read)]);
});

add(
  "a session that another store has ended or replaced is not taken for the same",
  async (context) => {
    const [store, other] = await together(context);
    for (let i = 0; i < 10; i++) {
      const id = `sess-${i}`;
      const n = async (of: SessionStore) =>
        (await of.transact(id, {
          keys: ["n"],
          update: (state) => ({ value: state.get("n") ?? null }),
        }))
          ?.value;
      await store!.create(record(id));
      await increment(store!, id);
      assertEquals(await other!.delete(id), true);
      assertEquals(await n(store!), undefined);
      assertEquals(await increment(store!, id), undefined);
      await other!.create(record(id, i % 2 === 0 ? {} : { stateId: `other-${i}` }));
      assertEquals(await n(store!), null);
      assertEquals((await increment(store!, id))?.value, 1);
      assertEquals((await store!.get(id))?.toolCalls, 1);
      await other!.regenerate(id, `new-${i}`);
      assertEquals(await increment(store!, id), undefined);
      assertEquals((await increment(store!, `new-${i}`))?.value, 2);
      await other!.regenerate(`new-${i}`, id);
      assertEquals((await increment(store!, id))?.value, 3);
    }
  },
);

add(
  "create() under one alias by many stores at once gives all of them one session",
  async (context) => {
    const stores = await together(context);
    for (const [round, owner] of [null, "alice", null, "bob", "alice"].entries()) {
      const alias = `work ${round}`;
      const made = await Promise.all(
        Array.from(
          { length: STORES * 3 },
          (_, i) => stores[i % STORES]!.create(record(`sess-${round}-${i}`, { owner, alias })),
        ),
      );
      assertEquals(new Set(made.map(({ id }) => id)).size, 1);
      const [session] = made;
      for (const [i, store] of stores.entries()) {
        assertEquals(await store.get({ owner, alias }), session);
        const ids = Array.from({ length: STORES * 3 }, (_, i) => `sess-${round}-${i}`);
        const found = await Promise.all(ids.map((id) => store.get(id)));
        assertEquals(found.filter((each) => each !== undefined), [session], `store ${i}`);
      }
    }
  },
);

add("create() with one id or stateId by many stores at once succeeds once", async (context) => {
  const stores = await together(context);
  for (const name of ["id", "stateId"] as const) {
    const made = await Promise.allSettled(
      stores.map((store, i) =>
        store.create(record(`sess-${name}-${i}`, { [name]: `same ${name}`, data: { by: `${i}` } }))
      ),
    );
    const refusals = made.filter((each) => each.status === "rejected");
    assertEquals(refusals.length, STORES - 1);
    for (const { reason } of refusals) {
      assert(reason instanceof StoreError);
      assertEquals(reason.code, "conflict");
    }
    const session = made.find((each) => each.status === "fulfilled")?.value;
    for (const store of stores) assertEquals(await store.get(session!.id), session);
  }
  assertEquals((await context.store.list({ owner: null, limit: 99 })).length, 2);
});

/** Lets all stores but the first write to a session. @returns Ends that, when the session is gone. */
async function writeUntilGone([, ...others]: SessionStore[], id: string) {
  let isOver = false;
  const write = async (store: SessionStore, index: number, ready: () => void) => {
    for (let acknowledged = 0;; acknowledged++) {
      const wasOver = isOver;
      if (await increment(store, id) === undefined) return acknowledged;
      assert(!wasOver, "a session that is gone was written to");
      if (acknowledged === 3) ready();
      if ((acknowledged + index) % 3 > 0) await breathe();
    }
  };
  const writers = others.map((store, index) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    return { isReady: promise, done: write(store, index, resolve) };
  });
  const done = Promise.all(writers.map((writer) => writer.done));
  await Promise.race([Promise.all(writers.map(({ isReady }) => isReady)), done]);
  return async () => {
    isOver = true;
    return (await done).reduce((sum, each) => sum + each);
  };
}

add(
  "regenerate() among writes through other stores loses nothing acknowledged",
  async (context) => {
    const stores = await together(context);
    for (let round = 0; round < 4; round++) {
      const [from, to] = [`sess-${round}`, `new-${round}`];
      await context.store.create(record(from));
      const acknowledged = await writeUntilGone(stores, from);
      const moved = await context.store.regenerate(from, to);
      const sum = await acknowledged();
      assertEquals(moved, { ...record(from), id: to, toolCalls: sum });
      for (const store of stores) {
        assertEquals(await all(store, to), [["n", sum]]);
        assertEquals(await store.get(to), moved);
        assertEquals(await store.get(from), undefined);
      }
    }
  },
);

add("regenerate() by many stores at once gives a session one new id", async (context) => {
  const stores = await together(context);
  await context.store.create(record("sess-0"));
  await put(context.store, "sess-0", ["a", 1]);
  for (let round = 0; round < 5; round++) {
    const moved = await Promise.all(
      stores.map((store, i) => store.regenerate(`sess-${round}`, `try-${round}-${i}`)),
    );
    const [session, ...more] = moved.filter((each) => each !== undefined);
    assertEquals(more, []);
    const listed = await context.store.list({ owner: null, limit: 9 });
    assertEquals(listed, [session!]);
    assertEquals(await all(stores[round % STORES]!, session!.id), [["a", 1]]);
    await context.store.regenerate(session!.id, `sess-${round + 1}`);
  }
});

add("delete() among writes through other stores ends the session for all", async (context) => {
  const stores = await together(context);
  for (let round = 0; round < 4; round++) {
    const id = `sess-${round}`;
    await context.store.create(record(id, { alias: "work" }));
    const acknowledged = await writeUntilGone(stores, id);
    const deleted = await Promise.all(stores.map((store) => store.delete(id)));
    assertEquals(deleted.filter((isDeleted) => isDeleted).length, 1);
    await acknowledged();
    for (const store of stores) {
      assertEquals(await store.get(id), undefined);
      assertEquals(await store.get({ owner: null, alias: "work" }), undefined);
      assertEquals(await all(store, id), undefined);
      assertEquals(await store.list({ owner: null, limit: 9 }), []);
    }
    await stores.at(-1)!.create(record(id));
    assertEquals(await all(context.store, id), []);
    assertEquals(await context.store.delete(id), true);
  }
});

add("fork() among writes through other stores copies one moment", async (context) => {
  const stores = await together(context);
  const { store } = context;
  const keys = Array.from({ length: 12 }, (_, i) => `key ${i}`);
  await store.create(record("sess-1"));
  await put(store, "sess-1", ...keys.map((key) => [key, 0] as const));
  let acknowledged = 0;
  let isOver = false;
  const write = async (writer: SessionStore) => {
    while (!isOver) {
      const done = await writer.transact("sess-1", {
        keys: ["key 0"],
        update: (state) => {
          const n = Number(state.get("key 0") ?? 0) + 1;
          return { value: n, set: keys.map((key) => [key, n]) };
        },
      });
      acknowledged = Math.max(acknowledged, done?.value ?? 0);
      await breathe();
    }
  };
  const fork = async () => {
    for (let i = 0; i < 10; i++) {
      const before = acknowledged;
      await store.fork("sess-1", record(`fork-${i}`));
      const after = await all(store, "sess-1");
      const copy = new Map(await all(stores[i % STORES]!, `fork-${i}`));
      const [n] = copy.values();
      assertEquals([...copy.keys()].sort(), [...keys].sort());
      assertEquals(new Set(copy.values()), new Set([n]), "half of a transaction was copied");
      assert(Number(n) >= before, `${before} was acknowledged before, and ${n} was copied`);
      assert(Number(n) <= Number(after?.[0]?.[1]), `${n} was copied, and comes later`);
      await put(stores[(i + 1) % STORES]!, `fork-${i}`, ["key 0", "own"]);
    }
  };
  await end([fork().finally(() => isOver = true), ...stores.slice(1).map(write)]);
  assertEquals((await all(store, "sess-1"))?.[0]?.[1], acknowledged);
});

add(
  "entries() in pages have each key once that stays, while other stores write",
  async (context) => {
    const { store } = context;
    const [, other, third] = await together(context);
    const staying = Array.from({ length: 90 }, (_, i) => `key-${String(i).padStart(2, "0")}`);
    await store.create(record("sess-1"));
    await put(store, "sess-1", ...staying.map((key) => [key, 0] as const));
    let isOver = false;
    const disturb = async (by: SessionStore, name: string) => {
      // Before, between and after those that stay.
      const passing = (i: number) => [`a ${name} ${i}`, `${staying[i]} ${name}`, `z ${name} ${i}`];
      for (let i = 0, last = 0; !isOver; last = i, i = (i + 1) % staying.length) {
        const gone = passing(last).map((key) => [key, undefined] as const);
        const made = passing(i).map((key) => [key, i] as const);
        await put(by, "sess-1", ...gone, ...made, [staying[i]!, i]);
        await breathe();
      }
    };
    const read = async () => {
      for (let round = 0; round < 4; round++) {
        const seen: string[] = [];
        for await (const page of pages(store, "sess-1", 3 + 4 * round)) {
          seen.push(...page);
          await breathe();
        }
        assertEquals(seen.filter((key) => staying.includes(key)), staying);
        assertEquals(new Set(seen).size, seen.length);
      }
    };
    const reading = read().finally(() => isOver = true);
    await end([reading, disturb(other!, "x"), disturb(third!, "y")]);
  },
);

add(
  "list() in pages has each session once that stays, while other stores write",
  async (context) => {
    const { store } = context;
    const [, other] = await together(context);
    const staying = Array.from({ length: 40 }, (_, i) => `state-${String(i).padStart(2, "0")}`);
    for (const stateId of staying) await store.create(record(`id ${stateId}`, { stateId }));
    let isOver = false;
    const disturb = async () => {
      for (let i = 0; !isOver; i = (i + 1) % staying.length) {
        const stateId = `${staying[i]} passing`;
        await other!.create(record(`passing ${i}`, { stateId }));
        await breathe();
        await other!.regenerate(`id ${staying[i]}`, "moved");
        await other!.regenerate("moved", `id ${staying[i]}`);
        await other!.delete(`passing ${i}`);
        await breathe();
      }
    };
    const read = async () => {
      for (let round = 0; round < 4; round++) {
        const seen: string[] = [];
        let after: string | undefined;
        for (;;) {
          const page = await store.list({ owner: null, after, limit: 3 + round });
          seen.push(...page.map(({ stateId }) => stateId));
          after = page.at(-1)?.stateId;
          await breathe();
          if (after === undefined) break;
        }
        assertEquals(seen.filter((each) => staying.includes(each)), staying);
        assertEquals(new Set(seen).size, seen.length);
      }
    };
    await end([read().finally(() => isOver = true), disturb()]);
  },
);
