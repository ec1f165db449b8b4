import { assert, assertEquals } from "@std/assert";
import { KvRows } from "../../../store/kv/kv_rows.ts";
import { KvStore } from "../../../store/mod.ts";
import { faultyKv, holdCommit } from "../../support/store/faulty_kv.ts";
import { assertEmpty, contents, lose, make, range } from "../../support/store/rows_cases.ts";
import { all, fill, forEver, put, record, tempFolder } from "../../support/store/stores.ts";

const NOW = 1_800_000_000_000;
const LATER = NOW + 60_000;
/** More rows than go with a commit. */
const MANY = 300;

async function fillPart(rows: KvRows, part: string) {
  await make(rows, { sets: range(MANY, (n) => [[part, `key ${n}`], `${n}`]) });
}

async function pendingIn(kv: Deno.Kv): Promise<number> {
  return (await Array.fromAsync(kv.list({ prefix: ["test", "pending"] }))).length;
}

Deno.test("KvStore: a sweep leaves a fork in progress whole: it is made again", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.kv`;
  using kv = await Deno.openKv(path);
  using othersKv = await Deno.openKv(path);
  await using store = new KvStore(kv, { namespace: "test", now: () => NOW });
  await store.create(record("sess-1", forEver));
  const state = await fill(store, "sess-1", MANY);

  // The fork has copied all, and is about to be committed, when another takes it for abandoned.
  const writing = holdCommit(kv, 3);
  const forking = store.fork("sess-1", record("sess-2", forEver));
  await writing.reached;
  assertEquals(await pendingIn(kv), 1);
  await using other = new KvStore(othersKv, { namespace: "test", now: () => LATER });
  await other.create(record("sess-3", forEver));
  await other.close();
  assertEquals(await pendingIn(kv), 0);
  writing.goOn();
  assertEquals((await forking)?.id, "sess-2");
  assertEquals(await all(store, "sess-2"), state);
  assertEquals(await pendingIn(kv), 0);
});

Deno.test("KvStore: a fork that races with many writes of its session has one moment", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.kv`;
  using kv = await Deno.openKv(path);
  using othersKv = await Deno.openKv(path);
  await using store = new KvStore(kv, { namespace: "test" });
  await using other = new KvStore(othersKv, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  await fill(store, "sess-1", MANY);
  let isForking = true;
  const writing = (async () => {
    for (let n = 0; isForking; n++) {
      await put(other, "sess-1", ["key 000000", n], ["key 000299", n]);
    }
  })();
  for (let i = 0; i < 5; i++) {
    assertEquals((await store.fork("sess-1", record(`fork-${i}`, forEver)))?.id, `fork-${i}`);
    const copied = new Map(await all(store, `fork-${i}`));
    assertEquals(copied.size, MANY);
    assertEquals(copied.get("key 000000"), copied.get("key 000299"));
  }
  isForking = false;
  await writing;
  await store.close();
  assertEquals(await pendingIn(kv), 0);
});

Deno.test("KvRows: a large copy whose commit lost leaves nothing", async () => {
  using kv = await Deno.openKv(":memory:");
  const rows = new KvRows(kv, { namespace: "test" });
  await fillPart(rows, "v1");
  await lose(rows, { checks: [[["s", "a"], "0".repeat(20)]], copy: { from: "v1", to: "v2" } });
  await make(rows, { copy: { from: "v1", to: "v2" } });
  assertEquals(await contents(rows, "v2"), await contents(rows, "v1"));
  await lose(rows, { checks: [[["s", "a"], "0".repeat(20)]], copy: { from: "v1", to: "v3" } });
  await rows.close();
  const again = new KvRows(kv, { namespace: "test" });
  await assertEmpty(again, "v3");
  assertEquals(await pendingIn(kv), 0);
});

for (const what of ["copy", "drop"] as const) {
  Deno.test(`KvRows: a ${what} that was broken off is swept by others`, async () => {
    let commits = Infinity;
    using kv = await faultyKv(() =>
      commits-- > 0 ? undefined : Promise.reject(new Error("Input/output error"))
    );
    const rows = new KvRows(kv, { namespace: "test", now: () => NOW });
    await fillPart(rows, "v1");
    await make(rows, { sets: [[["s", "a"], "1"]] });
    commits = what === "copy" ? 2 : 1;
    const wanted = what === "copy" ? { copy: { from: "v1", to: "v2" } } : { drop: "v1" };
    const made = await rows.commit({ mark: "", checks: [], ...wanted }).catch(() => undefined);
    assertEquals(made?.kind, what === "copy" ? undefined : "made");
    await rows.close();
    commits = Infinity;
    assertEquals(await pendingIn(kv), 1);

    const part = what === "copy" ? "v2" : "v1";
    const early = new KvRows(kv, { namespace: "test", now: () => LATER - 1 });
    await make(early, { sets: [[["s", "b"], "1"]] });
    await early.close();
    assertEquals(await pendingIn(kv), 1, "its process may be alive");
    const late = new KvRows(kv, { namespace: "test", now: () => LATER });
    await make(late, { sets: [[["s", "b"], "2"]] });
    await late.close();
    assertEquals(await pendingIn(kv), 0);
    const reader = new KvRows(kv, { namespace: "test" });
    await assertEmpty(reader, part);
    assertEquals((await contents(reader, "v1")).length, what === "copy" ? MANY : 0);
    assertEquals(await contents(reader, "s"), [["a", "1"], ["b", "2"]]);
  });
}

Deno.test("KvStore: a session with the stateId of an ended one has nothing of its state", async () => {
  let commits = Infinity;
  using kv = await faultyKv(() =>
    commits-- > 0 ? undefined : Promise.reject(new Error("Input/output error"))
  );
  await using store = new KvStore(kv, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  await fill(store, "sess-1", MANY);
  commits = 1;
  assertEquals(await store.delete("sess-1"), true, "the session has ended");
  await store.close();
  commits = Infinity;
  assertEquals(await pendingIn(kv), 1);
  await using again = new KvStore(kv, { namespace: "test" });
  await again.create(record("sess-1", forEver));
  assertEquals(await all(again, "sess-1"), []);
  await put(again, "sess-1", ["key 000001", "new"]);
  await again.close();
  await using reader = new KvStore(kv, { namespace: "test" });
  assertEquals(await all(reader, "sess-1"), [["key 000001", "new"]]);
  assertEquals(await pendingIn(kv), 0);
});

Deno.test("KvRows: marks that killed processes have left are swept after a day", async () => {
  using kv = await Deno.openKv(":memory:");
  const marks = async () => (await Array.fromAsync(kv.list({ prefix: ["test", "mark"] }))).length;
  const killed = new KvRows(kv, { namespace: "test", now: () => NOW });
  await Promise.all(range(5, (n) => make(killed, { sets: [[["s", `${n}`], "x"]], drop: "none" })));
  const before = await marks();
  assert(before > 0);
  // Sweeps begin anywhere.
  for (let i = 0; i < 100 && await marks() > 0; i++) {
    const rows = new KvRows(kv, { namespace: "test", now: () => NOW + 24 * 60 * 60 * 1000 });
    await make(rows, { sets: [[["s", "a"], "x"]] });
    await rows.close();
  }
  assertEquals(await marks(), 0);
  // One that was not killed goes on.
  await make(killed, { sets: [[["s", "a"], "y"]] });
  assertEquals((await contents(killed, "s")).length, 6);
});
