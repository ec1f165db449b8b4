/**
 * The states of sessions in Deno KV: read, and removed, in as many calls as its limits ask for.
 *
 * @module
 */

import type { Json } from "../protocol.ts";
import type { KvCalls } from "./_kv_calls.ts";
import { decodeJson, type KvLayout, lastKey } from "./_kv_layout.ts";
import type { EntriesOptions } from "./store.ts";

// What KV reads at once, and what of a list.
const GET_MANY = 10;
const LIST_BATCH = 500;
// A commit has at most 1,000 mutations with 80 KiB of keys; what stands before the last part of a
// key takes less than this.
const DELETED_AT_ONCE = 500;
const DELETED_KEY_BYTES = 64 * 1024;
const KEY_OVERHEAD_BYTES = 128;

/** The states of one namespace's sessions. */
export class KvState {
  readonly #kv: Deno.Kv;
  readonly #keys: KvLayout;

  constructor(kv: Deno.Kv, keys: KvLayout) {
    this.#kv = kv;
    this.#keys = keys;
  }

  /** The values of the keys that exist, of a session's state. */
  async read(
    calls: KvCalls,
    stateId: string,
    keys: readonly string[],
  ): Promise<Map<string, Json>> {
    const some: Promise<[string, Json][]>[] = [];
    for (let i = 0; i < keys.length; i += GET_MANY) {
      const names = keys.slice(i, i + GET_MANY);
      const at = names.map((name) => this.#keys.state(stateId, name));
      some.push(
        calls.call(() => this.#kv.getMany<Uint8Array[]>(at)).then((entries) =>
          entries.flatMap(({ value }, index) =>
            value === null ? [] : [[names[index]!, decodeJson(value)]]
          )
        ),
      );
    }
    return new Map((await Promise.all(some)).flat());
  }

  /** A page of a session's state in the order of its keys. */
  async page(
    calls: KvCalls,
    stateId: string,
    { prefix = "", after, limit }: EntriesOptions,
  ): Promise<[string, Json][]> {
    const page: [string, Json][] = [];
    const selector = this.#keys.page(stateId, prefix, after);
    if (limit === 0 || selector === undefined) return page;
    const options = { limit, batchSize: Math.min(limit, LIST_BATCH) };
    for await (
      const { key, value } of calls.list(() => this.#kv.list<Uint8Array>(selector, options))
    ) page.push([lastKey(key), decodeJson(value)]);
    return page;
  }

  /** Removes the whole state of a session that has ended. */
  async remove(calls: KvCalls, stateId: string): Promise<void> {
    const prefix = this.#keys.states(stateId);
    const options = { batchSize: LIST_BATCH };
    let atomic = this.#kv.atomic();
    let count = 0;
    let bytes = 0;
    for await (const { key } of calls.list(() => this.#kv.list({ prefix }, options))) {
      atomic.delete(key);
      bytes += KEY_OVERHEAD_BYTES + lastBytes(key);
      if (++count < DELETED_AT_ONCE && bytes < DELETED_KEY_BYTES) continue;
      await calls.call(() => atomic.commit());
      atomic = this.#kv.atomic();
      count = bytes = 0;
    }
    // The root last: until then whoever sweeps finds what is left.
    await calls.call(() => atomic.delete(this.#keys.root(stateId)).commit());
  }
}

function lastBytes(key: Deno.KvKey): number {
  const last = key.at(-1);
  return last instanceof Uint8Array ? last.length : 0;
}
