/**
 * Helpers for tests of a failing remote KV. They run in a process that has the token: see
 * `remote_long_test.ts`.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { openStore, StoreError } from "../../../store/mod.ts";
import { type Call, type Fault, KvConnect } from "../../support/kv_connect/kv_connect.ts";
import { TOKEN } from "../../support/kv_connect/process.ts";
import { forEver, record } from "../../support/store/stores.ts";

/** The timeout of the stores here. */
export const BOUND_MS = 1000;
/** Less than the default timeout of ten seconds. */
export const SOON_MS = 5000;

/** An endpoint, a store on it with a timeout, and two sessions. */
export async function remote(timeoutMs = BOUND_MS) {
  const endpoint = new KvConnect({ token: TOKEN });
  const store = await openStore(`kv:${endpoint.url}`, { namespace: "test", timeoutMs });
  await store.create(record("sess-1", forEver));
  // Its sweep ends after that of the first.
  await store.create(record("sess-2", forEver));
  return {
    endpoint,
    store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await endpoint[Symbol.asyncDispose]();
    },
  };
}

/** A fault of the next `times` calls of a kind. */
export function failing(call: Call, fault: Fault, times = 1): KvConnect["fault"] {
  return (called) => called === call && times-- > 0 ? fault : undefined;
}

/** Asserts that an action is soon unavailable. */
export async function rejectsSoon(action: () => Promise<unknown>): Promise<StoreError> {
  const start = performance.now();
  const error = await assertRejects(action, StoreError);
  assert(performance.now() - start < SOON_MS, `after ${performance.now() - start} ms: ${error}`);
  assertEquals(error.code, "unavailable");
  return error;
}
