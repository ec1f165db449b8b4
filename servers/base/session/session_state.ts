/**
 * Session state: a map of keys to JSON values, over the two operations that a store has for it.
 *
 * @module
 */

import type { Json } from "../../../runtime/json.ts";
import type { StateTransaction, StateUpdate } from "../../../store/mod.ts";

export const PAGE = 500;

export abstract class SessionState {
  protected abstract transact<T>(transaction: StateTransaction<T>): Promise<T>;

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
    // In a transaction, `undefined` deletes the key.
    if (value === undefined) {
      return Promise.reject(
        new TypeError("A value must be JSON: it is undefined. delete() removes a key"),
      );
    }
    return this.transact({ update: () => ({ value: undefined, set: [[key, value]] }) });
  }

  delete(key: string): Promise<boolean> {
    return this.update([key], (state) => ({ value: state.has(key), set: [[key, undefined]] }));
  }

  update<T>(
    keys: readonly string[],
    update: (state: ReadonlyMap<string, Json>) => StateUpdate<T>,
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
}
