/**
 * Idempotent commits to Deno KV: each is made once, also if Deno sends it again.
 *
 * @module
 */

import { randomHex } from "../../runtime/random_hex.ts";
import type { KvOperation } from "./operation.ts";
import type { KvLayout } from "./layout.ts";

/** The sessions whose marks are cached. A mark that is not costs one more attempt. */
const MAX_CACHED = 10_000;

/**
 * Deno sends a commit to a remote KV again when its answer did not come, though it may have been
 * made: then its checks fail, or a sum is added twice. So each writes a mark into the session's state
 * and checks the one that it replaces. A commit whose own mark is there has been made.
 */
export class KvCommits {
  readonly #kv: Deno.Kv;
  readonly #keys: KvLayout;
  /** Unique to this process. */
  readonly #name = randomHex(8);
  readonly #versions = new Map<string, string>();

  constructor(kv: Deno.Kv, keys: KvLayout) {
    this.#kv = kv;
    this.#keys = keys;
  }

  /** Makes a session's commit. `false` if its checks fail. */
  async make(
    operation: KvOperation,
    stateId: string,
    atomic: Deno.AtomicOperation,
  ): Promise<boolean> {
    const key = this.#keys.mark(stateId, this.#name);
    const mark = randomHex(8);
    atomic.check({ key, versionstamp: this.#versions.get(stateId) ?? null }).set(key, mark);
    const result = await operation.call(() => atomic.commit());
    if (result.ok) {
      this.#remember(stateId, result.versionstamp);
      return true;
    }
    const found = await operation.call(() => this.#kv.get(key));
    this.#remember(stateId, found.versionstamp);
    return found.value === mark;
  }

  forget(stateId: string) {
    this.#versions.delete(stateId);
  }

  #remember(stateId: string, version: string | null) {
    this.#versions.delete(stateId);
    if (version === null) return;
    this.#versions.set(stateId, version);
    const [oldest] = this.#versions.keys();
    if (this.#versions.size > MAX_CACHED && oldest !== undefined) this.#versions.delete(oldest);
  }
}
