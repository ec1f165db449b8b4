/** A remote KV that does not answer, or not yet: run by `remote_long_test.ts`. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { openStore } from "../../../store/mod.ts";
import { KvConnect } from "../../support/kv_connect/kv_connect.ts";
import { TOKEN } from "../../support/kv_connect/process.ts";
import { failing, rejectsSoon, remote, SOON_MS } from "./remote.ts";
import { all, increment } from "../../support/store/stores.ts";

for (const call of ["snapshot_read", "atomic_write"] as const) {
  Deno.test(`KvStore, remote: a ${call} without an answer is unavailable in time`, async () => {
    await using bench = await remote();
    const { endpoint, store } = bench;
    endpoint.fault = failing(call, "hang", Infinity);
    const waiting = [1, 2, 3].map(() => rejectsSoon(() => increment(store, "sess-1")));
    for (const error of await Promise.all(waiting)) {
      assertMatch(error.message, /within 1 seconds.*may still be made/);
    }
    endpoint.fault = () => undefined;
    const { value } = (await increment(store, "sess-2"))!;
    assertEquals(value, 1, "another session is not held up");
    endpoint.goOn();
    const n = (await increment(store, "sess-1"))!.value;
    // The hanging commit, of all that waited, was made after all, or lost the race to the one after it.
    assert(n === 1 || (n <= 4 && call === "atomic_write"), `${n}`);
    assertEquals(await all(store, "sess-1"), [["n", n]]);
  });
}

Deno.test("KvStore, remote: close() does not wait for a hanging remote", async () => {
  await using bench = await remote();
  const { endpoint, store } = bench;
  endpoint.fault = failing("atomic_write", "hang", Infinity);
  const left = rejectsSoon(() => increment(store, "sess-1"));
  const start = performance.now();
  await store.close();
  await left;
  assert(performance.now() - start < SOON_MS);
  endpoint.goOn();
});

for (const call of ["snapshot_read", "atomic_write"] as const) {
  Deno.test(`KvStore, remote: a ${call} that is refused for a while is retried`, async () => {
    await using bench = await remote(10_000);
    const { endpoint, store } = bench;
    endpoint.fault = failing(call, "refuse", 3);
    assertEquals((await increment(store, "sess-1"))?.value, 1);
    assertEquals((await store.get("sess-1"))?.toolCalls, 1);
  });
}

Deno.test("KvStore, remote: open() says in one line that the token is wrong", async () => {
  await using endpoint = new KvConnect({ token: "another-token" });
  const open = () => openStore(`kv:${endpoint.url}`, { namespace: "test" });
  const { message } = await rejectsSoon(open);
  assertMatch(message, /^Cannot open Deno KV at http:.*401.*DENO_KV_ACCESS_TOKEN has its token.*$/);
});

Deno.test("KvStore, remote: open() waits for the remote until its timeout", async () => {
  await using endpoint = new KvConnect({ token: TOKEN });
  const open = (timeoutMs: number) =>
    openStore(`kv:${endpoint.url}`, { namespace: "test", timeoutMs });
  endpoint.fault = failing("metadata", "refuse", 2);
  await (await open(10_000)).close();
  endpoint.fault = failing("metadata", "refuse", Infinity);
  assertMatch((await rejectsSoon(() => open(300))).message, /503/);
  endpoint.fault = failing("metadata", "hang", Infinity);
  assertMatch((await rejectsSoon(() => open(300))).message, /within 0\.3 seconds/);
  endpoint.fault = () => undefined;
  endpoint.goOn();
});
