import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FileStore } from "../../../store/mod.ts";
import { countTogether, killWriters } from "../../support/store/killing.ts";
import { Fixture } from "../../support/store/processes.ts";
import {
  all,
  forEver,
  put,
  record,
  tempFolder,
  test,
  testsUnless,
} from "../../support/store/stores.ts";

Deno.test("FileStore: 4 processes that count to 1,000 on one number lose nothing", async () => {
  await using folder = await tempFolder();
  await countTogether(`${folder.path}/sessions.jsonl`, { counters: 4, times: 1000 });
});

test("FileStore: loses nothing that was acknowledged by 20 killed writers", async ({ path }) => {
  const killed = await killWriters(path, { kills: 20, writers: 3, random: Math.random });
  assert(killed.acknowledged >= 1000, `${killed.acknowledged} writes were acknowledged`);
  assert(killed.generation > 4, `compactions: ${killed.generation - 1}`);
});

Deno.test("killWriters() detects a writer that lies, and one that writes halves", async () => {
  await using folder = await tempFolder();
  for (const [mode, message] of [["liar", /^Lost: \d+ was/], ["halves", /^Lost: half/]] as const) {
    const path = `${folder.path}/${mode}.jsonl`;
    const killing = killWriters(path, { kills: 20, writers: 2, random: Math.random, mode });
    assertMatch((await assertRejects(() => killing, Error)).message, message);
  }
});

const testSignals = testsUnless(Deno.build.os === "windows" && "Windows has no SIGSTOP");

testSignals("FileStore: a stopped process with the lock fails all others in time", async (file) => {
  const { path } = file;
  const options = { namespace: "test", lockTimeoutMs: 200 };
  await using store = await FileStore.open(path, options);
  await using behind = await FileStore.open(path, options);
  await store.create(record("sess-1", forEver));
  await using holder = new Fixture("holder", `${path}.lock`);
  assertEquals((await holder.lines.next()).value, "held");
  holder.signal("SIGSTOP");
  await using opener = new Fixture("opener", path, "200");
  assertEquals((await opener.lines.next()).value, "locked");
  for (let i = 0; i < 2; i++) {
    const start = performance.now();
    const failed = await Promise.allSettled([
      put(store, "sess-1", ["a", 1]),
      ...Array.from({ length: 50 }, () => behind.get("sess-1")),
    ]);
    assert(performance.now() - start < 2000, "they should not wait one after the other");
    for (const result of failed) {
      assert(result.status === "rejected");
      assertEquals(result.reason.code, "locked");
      assert(result.reason.message.includes(`${path}.lock`));
    }
    assertEquals((await store.get("sess-1"))?.id, "sess-1", "what needs no lock goes on");
  }
  holder.signal("SIGCONT");
  assertEquals((await holder.lines.next()).value, "released");
  await put(behind, "sess-1", ["b", 2]);
  assertEquals(await all(store, "sess-1"), [["b", 2]]);
});

test("FileStore: 4 processes at once create exactly as many sessions as the limit", async ({ path }) => {
  const limit = 2000;
  await using open = new AsyncDisposableStack();
  using lock = await Deno.open(`${path}.lock`, { write: true, create: true });
  await lock.lock(true);
  const creators = ["a", "b", "c", "d"].map((name) =>
    open.use(new Fixture("creator", path, `${limit}`, name))
  );
  for (const { lines } of creators) assertEquals((await lines.next()).value, "started");
  await lock.unlock();
  const made = await Promise.all(
    creators.map(async ({ lines }) => Number((await lines.next()).value)),
  );
  assertEquals(made.reduce((sum, each) => sum + each), limit);
  assert(made.filter((each) => each > 0).length > 1, `more than one should make some: ${made}`);
  await using store = await FileStore.open(path, { namespace: "test" });
  assertEquals((await store.list({ owner: null, limit: limit + 1 })).length, limit);
});

test("FileStore: a removed lock file does not let two processes write at once", async ({ path }) => {
  await using store = await FileStore.open(path, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  await Deno.remove(`${path}.lock`);
  await using other = await FileStore.open(path, { namespace: "test" });
  await Promise.all(
    [store, other, store, other].map((one, i) => put(one, "sess-1", [`${i}`, i])),
  );
  for (const one of [store, other]) assertEquals((await all(one, "sess-1"))?.length, 4);
});
