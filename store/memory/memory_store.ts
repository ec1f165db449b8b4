/**
 * A store in memory, which lives as long as its process: for tests, and servers that need no more.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import {
  checkEntries,
  checkId,
  checkLimits,
  checkList,
  checkTransaction,
  copyRecord,
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
import { SessionTable } from "../table/session_table.ts";
import { checkRecord } from "../session_record.ts";
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

/** How a {@linkcode MemoryStore} is made. */
export interface MemoryStoreOptions {
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** The most that the store keeps. */
  readonly limits?: Partial<StoreLimits> | undefined;
}

/**
 * Keeps sessions in memory.
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
    return attempt(() => {
      return this.#apply(decideCreate(this.#open(), checkRecord(session), this.#context()));
    });
  }

  /** See {@linkcode SessionStore.get}. */
  get(by: string | SessionAlias): Promise<SessionRecord | undefined> {
    return attempt(() => {
      const row = this.#open().live(by, this.#now());
      return row && copyRecord(row.record);
    });
  }

  /** See {@linkcode SessionStore.list}. */
  list(options: SessionListOptions): Promise<SessionRecord[]> {
    return attempt(() => {
      return this.#open().list(checkList(options), this.#now());
    });
  }

  /** See {@linkcode SessionStore.delete}. */
  delete(id: string): Promise<boolean> {
    return attempt(() => {
      return this.#apply(decideDelete(this.#open(), id, this.#now()));
    });
  }

  /** See {@linkcode SessionStore.regenerate}. */
  regenerate(id: string, newId: string): Promise<SessionRecord | undefined> {
    return attempt(() => {
      return this.#apply(decideRegenerate(this.#open(), id, checkId(newId), this.#now()));
    });
  }

  /** See {@linkcode SessionStore.fork}. */
  fork(id: string, session: SessionRecord): Promise<SessionRecord | undefined> {
    return attempt(() => {
      return this.#apply(decideFork(this.#open(), id, checkRecord(session), this.#context()));
    });
  }

  /** See {@linkcode SessionStore.transact}. */
  transact<T>(
    id: string,
    transaction: StateTransaction<T>,
  ): Promise<CommittedTransaction<T> | undefined> {
    return attempt(() => {
      const checked = checkTransaction(transaction);
      return this.#apply(decideTransact(this.#open(), id, checked, this.#context()));
    });
  }

  /** See {@linkcode SessionStore.entries}. */
  entries(
    id: string,
    options: StateEntriesOptions,
  ): Promise<[key: string, value: Json][] | undefined> {
    return attempt(() => {
      const checked = checkEntries(options);
      const table = this.#open();
      const row = table.live(id, this.#now());
      return row && table.entries(row, checked);
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

  #context(): Context {
    return { now: this.#now(), limits: this.#limits };
  }

  #open(): SessionTable {
    if (this.#table === undefined) throw closedError();
    return this.#table;
  }

  #apply<T>(decision: Decision<T>): T {
    for (const change of decision.changes) this.#table?.apply(change);
    return unwrap(decision);
  }
}

/** Works at once; its error rejects the promise, as on every other backend. */
function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
