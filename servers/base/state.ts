/**
 * A session's state as a map of keys to JSON values, over the two things that a store does with it.
 *
 * @module
 */

import { type Json, utf8Length } from "../../protocol.ts";
import {
  MAX_TRANSACTION_KEY_BYTES,
  MAX_TRANSACTION_KEYS,
  type Transaction,
  type Update,
} from "../../store/mod.ts";

/** How many entries are read at once. */
export const PAGE = 500;

/** The state's half of a session. */
export abstract class SessionState {
  /** Changes the session in one step. */
  protected abstract transact<T>(transaction: Transaction<T>): Promise<T>;

  /** At most {@linkcode PAGE} entries, in the order of their keys. */
  protected abstract page(
    prefix: string | undefined,
    after: string | undefined,
  ): Promise<[key: string, value: Json][]>;

  get(key: string): Promise<Json | undefined> {
    return this.transact({
      keys: [key],
      update: (state) => ({ value: state.get(key) }),
      durable: false,
    });
  }

  set(key: string, value: Json): Promise<void> {
    return this.transact({ update: () => ({ value: undefined, set: [[key, value]] }) });
  }

  delete(key: string): Promise<boolean> {
    return this.update([key], (state) => removal(state));
  }

  update<T>(
    keys: readonly string[],
    update: (state: ReadonlyMap<string, Json>) => Update<T>,
  ): Promise<T> {
    return this.transact({ keys, update });
  }

  async *entries(options: { readonly prefix?: string } = {}): AsyncGenerator<[string, Json]> {
    let after: string | undefined;
    do {
      const page = await this.page(options.prefix, after);
      yield* page;
      after = page.length < PAGE ? undefined : page.at(-1)?.[0];
    } while (after !== undefined);
  }

  async clear(): Promise<number> {
    let removed = 0;
    let batch: string[] = [];
    let bytes = 0;
    const flush = async () => {
      if (batch.length === 0) return;
      removed += await this.update(batch, (state) => ({ ...removal(state), value: state.size }));
      batch = [];
      bytes = 0;
    };
    for await (const [key] of this.entries()) {
      const length = utf8Length(key);
      const full = bytes + length > MAX_TRANSACTION_KEY_BYTES;
      if (full || batch.length === MAX_TRANSACTION_KEYS) await flush();
      batch.push(key);
      bytes += length;
    }
    await flush();
    return removed;
  }
}

function removal(state: ReadonlyMap<string, Json>): Update<boolean> {
  return { value: state.size > 0, set: [...state.keys()].map((key) => [key, undefined]) };
}
