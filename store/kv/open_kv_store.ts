/**
 * Opens a store in Deno KV with what it has to do first.
 *
 * @module
 */

import { KvStore, type KvStoreOptions } from "./kv_store.ts";
import { openKv, type OpenKvOptions } from "./open_kv.ts";
import { StoreError } from "../session_store.ts";

/** Opens the store at a path or an `http(s):` URL. */
export async function openKvStore(
  place: string,
  options: KvStoreOptions & OpenKvOptions,
): Promise<KvStore> {
  const kv = await openKv(place, options);
  const store = new KvStore(kv, { ...options, closesKv: true });
  try {
    // Sessions in another layout are taken over, or refused, before anything else.
    await store.get("none");
  } catch (error) {
    // While they are taken over, others may wait longer.
    if (error instanceof StoreError && error.code === "locked") return store;
    await store.close();
    throw error;
  }
  return store;
}
