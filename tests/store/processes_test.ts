import { assert, assertEquals } from "@std/assert";
import { FileStore, openStore } from "../../store/mod.ts";
import { Fixture } from "./processes.ts";
import { all, put, record, tempFolder } from "./stores.ts";

const forEver = { expiresAt: Number.MAX_SAFE_INTEGER };

Deno.test("file store: several processes that add to one number lose nothing", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  await using store = await openStore(`file:${path}`, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  await using open = new AsyncDisposableStack();
  const writers = ["a", "b", "c", "d"].map((name) =>
    open.use(new Fixture("writer", path, "sess-1", "count", name, "500"))
  );
  assertEquals(await Promise.all(writers.map((writer) => writer.ended())), [0, 0, 0, 0]);
  assertEquals(await all(store, "sess-1"), [["n", 2000]]);
  assertEquals((await store.get("sess-1"))?.toolCalls, 2000);
});

Deno.test("file store: whatever was acknowledged before a kill -9 is there after it", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  for (let round = 0; round < 8; round++) {
    const session = `sess-${round}`;
    {
      await using store = await openStore(`file:${path}`, { namespace: "test", warn: () => {} });
      await store.create(record(session, forEver));
    }
    const acknowledged = new Map<string, number>();
    {
      await using open = new AsyncDisposableStack();
      const writers = ["a", "b", "c"].map((name) =>
        [name, open.use(new Fixture("writer", path, session, "pairs", name, "1000000"))] as const
      );
      await Promise.all(writers.map(async ([name, writer]) => {
        let count = 0;
        for await (const line of writer.lines) {
          acknowledged.set(`${name}-${Number(line) % 40}`, Number(line));
          // Each is killed at another moment, in the middle of whatever it does.
          if (++count === 40 + round * 60 + name.charCodeAt(0)) writer.kill();
        }
      }));
    }
    await using store = await openStore(`file:${path}`, { namespace: "test", warn: () => {} });
    const found = new Map(await all(store, session));
    assert(acknowledged.size >= 100);
    for (const [name, i] of acknowledged) {
      const [writer, slot] = name.split("-");
      const a = String(found.get(`${writer}-a-${slot}`));
      // Later writes to the same keys may have been made, and not been heard of.
      assert(parseInt(a) >= i, `${name} should be ${i} or later: it is ${a.slice(0, 20)}`);
      assertEquals(found.get(`${writer}-b-${slot}`), a, "half a transaction was written");
    }
  }
  const text = await Deno.readTextFile(path);
  const { generation } = JSON.parse(text.slice(0, text.indexOf("\n")));
  assert(generation > 8, `the file should have been written anew often: ${generation} times`);
  assert(text.length < 8 * 1024 * 1024, `the file should stay small: it has ${text.length} bytes`);
});

Deno.test("file store: a process that holds the lock and hangs is named as such, in time", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  await using store = await FileStore.open(path, { namespace: "test", lockTimeoutMs: 100 });
  await store.create(record("sess-1", forEver));
  {
    await using holder = new Fixture("holder", `${path}.lock`);
    assertEquals((await holder.lines.next()).value, "held");
    for (let i = 0; i < 2; i++) {
      const failed = await Promise.allSettled([
        put(store, "sess-1", ["a", 1]),
        FileStore.open(path, { namespace: "test", lockTimeoutMs: 100 }),
      ]);
      for (const result of failed) {
        assert(result.status === "rejected");
        assertEquals(result.reason.code, "locked");
        assert(result.reason.message.includes(`${path}.lock`));
      }
      assertEquals((await store.get("sess-1"))?.id, "sess-1", "reading goes on");
    }
  }
  await put(store, "sess-1", ["b", 2]);
  assertEquals(await all(store, "sess-1"), [["b", 2]]);
});

Deno.test("file store: a lock that was removed does not let two processes write at once", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  await using store = await FileStore.open(path, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  await Deno.remove(`${path}.lock`);
  await using other = await FileStore.open(path, { namespace: "test" });
  await Promise.all(
    [store, other, store, other].map((one, i) => put(one, "sess-1", [`${i}`, i])),
  );
  for (const one of [store, other]) assertEquals((await all(one, "sess-1"))?.length, 4);
});
