import { assert, assertEquals } from "@std/assert";
import { KvStore } from "../../../store/mod.ts";
import { Fixture } from "../../support/store/processes.ts";
import { forEver, record, tempFolder } from "../../support/store/stores.ts";

/** Lets processes count the calls of one session at the same moment. @returns What each has printed. */
async function count(path: string, processes: number, ...args: string[]): Promise<string[][]> {
  await using open = new AsyncDisposableStack();
  const counters = Array.from(
    { length: processes },
    () => open.use(new Fixture("counter", path, "sess-1", ...args)),
  );
  for (const { lines } of counters) assertEquals((await lines.next()).value, "ready");
  return await Promise.all(counters.map(async (counter) => {
    await counter.begin();
    const told = await Array.fromAsync(counter.lines);
    assertEquals(await counter.ended(), 0);
    return told;
  }));
}

Deno.test("KvStore: no two calls are told the same number, in several processes", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.kv`;
  using kv = await Deno.openKv(path);
  await using store = new KvStore(kv, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  const told = (await count(path, 2, "100")).flat().map(Number).sort((a, b) => a - b);
  assertEquals(told, Array.from({ length: 200 }, (_, n) => n + 1));
  assertEquals((await store.get("sess-1"))?.toolCalls, 200);
});

Deno.test("KvStore: of four processes on a hot session none fails, and none starves", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.kv`;
  using kv = await Deno.openKv(path);
  await using store = new KvStore(kv, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  const told = await count(path, 4, "Infinity", "2");
  const calls = told.map(([line]) => Number(line));
  assertEquals((await store.get("sess-1"))?.toolCalls, calls.reduce((a, b) => a + b, 0));
  assert(calls.every((n) => n > 0), `${calls}`);
});
