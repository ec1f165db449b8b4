import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  KvStore,
  MAX_TRANSACTION_KEY_BYTES,
  MAX_TRANSACTION_KEYS,
  openStore,
  StoreError,
} from "../../../store/mod.ts";
import { lastText, pack } from "../../../store/kv/kv_keys.ts";
import { faultyKv } from "../../support/store/faulty_kv.ts";
import {
  all,
  forEver,
  increment,
  put,
  record,
  refused,
  tempFolder,
} from "../../support/store/stores.ts";

async function entriesIn(kv: Deno.Kv): Promise<string[]> {
  const entries = await Array.fromAsync(kv.list({ prefix: [] }));
  return entries.map(({ key }) => typeof key[1] === "string" ? key[1] : "row");
}

/** The names of a part's rows. */
async function partIn(kv: Deno.Kv, part: string): Promise<string[]> {
  const entries = await Array.fromAsync(kv.list({ prefix: ["test", pack(part)] }));
  return entries.map(({ key }) => lastText(key));
}

Deno.test("KvStore: concurrent calls and renewals merge, also of different stores", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = new KvStore(kv, { namespace: "test" });
  await using other = new KvStore(kv, { namespace: "test" });
  await one.create(record("sess-1", { expiresAt: Date.now() + 60_000 }));
  const expiresAt = Date.now() + 120_000;
  const counts = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      (i % 2 === 0 ? one : other).transact("sess-1", {
        calls: 1,
        expiresAt: expiresAt + i,
        update: (_, { toolCalls }) => ({ value: toolCalls }),
      })),
  );
  const told = counts.map((count) => count!.value).sort((a, b) => a - b);
  assertEquals(told, Array.from({ length: 40 }, (_, i) => i + 1), "each was told its own number");
  const { toolCalls, expiresAt: end } = (await one.get("sess-1"))!;
  assertEquals({ toolCalls, end }, { toolCalls: 40, end: expiresAt + 39 });
});

Deno.test("KvStore: a commit that loses every race is locked at the deadline, and writes nothing", async () => {
  let failing = false;
  using kv = await faultyKv(() => failing ? Promise.resolve({ ok: false }) : undefined);
  await using store = new KvStore(kv, { namespace: "test", timeoutMs: 300 });
  await store.create(record("sess-1", forEver));
  failing = true;
  let runs = 0;
  const transaction = { calls: 1, update: () => ({ value: runs++ }) };
  await refused("locked", () => store.transact("sess-1", transaction));
  assert(runs > 3, `${runs} attempts`);
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
  // A call to a remote KV would keep the process alive.
  const alive = setInterval(() => {}, 1000);
  let hanging = false;
  let release = () => {};
  using kv = await faultyKv(() =>
    hanging ? new Promise((resolve) => release = () => resolve({ ok: false })) : undefined
  );
  await using store = new KvStore(kv, { namespace: "test", timeoutMs: 50 });
  await store.create(record("sess-1", forEver));
  // Its sweep ends after that of the first.
  await store.create(record("sess-2", forEver));
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
  clearInterval(alive);
});

Deno.test("KvStore: create() purges expired sessions", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = { now: 1_800_000_000_000 };
  const store = new KvStore(kv, { namespace: "test", now: () => clock.now });
  for (let i = 0; i < 60; i++) {
    await store.create(record(`sess-${i}`, { alias: `alias-${i}`, expiresAt: clock.now + 10 }));
    await put(store, `sess-${i}`, ["a", 1]);
    clock.now += 5 * 60 * 60 * 1000;
  }
  await store.close();
  const sessions = await partIn(kv, "s");
  assert(sessions.length < 10, `ended sessions should have gone: ${sessions}`);
  for (const part of ["i", "o", "x"]) {
    assertEquals((await partIn(kv, part)).length, sessions.length, part);
  }
  const left = await Array.fromAsync({ length: 60 }, (_, i) => partIn(kv, `vstate-sess-${i}`));
  assertEquals(left.flat().length, sessions.length);
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

Deno.test("KvStore: delete() leaves nothing of a session", async () => {
  using kv = await Deno.openKv(":memory:");
  await using store = new KvStore(kv, { namespace: "test" });
  await store.create(record("sess-1", { ...forEver, owner: "alice", alias: "work" }));
  for (let i = 0; i < 6; i++) {
    const keys = Array.from({ length: 24 }, (_, j) => `${i}-${j}`.padEnd(1000));
    await put(store, "sess-1", ...keys.map((key) => [key, key] as const));
  }
  await increment(store, "sess-1");
  await store.delete("sess-1");
  await store.close();
  assertEquals(await entriesIn(kv), ["layout"]);
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

Deno.test("KvStore: concurrent creates do not conflict in the count", async () => {
  using kv = await Deno.openKv(":memory:");
  const atomic = kv.atomic.bind(kv);
  let failures = 0;
  kv.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      const result = await commit();
      if (!result.ok) failures++;
      return result;
    };
    return operation;
  };
  await using one = new KvStore(kv, { namespace: "test" });
  await using other = new KvStore(kv, { namespace: "test" });
  // Each sees then which layout there is.
  for (const store of [one, other]) await store.get("none");
  await Promise.all(
    Array.from(
      { length: 40 },
      (_, i) => (i % 2 ? one : other).create(record(`sess-${i}`, forEver)),
    ),
  );
  assertEquals(failures, 0, "each was made at the first attempt");
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
  await using user = new KvStore(kv, { namespace: "test" });
  await user.get("sess-1");
  await owner.close();
  await refused("closed", () => user.get("sess-1"));
});
