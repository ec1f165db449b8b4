/** A remote KV that dies and comes back: run by `remote_long_test.ts`, and on a real `denokv`. */
import { assert, assertEquals } from "@std/assert";
import { openStore, StoreError } from "../../../store/mod.ts";
import { KvProcess } from "../../support/kv_connect/process.ts";
import { BOUND_MS, rejectsSoon } from "./remote.ts";
import { forEver, increment, record, tempFolder } from "../../support/store/stores.ts";

Deno.test({
  name: "KvStore, remote: a remote killed in mid-call is unavailable until it is back",
  // Deno keeps abandoned calls open until they are answered.
  sanitizeOps: false,
  fn: async () => {
    await using folder = await tempFolder();
    const file = `${folder.path}/kv`;
    await using kv = await KvProcess.start(file);
    const options = { namespace: "test", timeoutMs: BOUND_MS };
    await using store = await openStore(`kv:${kv.url}`, options);
    const ids = Array.from({ length: 4 }, (_, i) => `sess-${i}`);
    for (const id of ids) await store.create(record(id, forEver));

    const acknowledged = new Map(ids.map((id) => [id, 0]));
    const killed = Promise.withResolvers<void>();
    const writers = ids.map(async (id) => {
      for (let n = 1;; n++) {
        try {
          assertEquals((await increment(store, id))?.value, n);
        } catch (error) {
          return error;
        }
        acknowledged.set(id, n);
        if (n === 20) killed.resolve();
      }
    });
    await Promise.race([killed.promise, Promise.all(writers)]);
    await kv.kill();
    for (const error of await Promise.all(writers)) {
      assert(error instanceof StoreError, `${error}`);
      assertEquals(error.code, "unavailable");
    }
    await rejectsSoon(() => store.get("sess-0"));

    await using back = await KvProcess.start(file, { port: kv.port });
    await using patient = await openStore(`kv:${back.url}`, { namespace: "test" });
    for (const id of ids) {
      const n = acknowledged.get(id)!;
      const next = Number((await increment(patient, id))?.value);
      // The commit in flight at the kill may have been made.
      assert(next === n + 1 || next === n + 2, `${next} after ${n}`);
      assertEquals((await increment(store, id))?.value, next + 1, "the first store goes on too");
    }
  },
});
