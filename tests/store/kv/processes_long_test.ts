import { assert, assertEquals } from "@std/assert";
import { openStore } from "../../../store/mod.ts";
import { Fixture } from "../../support/store/processes.ts";
import { all, forEver, record, tempFolder } from "../../support/store/stores.ts";

Deno.test("KvStore: several processes that add to one number lose nothing", async () => {
  await using folder = await tempFolder();
  const url = `kv:${folder.path}/sessions.kv`;
  await using store = await openStore(url, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  await using open = new AsyncDisposableStack();
  const writers = ["a", "b", "c", "d"].map((name) =>
    open.use(new Fixture("writer", url, "sess-1", "count", name, "100"))
  );
  assertEquals(await Promise.all(writers.map((writer) => writer.ended())), [0, 0, 0, 0]);
  assertEquals(await all(store, "sess-1"), [["n", 400]]);
  assertEquals((await store.get("sess-1"))?.toolCalls, 400);
});

Deno.test("KvStore: processes that create its file at the same time can all use it", async () => {
  await using folder = await tempFolder();
  const url = `kv:${folder.path}/a/sessions.kv`;
  await using open = new AsyncDisposableStack();
  const openers = Array.from({ length: 6 }, () => open.use(new Fixture("open", url)));
  for (const opener of openers) assertEquals((await opener.lines.next()).value, "opened");
});

Deno.test("KvStore: a kill -9 loses nothing that was acknowledged", async () => {
  await using folder = await tempFolder();
  const url = `kv:${folder.path}/sessions.kv`;
  for (let round = 0; round < 3; round++) {
    const session = `sess-${round}`;
    await using store = await openStore(url, { namespace: "test" });
    await store.create(record(session, forEver));
    const acknowledged = new Map<string, number>();
    {
      await using open = new AsyncDisposableStack();
      const writers = ["a", "b"].map((name) =>
        [name, open.use(new Fixture("writer", url, session, "pairs", name, "1000000"))] as const
      );
      await Promise.all(writers.map(async ([name, writer]) => {
        let count = 0;
        for await (const line of writer.lines) {
          acknowledged.set(`${name}-${Number(line) % 40}`, Number(line));
          if (++count === 40 + round * 25 + name.charCodeAt(0)) writer.kill();
        }
      }));
    }
    const found = new Map(await all(store, session));
    assert(acknowledged.size >= 60, `${acknowledged.size}`);
    for (const [name, i] of acknowledged) {
      const [writer, slot] = name.split("-");
      const a = String(found.get(`${writer}-a-${slot}`));
      // Later writes to the same keys may have been made without an acknowledgement.
      assert(parseInt(a) >= i, `${name} should be ${i} or later: it is ${a.slice(0, 20)}`);
      assertEquals(found.get(`${writer}-b-${slot}`), a, "half a transaction was written");
    }
  }
});
