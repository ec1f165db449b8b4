import { assertEquals, assertRejects } from "@std/assert";
import { FileStore, KvStore, MemoryStore, openStore } from "../../store/mod.ts";
import { record, tempFolder } from "../support/store/stores.ts";

Deno.test("stores: an invalid limit or timeout is refused", async () => {
  await using folder = await tempFolder();
  using kv = await Deno.openKv(":memory:");
  const namespace = "test";
  // As from a program that is not type-checked.
  const invalid: number[] = [NaN, -1, ...JSON.parse('["5", null]')];
  for (const value of invalid) {
    const calls: (() => unknown)[] = [
      () => new MemoryStore({ limits: { sessions: value } }),
      () => FileStore.open(`${folder.path}/a`, { namespace, lockTimeoutMs: value ?? NaN }),
      () => new KvStore(kv, { namespace, timeoutMs: value ?? NaN }),
      () => openStore(`kv:${folder.path}/b`, { namespace, timeoutMs: value ?? NaN }),
    ];
    for (const call of calls) {
      await assertRejects(async () => await call(), RangeError, "must be 0 or more");
    }
  }
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("stores: a timeout past the longest of a timer is a long one", async () => {
  await using folder = await tempFolder();
  for (const ms of [2 ** 31, 2 ** 53, Infinity]) {
    using kv = await Deno.openKv(":memory:");
    await using store = new KvStore(kv, { namespace: "test", timeoutMs: ms });
    await store.create(record("sess-1"));
    const path = `${folder.path}/${ms}.jsonl`;
    await using file = await FileStore.open(path, { namespace: "test", lockTimeoutMs: ms });
    // Another process has the lock for a moment.
    using lock = await Deno.open(`${path}.lock`, { read: true });
    await lock.lock(true);
    const created = file.create(record("sess-1"));
    // A timer that has overflown fires at once.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await lock.unlock();
    await created;
  }
});
