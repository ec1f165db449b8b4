/**
 * What the tests of a failing remote KV start from. They run in a process that has the token: see
 * `kv_remote_test.ts`.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { openStore, StoreError } from "../../../store/mod.ts";
import { type Call, type Fault, KvConnect } from "../../support/kv_connect/kv_connect.ts";
import { TOKEN } from "../../support/kv_connect/process.ts";
import { record } from "../../support/store/stores.ts";

export const forEver = { expiresAt: Number.MAX_SAFE_INTEGER };
/** How long a store waits here. */
export const BOUND_MS = 1000;
/** Whoever is done by then has waited neither for the ten seconds of the default nor for ever. */
export const SOON_MS = 5000;

/** An endpoint, a store on it that waits for no more than `BOUND_MS`, and one session. */
export async function remote(timeoutMs = BOUND_MS) {
  const endpoint = new KvConnect({ token: TOKEN });
  const store = await openStore(`kv:${endpoint.url}`, { namespace: "test", timeoutMs });
  await store.create(record("sess-1", forEver));
  // What is swept along with it is done when this is.
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

/** Something goes wrong with the next few calls of a kind, and then no more. */
export function failing(call: Call, fault: Fault, times = 1): KvConnect["fault"] {
  return (called) => called === call && times-- > 0 ? fault : undefined;
}

/** Nothing comes of it, and nobody waits for long. */
export async function rejectsSoon(action: () => Promise<unknown>): Promise<StoreError> {
  const start = performance.now();
  const error = await assertRejects(action, StoreError);
  assert(performance.now() - start < SOON_MS, `after ${performance.now() - start} ms: ${error}`);
  assertEquals(error.code, "unavailable");
  return error;
}
