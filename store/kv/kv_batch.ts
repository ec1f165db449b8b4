/**
 * Many writes to Deno KV, in commits within its limits.
 *
 * @module
 */

// A commit has at most 1,000 mutations with 80 KiB of keys and 800 KiB in all. The parts of a key
// before its last take less than the overhead.
const COMMIT_KEYS = 500;
const COMMIT_KEY_BYTES = 64 * 1024;
const COMMIT_VALUE_BYTES = 512 * 1024;
export const KEY_OVERHEAD_BYTES = 160;
/** Entries of a list that are read at once. */
export const LIST_BATCH = 500;

/** What an entry takes of the limits of a commit. */
export class Room {
  #keys: number;
  #keyBytes: number;
  #valueBytes: number;

  constructor(part = 1) {
    this.#keys = COMMIT_KEYS * part;
    this.#keyBytes = COMMIT_KEY_BYTES * part;
    this.#valueBytes = COMMIT_VALUE_BYTES * part;
  }

  /** Takes room for an entry. `false` if there is none. */
  take(key: Deno.KvKey, valueBytes: number): boolean {
    const last = key.at(-1);
    const keyBytes = KEY_OVERHEAD_BYTES + (last instanceof Uint8Array ? last.length : 0);
    const fits = this.#keys > 0 && this.#keyBytes >= keyBytes && this.#valueBytes >= valueBytes;
    if (fits) {
      this.#keys--;
      this.#keyBytes -= keyBytes;
      this.#valueBytes -= valueBytes;
    }
    return fits;
  }
}

/** Writes one after another, while checks hold. */
export class KvBatch {
  readonly #kv: Deno.Kv;
  readonly #checks: readonly Deno.AtomicCheck[];
  #atomic: Deno.AtomicOperation | undefined;
  #room = new Room();

  constructor(kv: Deno.Kv, checks: readonly Deno.AtomicCheck[]) {
    this.#kv = kv;
    this.#checks = checks;
  }

  /** `false` if a check failed. */
  async set(key: Deno.KvKey, value: Uint8Array): Promise<boolean> {
    if (!await this.#makeRoom(key, value.length)) return false;
    this.#atomic!.set(key, value);
    return true;
  }

  /** `false` if a check failed. */
  async delete(key: Deno.KvKey): Promise<boolean> {
    if (!await this.#makeRoom(key, 0)) return false;
    this.#atomic!.delete(key);
    return true;
  }

  /** Makes what was not made yet. `false` if a check failed. */
  async commit(): Promise<boolean> {
    const atomic = this.#atomic;
    this.#atomic = undefined;
    return atomic === undefined || (await atomic.commit()).ok;
  }

  async #makeRoom(key: Deno.KvKey, valueBytes: number): Promise<boolean> {
    if (this.#atomic === undefined || !this.#room.take(key, valueBytes)) {
      if (!await this.commit()) return false;
      this.#atomic = this.#kv.atomic().check(...this.#checks);
      this.#room = new Room();
      this.#room.take(key, valueBytes);
    }
    return true;
  }
}
