import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  KvStore,
  MAX_TRANSACTION_KEY_BYTES,
  MAX_TRANSACTION_KEYS,
  openStore,
  StoreError,
} from "../../../store/mod.ts";
import {
  all,
  forEver,
  increment,
  put,
  record,
  refused,
  tempFolder,
} from "../../support/store/stores.ts";

/** A KV in memory with the commits of a test; `undefined` lets KV commit. */
async function faultyKv(
  commit: () => Promise<Deno.KvCommitResult | Deno.KvCommitError> | undefined,
) {
  const kv = await Deno.openKv(":memory:");
  const atomic = kv.atomic.bind(kv);
  kv.atomic = () => {
    const operation = atomic();
    const real = operation.commit.bind(operation);
    operation.commit = () => commit() ?? real();
    return operation;
  };
  return kv;
}

/** Holds one of a KV's next commits. */
function holdCommit(kv: Deno.Kv, number: number) {
  const atomic = kv.atomic.bind(kv);
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const { promise: gone, resolve: goOn } = Promise.withResolvers<void>();
  kv.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      if (--number === 0) {
        reach();
        await gone;
      }
      return await commit();
    };
    return operation;
  };
  return { reached, goOn };
}

async function entriesIn(kv: Deno.Kv): Promise<string[]> {
  const entries = await Array.fromAsync(kv.list({ prefix: [] }));
  return entries.map(({ key }) => key.slice(1, 3).join(" "));
}

Deno.test("KvStore: concurrent calls and renewals merge, also of different stores", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = new KvStore(kv, { namespace: "test" });
  await using other = new KvStore(kv, { namespace: "test" });
  await one.create(record("sess-1", { expiresAt: Date.now() + 60_000 }));
  const expiresAt = Date.now() + 120_000;
  let runs = 0;
  await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      (i % 2 === 0 ? one : other).transact("sess-1", {
        calls: 1,
        expiresAt: expiresAt + i,
        update: () => ({ value: runs++ }),
      })),
  );
  assertEquals(runs, 40, "none lost a race");
  const { toolCalls, expiresAt: end } = (await one.get("sess-1"))!;
  assertEquals({ toolCalls, end }, { toolCalls: 40, end: expiresAt + 39 });
});

Deno.test("KvStore: a commit that loses every race is a conflict after thirty attempts", async () => {
  let failing = false;
  using kv = await faultyKv(() => failing ? Promise.resolve({ ok: false }) : undefined);
  await using store = new KvStore(kv, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  failing = true;
  let runs = 0;
  const transaction = { calls: 1, update: () => ({ value: runs++ }) };
  const error = await assertRejects(() => store.transact("sess-1", transaction), StoreError);
  assertEquals({ code: error.code, runs }, { code: "conflict", runs: 30 });
  failing = false;
  assertEquals((await store.transact("sess-1", transaction))?.session.toolCalls, 1);
});

Deno.test("KvStore: a locked database is retried until the deadline", async () => {
  let failures = 0;
  using kv = await faultyKv(() =>
    failures-- > 0 ? Promise.reject(new TypeError("database is locked")) : undefined
  );
  await using store = new KvStore(kv, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  failures = 12;
  assertEquals((await increment(store, "sess-1"))?.value, 1);
  failures = Infinity;
  await using hurried = new KvStore(kv, { namespace: "test", timeoutMs: 500 });
  await refused("locked", () => increment(hurried, "sess-1"));
  assertEquals(await all(store, "sess-1"), [["n", 1]]);
});

Deno.test("KvStore: a commit without an answer is unavailable at the deadline", async () => {
  let hanging = false;
  let release = () => {};
  using kv = await faultyKv(() =>
    hanging ? new Promise((resolve) => release = () => resolve({ ok: false })) : undefined
  );
  await using store = new KvStore(kv, { namespace: "test", timeoutMs: 50 });
  await store.create(record("sess-1", forEver));
  hanging = true;
  const late = await Promise.allSettled([1, 2, 3].map(() => increment(store, "sess-1")));
  for (const result of late) {
    assert(result.status === "rejected");
    assertEquals(result.reason.code, "unavailable");
    assert(/within 0\.05 seconds/.test(result.reason.message), result.reason.message);
  }
  hanging = false;
  release();
  assertEquals((await increment(store, "sess-1"))?.value, 1);
});

Deno.test("KvStore: create() purges expired sessions and orphaned states", async () => {
  let commits = Infinity;
  using kv = await faultyKv(() =>
    commits-- > 0 ? undefined : Promise.reject(new Error("Input/output error"))
  );
  const clock = { now: 1_800_000_000_000 };
  const store = new KvStore(kv, { namespace: "test", now: () => clock.now });
  await store.create(record("sess-left", forEver));
  await put(store, "sess-left", ["a", 1], ["b", 2]);
  commits = 1;
  assertEquals(await store.delete("sess-left"), true, "the session has ended");
  commits = Infinity;
  assertEquals(await entriesIn(kv), [
    "count",
    "root state-sess-left",
    ...Array(3).fill("s state-sess-left"), // The two keys, and the mark of the last commit.
  ]);

  for (let i = 0; i < 60; i++) {
    await store.create(record(`sess-${i}`, { alias: `alias-${i}`, expiresAt: clock.now + 10 }));
    await put(store, `sess-${i}`, ["a", 1]);
    clock.now += 5 * 60 * 60 * 1000;
  }
  await store.close();
  const states = new Set((await entriesIn(kv)).filter((key) => key.startsWith("s ")));
  assert(!states.has("s state-sess-left"));
  assert(states.size < 25, `the states of ended sessions should have gone: ${[...states]}`);
});

Deno.test("KvStore: a sweep leaves the state of a fork in progress", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.kv`;
  using kv = await Deno.openKv(path);
  using othersKv = await Deno.openKv(path);
  await using store = new KvStore(kv, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  await put(store, "sess-1", ["key", "value"]);

  // The fork's record is written just after another process has seen that there is none.
  const writing = holdCommit(kv, 3);
  const forking = store.fork("sess-1", record("sess-2", forEver));
  await writing.reached;
  const sweeping = holdCommit(othersKv, 2);
  const other = new KvStore(othersKv, { namespace: "test" });
  await other.create(record("sess-3", forEver));
  await sweeping.reached;
  writing.goOn();
  assertEquals((await forking)?.id, "sess-2");
  sweeping.goOn();
  await other.close();
  assertEquals(await all(store, "sess-2"), [["key", "value"]]);
});

Deno.test("KvStore: a session that others have deleted and created again can be written", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = new KvStore(kv, { namespace: "test" });
  await using other = new KvStore(kv, { namespace: "test" });
  await one.create(record("sess-1", forEver));
  assertEquals((await increment(one, "sess-1"))?.value, 1);
  await other.delete("sess-1");
  await other.create(record("sess-1", forEver));
  for (const n of [1, 2]) assertEquals((await increment(one, "sess-1"))?.value, n);
  assertEquals((await increment(other, "sess-1"))?.value, 3);
});

Deno.test("KvStore: delete() leaves nothing of a session but the count", async () => {
  using kv = await Deno.openKv(":memory:");
  await using store = new KvStore(kv, { namespace: "test" });
  await store.create(record("sess-1", { ...forEver, owner: "alice", alias: "work" }));
  for (let i = 0; i < 6; i++) {
    const keys = Array.from({ length: 24 }, (_, j) => `${i}-${j}`.padEnd(1000));
    await put(store, "sess-1", ...keys.map((key) => [key, key] as const));
  }
  await increment(store, "sess-1");
  await store.delete("sess-1");
  assertEquals(await entriesIn(kv), ["count"]);
});

Deno.test("KvStore: the count of sessions is right after every change", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = { now: 1_800_000_000_000 };
  const options = { namespace: "test", now: () => clock.now, limits: { sessions: 30 } };
  await using one = new KvStore(kv, options);
  await using other = new KvStore(kv, options);
  const expiresAt = clock.now + 10;
  const create = (i: number, store = one) => store.create(record(`sess-${i}`));
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => create(i, i % 2 === 0 ? one : other)),
  );
  // Of two concurrent deletes of one session, one succeeds.
  await Promise.all([one, other].flatMap((store) => [0, 1].map((i) => store.delete(`sess-${i}`))));
  await one.regenerate("sess-2", "sess-renamed");
  await one.fork("sess-3", record("sess-fork", { expiresAt }));
  await other.create(record("sess-short", { expiresAt, alias: "short" }));
  await other.create(record("sess-second", { alias: "short" }));
  clock.now = expiresAt;
  await other.create(record("sess-short", { alias: "short" }));
  await assertRejects(() => other.create(record("sess-short", { stateId: "x" })), StoreError);
  // The fork has expired, swept or not.
  for (let i = 20; i < 31; i++) await create(i);
  await refused("full", () => create(31));
  assertEquals((await one.list({ owner: null, limit: 99 })).length, 30);
});

Deno.test("KvStore: create() in a small full store finds each expired session at once", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = { now: 1_800_000_000_000 };
  // The expired session may be before or after the positions of the sweeps.
  for (let sessions = 1; sessions <= 8; sessions++) {
    const options = { namespace: `test ${sessions}`, now: () => clock.now, limits: { sessions } };
    await using store = new KvStore(kv, options);
    for (let i = 0; i < sessions; i++) {
      await store.create(record(`sess-${i}`, { expiresAt: clock.now + (i === 0 ? 10 : 60_000) }));
    }
    clock.now += 10;
    assertEquals((await store.create(record("sess-new"))).id, "sess-new");
  }
});

Deno.test("KvStore: sessions from before there was a count do not make it negative", async () => {
  using kv = await Deno.openKv(":memory:");
  await using store = new KvStore(kv, { namespace: "test", limits: { sessions: 1 } });
  await store.create(record("sess-1", forEver));
  await kv.delete(["test", "count"]);
  await store.delete("sess-1");
  await store.create(record("sess-2", forEver));
});

Deno.test("KvStore: concurrent creates do not conflict in the count", async () => {
  let commits = 0;
  using kv = await faultyKv(() => (commits++, undefined));
  await using one = new KvStore(kv, { namespace: "test" });
  await using other = new KvStore(kv, { namespace: "test" });
  await Promise.all(
    Array.from(
      { length: 40 },
      (_, i) => (i % 2 ? one : other).create(record(`sess-${i}`, forEver)),
    ),
  );
  assertEquals(commits, 40, "each was made at the first attempt");
});

Deno.test("KvStore: create() in a large full store finds expired sessions after some attempts", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = { now: 1_800_000_000_000 };
  const limits = { sessions: 450 };
  await using store = new KvStore(kv, { namespace: "test", now: () => clock.now, limits });
  const create = (i: number) => {
    const id = `sess-${String(i).padStart(4, "0")}`;
    return store.create(record(id, { expiresAt: clock.now + (i === 320 ? 10 : 60_000) }));
  };
  for (let i = 0; i < 450; i++) await create(i);
  await refused("full", () => create(450));
  clock.now += 10;
  let failures = 0;
  for (; failures < 6; failures++) {
    if (await create(451).then(() => true, () => false)) break;
  }
  assert(failures <= 5, "five times a hundred are more than all");
  assertEquals((await store.get("sess-0451"))?.id, "sess-0451");
});

Deno.test("KvStore: list() skips many hidden sessions in a few reads", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = { now: 1_800_000_000_000 };
  await using store = new KvStore(kv, { namespace: "test", now: () => clock.now });
  for (let i = 0; i < 600; i++) {
    await store.create(
      record(`sess-${String(i).padStart(4, "0")}`, { expiresAt: clock.now + 10 }),
    );
  }
  clock.now += 10;
  await store.create(record("sess-live", forEver));
  let rounds = 0;
  let running = 0;
  const getMany = kv.getMany.bind(kv);
  kv.getMany = <T extends readonly unknown[]>(
    keys: readonly [...{ [K in keyof T]: Deno.KvKey }],
  ) => {
    if (running++ === 0) rounds++;
    return getMany<T>(keys).finally(() => running--);
  };
  const page = await store.list({ owner: record("sess-live").owner, limit: 10 });
  assertEquals(page.map(({ id }) => id), ["sess-live"]);
  assert(rounds < 10, `${rounds} rounds`);
});

Deno.test("KvStore: the longest names leave room for the largest transaction", async () => {
  await using folder = await tempFolder();
  const namespace = "n".repeat(48);
  await using store = await openStore(`kv:${folder.path}/sessions.kv`, { namespace });
  const [id, stateId, owner, alias] = [256, 52, 1024, 512].map((bytes) => "x".repeat(bytes));
  await store.create(record(id!, { ...forEver, stateId: stateId!, owner: owner!, alias: alias! }));
  const length = Math.floor(MAX_TRANSACTION_KEY_BYTES / MAX_TRANSACTION_KEYS);
  const keys = Array.from({ length: MAX_TRANSACTION_KEYS }, (_, i) => `${i}`.padStart(length));
  const done = await store.transact(id!, {
    calls: 1,
    expiresAt: Number.MAX_SAFE_INTEGER,
    update: () => ({ value: "done", set: keys.map((key) => [key, "x".repeat(900)] as const) }),
  });
  assertEquals(done?.value, "done");
  assertEquals(await store.delete(id!), true);
});

Deno.test("KvStore: close() closes the KV only with closesKv", async () => {
  using kv = await Deno.openKv(":memory:");
  await new KvStore(kv, { namespace: "test" }).close();
  await kv.get(["any"]);
  const owner = new KvStore(kv, { namespace: "test", closesKv: true });
  const user = new KvStore(kv, { namespace: "test" });
  await owner.close();
  await refused("closed", () => user.get("sess-1"));
});
