import type { Json } from "../../runtime/json.ts";
import {
  checkEntries,
  checkLimits,
  checkList,
  checkRecord,
  checkText,
  checkTransaction,
} from "../validation.ts";
import { closedError } from "../errors.ts";
import {
  type Context,
  decideCreate,
  decideDelete,
  decideFork,
  decideRegenerate,
  decideTransact,
  type Decision,
  unwrap,
} from "../table/commands.ts";
import type { StoreInspector } from "../inspection.ts";
import { SessionTable } from "../table/session_table.ts";
import { TableInspector } from "../table/table_inspector.ts";
import type {
  CommittedTransaction,
  SessionAlias,
  SessionListOptions,
  SessionRecord,
  SessionStore,
  StateEntriesOptions,
  StateTransaction,
  StoreLimits,
} from "../session_store.ts";

/** Options of a {@linkcode MemoryStore}. */
export interface MemoryStoreOptions {
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** The most that the store keeps. */
  readonly limits?: Partial<StoreLimits> | undefined;
}

/**
 * Keeps sessions in memory for as long as its process lives: for tests, and servers that need no more.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MemoryStore } from "@mcp-sessions/deno/store";
 *
 * await using store = new MemoryStore();
 * await store.create({
 *   id: "sess-1",
 *   stateId: "0001",
 *   owner: null,
 *   alias: null,
 *   ttlMs: 60_000,
 *   expiresAt: Date.now() + 60_000,
 *   endsAt: null,
 *   toolCalls: 0,
 *   data: { title: "An example" },
 * });
 * const done = await store.transact("sess-1", {
 *   keys: ["visits"],
 *   update: (state) => {
 *     const visits = Number(state.get("visits") ?? 0) + 1;
 *     return { value: visits, set: [["visits", visits]] };
 *   },
 * });
 * assertEquals(done?.value, 1);
 * ```
 */
export class MemoryStore implements SessionStore {
  readonly #now: () => number;
  readonly #limits: StoreLimits;
  #table: SessionTable | undefined = new SessionTable();

  /** Makes an empty store. */
  constructor({ now = Date.now, limits }: MemoryStoreOptions = {}) {
    this.#now = now;
    this.#limits = checkLimits(limits);
  }

  /** See {@linkcode SessionStore.create}. */
  create(session: SessionRecord): Promise<SessionRecord> {
    return this.#write((context) => decideCreate(context, checkRecord(session)));
  }

  /** See {@linkcode SessionStore.get}. */
  get(by: string | SessionAlias): Promise<SessionRecord | undefined> {
    return attempt(() => this.#open().get(by, this.#now()));
  }

  /** See {@linkcode SessionStore.list}. */
  list(options: SessionListOptions): Promise<SessionRecord[]> {
    return attempt(() => this.#open().list(checkList(options), this.#now()));
  }

  /** See {@linkcode SessionStore.delete}. */
  delete(id: string): Promise<boolean> {
    return this.#write((context) => decideDelete(context, id));
  }

  /** See {@linkcode SessionStore.regenerate}. */
  regenerate(id: string, newId: string): Promise<SessionRecord | undefined> {
    return this.#write((context) => decideRegenerate(context, id, checkText("id", newId)));
  }

  /** See {@linkcode SessionStore.fork}. */
  fork(id: string, session: SessionRecord): Promise<SessionRecord | undefined> {
    return this.#write((context) => decideFork(context, id, checkRecord(session)));
  }

  /** See {@linkcode SessionStore.transact}. */
  transact<T>(
    id: string,
    transaction: StateTransaction<T>,
  ): Promise<CommittedTransaction<T> | undefined> {
    return this.#write((context) => decideTransact(context, id, checkTransaction(transaction)));
  }

  /** See {@linkcode SessionStore.entries}. */
  entries(
    id: string,
    options: StateEntriesOptions,
  ): Promise<[key: string, value: Json][] | undefined> {
    return attempt(() => this.#open().entries(id, checkEntries(options), this.#now()));
  }

  /** See {@linkcode SessionStore.checkWritable}. */
  checkWritable(): Promise<void> {
    return attempt(() => void this.#open());
  }

  /**
   * Inspects this store, whose sessions are then of a server of this name. Closing the inspector leaves the
   * store open.
   *
   * @throws {StoreError} `closed`, from each of its methods, once the store is closed.
   */
  inspector(namespace: string): StoreInspector {
    return new TableInspector({
      tables: () => attempt(() => new Map([[namespace, this.#open()]])),
      now: this.#now,
      close: () => Promise.resolve(),
    });
  }

  /** Forgets everything. */
  close(): Promise<void> {
    this.#table = undefined;
    return Promise.resolve();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): SessionTable {
    if (this.#table === undefined) throw closedError();
    return this.#table;
  }

  #write<T>(decide: (context: Context) => Decision<T>): Promise<T> {
    return attempt(() => {
      const table = this.#open();
      const decision = decide({ table, now: this.#now(), limits: this.#limits });
      for (const change of decision.changes) table.apply(change);
      return unwrap(decision);
    });
  }
}

/** Works at once; its error rejects the promise, as on every other backend. */
function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
