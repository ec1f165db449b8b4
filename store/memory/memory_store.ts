/**
 * A store that lives as long as its process: for tests, and for servers that need nothing more.
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
  closedError,
  copyRecord,
} from "../validation.ts";
import {
  decideCreate,
  decideDelete,
  decideFork,
  decideRegenerate,
  decideTransact,
  type Decision,
  outcomeOf,
  type Terms,
} from "../table/commands.ts";
import { Table } from "../table/session_table.ts";
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
  /** What the store keeps at the most. */
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
  #table: Table | undefined = new Table();

  /** Makes an empty store. */
  constructor({ now = Date.now, limits }: MemoryStoreOptions = {}) {
    this.#now = now;
    this.#limits = checkLimits(limits);
  }

  /** See {@linkcode SessionStore.create}. */
  create(session: SessionRecord): Promise<SessionRecord> {
    return attempt(() => {
      return this.#carryOut(decideCreate(this.#open(), checkRecord(session), this.#terms()));
    });
  }

  /** See {@linkcode SessionStore.get}. */
  get(by: string | SessionAlias): Promise<SessionRecord | undefined> {
    return attempt(() => {
      const entry = this.#open().live(by, this.#now());
      return entry && copyRecord(entry.record);
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
      return this.#carryOut(decideDelete(this.#open(), id, this.#now()));
    });
  }

  /** See {@linkcode SessionStore.regenerate}. */
  regenerate(id: string, newId: string): Promise<SessionRecord | undefined> {
    return attempt(() => {
      return this.#carryOut(decideRegenerate(this.#open(), id, checkId(newId), this.#now()));
    });
  }

  /** See {@linkcode SessionStore.fork}. */
  fork(id: string, session: SessionRecord): Promise<SessionRecord | undefined> {
    return attempt(() => {
      return this.#carryOut(decideFork(this.#open(), id, checkRecord(session), this.#terms()));
    });
  }

  /** See {@linkcode SessionStore.transact}. */
  transact<T>(
    id: string,
    transaction: StateTransaction<T>,
  ): Promise<CommittedTransaction<T> | undefined> {
    return attempt(() => {
      const checked = checkTransaction(transaction);
      return this.#carryOut(decideTransact(this.#open(), id, checked, this.#terms()));
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
      const entry = table.live(id, this.#now());
      return entry && table.entries(entry, checked);
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

  #terms(): Terms {
    return { now: this.#now(), limits: this.#limits };
  }

  #open(): Table {
    if (this.#table === undefined) throw closedError();
    return this.#table;
  }

  #carryOut<T>(decision: Decision<T>): T {
    for (const change of decision.changes) this.#table?.apply(change);
    return outcomeOf(decision);
  }
}

/** Does it at once; what it throws rejects, as it does on every other backend. */
function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
