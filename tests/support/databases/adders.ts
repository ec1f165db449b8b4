/** Callers that count in sessions, to see whether a write was lost or made twice. */

import { assert, assertEquals } from "@std/assert";
import { increment, record } from "../../../store/conformance/cases.ts";
import { type SessionStore, StoreError } from "../../../store/mod.ts";

export interface AddersOptions {
  /** The sessions, which are made. */
  readonly ids: readonly string[];
  /** The callers of each session. @default 1 */
  readonly each?: number;
}

/** Callers that add one again and again, until they are stopped. */
export class Adders {
  readonly failures: StoreError[] = [];
  readonly #ids: readonly string[];
  readonly #told = new Map<string, number[]>();
  readonly #unsure = new Map<string, number>();
  readonly #running: Promise<unknown>;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  #count = 0;
  #isStopped = false;

  private constructor(stores: readonly SessionStore[], { ids, each = 1 }: AddersOptions) {
    this.#ids = ids;
    const callers = ids.flatMap((id) => Array<string>(each).fill(id));
    this.#running = Promise.all(
      stores.flatMap((store) => callers.map((id) => this.#add(store, id))),
    );
  }

  static async start(stores: readonly SessionStore[], options: AddersOptions): Promise<Adders> {
    for (const id of options.ids) {
      await stores[0]!.create(record(id, { expiresAt: Number.MAX_SAFE_INTEGER }));
    }
    return new Adders(stores, options);
  }

  /** Resolves after so many more were acknowledged. */
  acknowledged(more: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ count: this.#count + more, resolve });
    return promise;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Asserts that all that was acknowledged is there, none of it twice, and no number told twice. */
  async check(store: SessionStore): Promise<void> {
    for (const id of this.#ids) {
      const told = this.#told.get(id) ?? [];
      assertEquals(new Set(told).size, told.length, "a number was told twice");
      const state = new Map(await store.entries(id, { limit: 10 }));
      const n = Number(state.get("n") ?? 0);
      assert(n >= told.length, `${n} of ${told.length} acknowledged writes are there`);
      assert(n <= told.length + (this.#unsure.get(id) ?? 0), `${n} of ${told.length} were made`);
      assert(told.every((number) => number <= n));
      assertEquals((await store.get(id))?.toolCalls, n);
    }
  }

  async #add(store: SessionStore, id: string): Promise<void> {
    while (!this.#isStopped) {
      try {
        const added = await increment(store, id);
        assert(added !== undefined, "the session is gone");
        this.#told.set(id, [...this.#told.get(id) ?? [], added.value]);
        this.#count++;
        const isReached = ({ count }: { count: number }) => count <= this.#count;
        for (const { resolve } of this.#waiting.filter(isReached)) resolve();
        this.#waiting = this.#waiting.filter((waiting) => !isReached(waiting));
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        this.failures.push(error);
        if (error.code === "locked") continue;
        if (error.code !== "unavailable") return;
        this.#unsure.set(id, (this.#unsure.get(id) ?? 0) + 1);
      }
    }
  }
}
