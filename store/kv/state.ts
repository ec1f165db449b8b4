/**
 * The states of sessions in Deno KV: read, copied and removed in batches within its limits.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import { utf8Length } from "../../runtime/utf8.ts";
import type { KvOperation } from "./operation.ts";
import { decodeJson, type KvLayout, lastKey } from "./layout.ts";
import type { StateEntriesOptions } from "../session_store.ts";

// The most keys of one read, and of one batch of a list.
const GET_MANY = 10;
const LIST_BATCH = 500;
// A commit has at most 1,000 mutations with 80 KiB of keys and 800 KiB in all. The parts of a key
// before its last take less than the overhead.
const COMMIT_KEYS = 500;
const COMMIT_KEY_BYTES = 64 * 1024;
const COMMIT_VALUE_BYTES = 512 * 1024;
const KEY_OVERHEAD_BYTES = 128;

export class KvState {
  readonly #kv: Deno.Kv;
  readonly #keys: KvLayout;

  constructor(kv: Deno.Kv, keys: KvLayout) {
    this.#kv = kv;
    this.#keys = keys;
  }

  /** The values of these keys of a session's state, as far as they exist. */
  async read(
    operation: KvOperation,
    stateId: string,
    keys: readonly string[],
  ): Promise<Map<string, Json>> {
    const values = await this.#values(operation, stateId, keys);
    return new Map(values.map(([key, value]) => [key, decodeJson(value)]));
  }

  /** The bytes of these keys and their values. */
  async bytes(operation: KvOperation, stateId: string, keys: readonly string[]): Promise<number> {
    let bytes = 0;
    for (const [key, value] of await this.#values(operation, stateId, keys)) {
      bytes += utf8Length(key) + value.length;
    }
    return bytes;
  }

  /** Copies the whole state of a session, in several commits. */
  async copy(operation: KvOperation, from: string, to: string): Promise<void> {
    const prefix = this.#keys.states(from);
    const options = { batchSize: LIST_BATCH };
    let batch = new Batch(this.#kv);
    for await (
      const { key, value } of operation.list(() => this.#kv.list<Uint8Array>({ prefix }, options))
    ) {
      const last = key.at(-1)!;
      // A mark, which belongs to the session that is copied.
      if (typeof last === "string") continue;
      if (!batch.fits(key, value.length)) {
        await batch.commit(operation);
        batch = new Batch(this.#kv);
      }
      batch.atomic.set([...this.#keys.states(to), last], value);
    }
    await batch.commit(operation);
  }

  async page(
    operation: KvOperation,
    stateId: string,
    { prefix = "", after, limit }: StateEntriesOptions,
  ): Promise<[string, Json][]> {
    const page: [string, Json][] = [];
    const selector = this.#keys.page(stateId, prefix, after);
    if (limit === 0 || selector === undefined) return page;
    const options = { limit, batchSize: Math.min(limit, LIST_BATCH) };
    for await (
      const { key, value } of operation.list(() => this.#kv.list<Uint8Array>(selector, options))
    ) page.push([lastKey(key), decodeJson(value)]);
    return page;
  }

  /** Removes the whole state of a session that has ended, while the checks hold. */
  async remove(
    operation: KvOperation,
    stateId: string,
    ...checks: Deno.AtomicCheck[]
  ): Promise<void> {
    const prefix = this.#keys.states(stateId);
    const options = { batchSize: LIST_BATCH };
    let batch = new Batch(this.#kv, checks);
    for await (const { key } of operation.list(() => this.#kv.list({ prefix }, options))) {
      if (!batch.fits(key, 0)) {
        await batch.commit(operation);
        batch = new Batch(this.#kv, checks);
      }
      batch.atomic.delete(key);
    }
    await batch.commit(operation);
    // The root last: until then a sweep finds the rest.
    const root = this.#keys.root(stateId);
    await operation.call(() => this.#kv.atomic().check(...checks).delete(root).commit());
  }

  async #values(
    operation: KvOperation,
    stateId: string,
    keys: readonly string[],
  ): Promise<[string, Uint8Array][]> {
    const some: Promise<[string, Uint8Array][]>[] = [];
    for (let i = 0; i < keys.length; i += GET_MANY) {
      const names = keys.slice(i, i + GET_MANY);
      const at = names.map((name) => this.#keys.state(stateId, name));
      some.push(
        operation.call(() => this.#kv.getMany<Uint8Array[]>(at)).then((entries) =>
          entries.flatMap(({ value }, index) => value === null ? [] : [[names[index]!, value]])
        ),
      );
    }
    return (await Promise.all(some)).flat();
  }
}

class Batch {
  readonly atomic: Deno.AtomicOperation;
  #count = 0;
  #keyBytes = 0;
  #valueBytes = 0;

  constructor(kv: Deno.Kv, checks: readonly Deno.AtomicCheck[] = []) {
    this.atomic = kv.atomic().check(...checks);
  }

  /** Whether one more fits; it is counted if so. */
  fits(key: Deno.KvKey, valueBytes: number): boolean {
    const last = key.at(-1);
    const keyBytes = KEY_OVERHEAD_BYTES + (last instanceof Uint8Array ? last.length : 0);
    const fits = this.#count < COMMIT_KEYS && this.#keyBytes + keyBytes <= COMMIT_KEY_BYTES &&
      this.#valueBytes + valueBytes <= COMMIT_VALUE_BYTES;
    if (fits) {
      this.#count++;
      this.#keyBytes += keyBytes;
      this.#valueBytes += valueBytes;
    }
    return fits;
  }

  async commit(operation: KvOperation): Promise<void> {
    if (this.#count > 0) await operation.call(() => this.atomic.commit());
  }
}
