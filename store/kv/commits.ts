/**
 * Commits to Deno KV that are made once.
 *
 * @module
 */

import { randomHex } from "../../runtime/random_hex.ts";
import type { KvCalls } from "./operation.ts";
import type { KvLayout } from "./layout.ts";

/** How many sessions' marks are remembered; what was forgotten costs one more attempt. */
const REMEMBERED = 10_000;

/**
 * Deno sends a commit to a remote KV again when its answer did not come, though it may have been
 * made: then its checks fail, or a sum is added twice. So each leaves a mark in the session's state
 * and checks the one that it replaces. A commit whose own mark is there has been made.
 */
export class KvCommits {
  readonly #kv: Deno.Kv;
  readonly #keys: KvLayout;
  /** No other process uses this name, so marks are in nobody's way. */
  readonly #name = randomHex(8);
  readonly #versions = new Map<string, string>();

  constructor(kv: Deno.Kv, keys: KvLayout) {
    this.#kv = kv;
    this.#keys = keys;
  }

  /** Makes a commit that belongs to a session. `false` if what it checks has changed. */
  async make(calls: KvCalls, stateId: string, atomic: Deno.AtomicOperation): Promise<boolean> {
    const key = this.#keys.mark(stateId, this.#name);
    const mark = randomHex(8);
    atomic.check({ key, versionstamp: this.#versions.get(stateId) ?? null }).set(key, mark);
    const result = await calls.call(() => atomic.commit());
    if (result.ok) {
      this.#remember(stateId, result.versionstamp);
      return true;
    }
    const found = await calls.call(() => this.#kv.get(key));
    this.#remember(stateId, found.versionstamp);
    return found.value === mark;
  }

  /** Forgets a session that has ended. */
  forget(stateId: string) {
    this.#versions.delete(stateId);
  }

  #remember(stateId: string, version: string | null) {
    this.#versions.delete(stateId);
    if (version === null) return;
    this.#versions.set(stateId, version);
    const [oldest] = this.#versions.keys();
    if (this.#versions.size > REMEMBERED && oldest !== undefined) this.#versions.delete(oldest);
  }
}
