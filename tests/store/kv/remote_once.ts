/** A remote KV that makes what it does not acknowledge: run by `remote_long_test.ts`. */
import { assertEquals, assertMatch } from "@std/assert";
import { openStore, type SessionStore } from "../../../store/mod.ts";
import { KvConnect } from "../../support/kv_connect/kv_connect.ts";
import { TOKEN } from "../../support/kv_connect/process.ts";
import { assertTold, fillOld, OldStore, tell } from "../../support/store/old_kv.ts";
import { failing, remote } from "./remote.ts";
import { Fixture } from "../../support/store/processes.ts";
import { all, forEver, gather, increment, record } from "../../support/store/stores.ts";

function count(store: SessionStore, id: string) {
  return store.transact(id, { calls: 1, update: () => ({ value: undefined }) });
}

Deno.test("KvStore, remote: a commit whose answer was lost is made once", async () => {
  await using bench = await remote(10_000);
  const { endpoint, store } = bench;
  const lost = <T>(action: () => Promise<T>) => {
    endpoint.fault = failing("atomic_write", "lose");
    return action();
  };
  for (const n of [1, 2]) {
    assertEquals((await lost(() => increment(store, "sess-1")))?.value, n);
    await lost(() => count(store, "sess-1"));
  }
  assertEquals((await store.get("sess-1"))?.toolCalls, 4);
  assertEquals(await all(store, "sess-1"), [["n", 2]]);
  assertEquals(await lost(() => store.delete("sess-1")), true);
  const again = record("sess-1", { ...forEver, alias: "work" });
  assertEquals(await lost(() => store.create(again)), again);
  assertEquals(await all(store, "sess-1"), []);
});

Deno.test("KvStore, remote: processes count exactly while answers are lost and calls refused", async () => {
  await using bench = await remote();
  const { endpoint, store } = bench;
  let writes = 0;
  endpoint.fault = (call) =>
    call === "atomic_write" ? (["lose", undefined, "refuse"] as const)[writes++ % 7] : undefined;
  {
    await using open = new AsyncDisposableStack();
    const writers = ["a", "b"].map((name) =>
      open.use(new Fixture("writer", `kv:${endpoint.url}`, "sess-1", "count", name, "20"))
    );
    assertEquals(await Promise.all(writers.map((writer) => writer.ended())), [0, 0]);
  }
  endpoint.fault = () => undefined;
  assertEquals(await all(store, "sess-1"), [["n", 40]]);
  assertEquals((await store.get("sess-1"))?.toolCalls, 40);
});

Deno.test("KvStore, remote: a take-over whose answers are lost takes each session over once", async () => {
  await using endpoint = new KvConnect({ token: TOKEN });
  const now = 1_800_000_000_000;
  using kv = await Deno.openKv(endpoint.url);
  const ids = await fillOld(kv, "test", 30, now);
  await using old = new OldStore(kv, { namespace: "test", now: () => now });
  const told = await tell(old, ids);
  let writes = 0;
  endpoint.fault = (call) => call === "atomic_write" && ++writes % 3 === 0 ? "lose" : undefined;
  const { warnings, warn } = gather();
  const url = `kv:${endpoint.url}`;
  await using store = await openStore(url, { namespace: "test", now: () => now, warn });
  await assertTold(store, told);
  endpoint.fault = () => undefined;
  assertMatch(warnings.join(), /: 30 were taken over\. /);
  const limits = { sessions: told.length };
  await using again = await openStore(url, { namespace: "test", now: () => now, limits });
  await assertTold(again, told);
});
