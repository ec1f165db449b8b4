import { assert, assertEquals, assertMatch } from "@std/assert";
import { INTERNAL_OWNER, KvStore, openStore } from "../../../store/mod.ts";
import { holdCommit } from "../../support/store/faulty_kv.ts";
import { Fixture } from "../../support/store/processes.ts";
import {
  assertTold,
  fillOld,
  kindsIn,
  OldStore,
  tell,
  type Told,
} from "../../support/store/old_kv.ts";
import {
  all,
  forEver,
  gather,
  increment,
  put,
  record,
  refused,
  tempFolder,
} from "../../support/store/stores.ts";

const NOW = 1_800_000_000_000;
/** What a namespace has once its sessions are taken over. */
const KINDS = ["counter", "layout", "rows"];

/** A KV file with sessions of an earlier version, and what that version tells of them. */
async function oldKv(path: string, count: number) {
  const kv = await Deno.openKv(path);
  const ids = await fillOld(kv, "test", count, NOW);
  const back = NOW - 1.5 * 60 * 60 * 1000;
  await using old = new OldStore(kv, { namespace: "test", now: () => back });
  return { kv, back, told: await tell(old, ids), [Symbol.dispose]: () => kv.close() };
}

/** The sum of the counters that begin with a name. */
async function countIn(kv: Deno.Kv, name: string): Promise<number> {
  let count = 0;
  for await (const { key, value } of kv.list<Deno.KvU64>({ prefix: ["test", "counter"] })) {
    const bytes = (key[2] as Uint8Array).map((byte) => byte - 1);
    if (new TextDecoder().decode(bytes).startsWith(name)) count += Number(value.value);
  }
  return count;
}

async function assertTaken(kv: Deno.Kv, back: number, told: readonly Told[]) {
  await using store = new KvStore(kv, { namespace: "test", now: () => back });
  await assertTold(store, told);
  const owners = told.map(([{ owner }]) => owner);
  const internal = owners.filter((owner) => owner === INTERNAL_OWNER);
  const owned = owners.filter((owner) => owner !== null && owner !== INTERNAL_OWNER);
  assertEquals(await countIn(kv, "sessions"), told.length - internal.length);
  assertEquals(await countIn(kv, "internal"), internal.length);
  assertEquals(await countIn(kv, "owner "), owned.length);
}

Deno.test("KvStore: sessions of an earlier version are taken over whole, and told once", async () => {
  await using folder = await tempFolder();
  using old = await oldKv(`${folder.path}/x.kv`, 60);
  const { kv, back, told } = old;
  assertEquals(told.length, 60);
  await fillOld(kv, "other", 3, NOW);
  const { warnings, warn } = gather();
  {
    await using store = new KvStore(kv, { namespace: "test", now: () => NOW, warn });
    const live = told.filter(([{ expiresAt }]) => expiresAt > NOW);
    assert(live.length < told.length);
    assertEquals(
      (await Promise.all(told.map(([{ id }]) => store.get(id)))).filter(Boolean).length,
      live.length,
    );
    await assertTold(store, live);
  }
  assertEquals(warnings.length, 1);
  assertMatch(warnings[0]!, /60 were taken over\. End what still runs that version/);
  await assertTaken(kv, back, told);
  assertEquals(await kindsIn(kv, "test"), KINDS);
  assert((await kindsIn(kv, "other")).includes("session"), "another server's are left alone");
  await using again = new KvStore(kv, { namespace: "test", now: () => back, warn });
  for (const [{ id, toolCalls }] of told.slice(0, 10)) {
    assertEquals((await increment(again, id))?.session.toolCalls, toolCalls + 1);
  }
  for (const [{ id }] of told) assertEquals(await again.delete(id), true);
  await again.close();
  assertEquals(await kindsIn(kv, "test"), ["layout"]);
  assertEquals(warnings.length, 1);
});

Deno.test("KvStore: a take-over that is killed is finished by the next, and nothing is lost", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/x.kv`;
  using old = await oldKv(path, 60);
  const { kv, back, told } = old;
  let kills = 0;
  for (let commits = 1;; commits = Math.ceil(commits * 1.6)) {
    await using taker = new Fixture("taker", path, `${NOW}`);
    let isDone = false;
    for await (const line of taker.lines) {
      if (line === "commit" && --commits === 0) taker.kill();
      if (line === "done") isDone = true;
    }
    if (isDone) break;
    kills++;
    commits = Math.max(commits, kills * 5);
  }
  assert(kills >= 3, `${kills} kills`);
  await assertTaken(kv, back, told);
  const kinds = (await kindsIn(kv, "test")).filter((kind) => kind !== "mark" && kind !== "pending");
  assertEquals(kinds, KINDS);
});

Deno.test("KvStore: processes that take over at once help each other", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/x.kv`;
  using old = await oldKv(path, 60);
  const { kv, back, told } = old;
  await using open = new AsyncDisposableStack();
  const takers = Array.from({ length: 3 }, () => open.use(new Fixture("taker", path, `${NOW}`)));
  let moved = 0;
  await Promise.all(takers.map(async (taker) => {
    for await (const line of taker.lines) {
      moved += Number(/(\d+) were taken over/.exec(line)?.[1] ?? 0);
    }
    assertEquals(await taker.ended(), 0);
  }));
  assertEquals(moved, told.length);
  await assertTaken(kv, back, told);
});

Deno.test("KvStore: what an earlier version goes on to write is taken over at the next open", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/x.kv`;
  using kv = await Deno.openKv(path);
  const { warnings, warn } = gather();
  await using old = new OldStore(kv, { namespace: "test" });
  await old.create(record("sess-1", { ...forEver, alias: "work" }));
  await put(old, "sess-1", ["key", 1]);
  await using first = await openStore(`kv:${path}`, { namespace: "test", warn });
  assertEquals(warnings.length, 1);
  assertEquals(await old.get("sess-1"), undefined);
  assertEquals(await increment(old, "sess-1"), undefined);
  // It makes the same session again, under another's name, and more of them.
  await old.create(record("sess-1", { ...forEver, alias: "work" }));
  await old.create(record("sess-2", { ...forEver, alias: "work" }));
  await old.create(record("sess-3", { ...forEver, alias: "other" }));
  await put(old, "sess-3", ["key", 3]);
  assertEquals(await first.get("sess-3"), undefined);
  await using second = await openStore(`kv:${path}`, { namespace: "test", warn });
  assertEquals((await second.get({ owner: null, alias: "work" }))?.id, "sess-1");
  assertEquals(await all(second, "sess-1"), [["key", 1]]);
  assertEquals(await all(first, "sess-3"), [["key", 3]]);
  assertEquals((await first.get({ owner: null, alias: "other" }))?.id, "sess-3");
  assertMatch(
    warnings[1]!,
    /1 were taken over, and 1 ended, as a session of this version has their/,
  );
});

Deno.test("KvStore: a transaction of an earlier version during a take-over is in it, or is not made", async () => {
  await using folder = await tempFolder();
  using kv = await Deno.openKv(`${folder.path}/x.kv`);
  await using old = new OldStore(kv, { namespace: "test" });
  const ids = Array.from({ length: 40 }, (_, i) => `sess-${i}`);
  for (const id of ids) await old.create(record(id, forEver));
  const counts = new Map(ids.map((id) => [id, 0]));
  const writers = ids.map(async (id) => {
    while (await increment(old, id) !== undefined) counts.set(id, counts.get(id)! + 1);
  });
  await using store = new KvStore(kv, { namespace: "test", warn: () => {} });
  await store.get("none");
  await Promise.all(writers);
  for (const [id, n] of counts) {
    assertEquals((await store.get(id))?.toolCalls, n);
    assertEquals(await all(store, id), n === 0 ? [] : [["n", n]]);
  }
});

Deno.test("KvStore: who waits for a take-over is told so in time, and nothing is served as empty", async () => {
  using kv = await Deno.openKv(":memory:");
  const old = new OldStore(kv, { namespace: "test" });
  await old.create(record("sess-1", { ...forEver, alias: "work" }));
  await old.close();
  const moving = holdCommit(kv, 1);
  const options = { namespace: "test", warn: () => {} };
  await using hurried = new KvStore(kv, { ...options, timeoutMs: 2000 });
  await using store = new KvStore(kv, options);
  const calls = [
    () => hurried.get("sess-1"),
    () => hurried.create(record("sess-2", { ...forEver, alias: "work" })),
  ];
  for (const message of await Promise.all(calls.map((call) => refused("locked", call)))) {
    assertMatch(message, /layout of an earlier version, which are taken over just now/);
  }
  const found = store.get({ owner: null, alias: "work" });
  moving.goOn();
  assertEquals((await found)?.id, "sess-1");
  assertEquals((await hurried.get("sess-1"))?.id, "sess-1");
});

Deno.test("KvStore: a newer layout is refused, and nothing is changed", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/x.kv`;
  using kv = await Deno.openKv(path);
  await kv.set(["test", "layout"], 3);
  await using store = new KvStore(kv, { namespace: "test" });
  const message = await refused("corrupt", () => store.get("sess-1"));
  assertMatch(message, /another layout, 3, of a newer version .* nothing was changed; update it/);
  await refused("corrupt", () => store.create(record("sess-1")));
  await refused("corrupt", () => openStore(`kv:${path}`, { namespace: "test" }));
  assertEquals(await kindsIn(kv, "test"), ["layout"]);
});
