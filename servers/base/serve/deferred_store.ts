/**
 * A deferred store: opened after the server has begun to serve, so that `initialize` does not wait.
 *
 * @module
 */

import type { Json } from "../../../runtime/json.ts";
import { type OpenStoreOptions, prepareStore } from "../../../store/open.ts";
import type {
  CommittedTransaction,
  SessionAlias,
  SessionListOptions,
  SessionRecord,
  SessionStore,
  StateEntriesOptions,
  StateTransaction,
} from "../../../store/session_store.ts";
import { UsageError } from "../../../runtime/flags.ts";

/**
 * The store of a URL, opened at first use. Hosts give a server a second for `initialize`, which needs no
 * session; until the store is open, only requests that need one wait.
 */
export class DeferredStore implements SessionStore {
  readonly #open: () => Promise<SessionStore>;
  #opening: Promise<SessionStore> | undefined;
  #store: SessionStore | undefined;

  /**
   * Checks the URL, and opens nothing yet. `source` is the flag or variable that the URL comes from.
   *
   * @throws {UsageError} if the URL names no store.
   */
  static async prepare(
    url: string,
    source: string,
    options: OpenStoreOptions,
  ): Promise<DeferredStore> {
    const explained = (error: unknown) =>
      Promise.reject(
        error instanceof TypeError ? new UsageError(`${source}: ${error.message}`) : error,
      );
    const open = await prepareStore(url, options).catch(explained);
    return new DeferredStore(() => open().catch(explained));
  }

  private constructor(open: () => Promise<SessionStore>) {
    this.#open = open;
  }

  async opened(): Promise<SessionStore> {
    return this.#store ??= await (this.#opening ??= this.#open());
  }

  create(session: SessionRecord): Promise<SessionRecord> {
    return this.#run((store) => store.create(session));
  }

  get(by: string | SessionAlias): Promise<SessionRecord | undefined> {
    return this.#run((store) => store.get(by));
  }

  list(options: SessionListOptions): Promise<SessionRecord[]> {
    return this.#run((store) => store.list(options));
  }

  delete(id: string): Promise<boolean> {
    return this.#run((store) => store.delete(id));
  }

  regenerate(id: string, newId: string): Promise<SessionRecord | undefined> {
    return this.#run((store) => store.regenerate(id, newId));
  }

  fork(id: string, session: SessionRecord): Promise<SessionRecord | undefined> {
    return this.#run((store) => store.fork(id, session));
  }

  transact<T>(
    id: string,
    transaction: StateTransaction<T>,
  ): Promise<CommittedTransaction<T> | undefined> {
    return this.#run((store) => store.transact(id, transaction));
  }

  entries(id: string, options: StateEntriesOptions): Promise<[string, Json][] | undefined> {
    return this.#run((store) => store.entries(id, options));
  }

  checkWritable(): Promise<void> {
    return this.#run((store) => store.checkWritable());
  }

  /** Closes the store, if open. A store that is still opening ends with the process, as by a kill. */
  async close(): Promise<void> {
    await this.#store?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #run<T>(operation: (store: SessionStore) => Promise<T>): Promise<T> {
    return this.#store === undefined ? this.opened().then(operation) : operation(this.#store);
  }
}
