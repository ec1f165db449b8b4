/**
 * A store in one file, durable and shared by any number of processes on one machine.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import type { Json } from "../../runtime/json.ts";
import {
  checkEntries,
  checkId,
  checkLimits,
  checkList,
  checkNamespace,
  checkTimeout,
  checkTransaction,
  copyRecord,
} from "../validation.ts";
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
import { applyChanges, getTable, sessionStateMachine, type Tables } from "./state_machine.ts";
import type { SessionTable } from "../table/session_table.ts";
import { Journal, type JournalOptions } from "../journal/journal.ts";
import { rethrow } from "../errors.ts";
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

/** How a {@linkcode FileStore} is opened. */
export interface FileStoreOptions extends Omit<JournalOptions, "warn" | "modeMask"> {
  /** The server's name: sessions of other names in the same file are not seen. */
  readonly namespace: string;
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** The most that the store keeps. */
  readonly limits?: Partial<StoreLimits> | undefined;
  /** Told in one line of what was found and mended. @default console.warn */
  readonly warn?: ((message: string) => void) | undefined;
}

/**
 * Keeps sessions in a file, and in memory for reading. Any number of processes may use one file at
 * once; each of them sees what the others have written.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { FileStore } from "@mcp-sessions/deno/store";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using store = await FileStore.open(`${folder}/sessions.jsonl`, {
 *     namespace: "example",
 *   });
 *   assertEquals(await store.get("sess-1"), undefined);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class FileStore implements SessionStore {
  readonly #journal: Journal<Tables>;
  readonly #namespace: string;
  readonly #now: () => number;
  readonly #limits: StoreLimits;

  /**
   * Opens the file at `path`, and makes it and its folder if they are missing. Expired sessions past
   * the retention of {@linkcode SessionStore} are dropped.
   *
   * @throws {StoreError} `corrupt` if the file is damaged, or another program's; `locked` if another
   * process holds its lock and hangs; `full` or `unavailable` if the system refuses it.
   */
  static async open(path: string, options: FileStoreOptions): Promise<FileStore> {
    const { now = Date.now, warn = console.warn, lockTimeoutMs: wait } = options;
    const namespace = checkNamespace(options.namespace);
    const limits = checkLimits(options.limits);
    const lockTimeoutMs = wait === undefined ? undefined : checkTimeout("lockTimeoutMs", wait);
    const journalOptions = { ...options, warn, lockTimeoutMs };
    const journal = await Journal.open(path, sessionStateMachine(now), journalOptions)
      .catch(rethrow);
    try {
      await journal.tidy();
    } catch (error) {
      // Not worth an error: a full disk must not prevent reads.
      warn(`Cannot drop expired sessions: ${messageOf(error)}`);
    }
    return new FileStore(journal, { namespace, now, limits });
  }

  private constructor(
    journal: Journal<Tables>,
    { namespace, now, limits }: {
      readonly namespace: string;
      readonly now: () => number;
      readonly limits: StoreLimits;
    },
  ) {
    this.#journal = journal;
    this.#namespace = namespace;
    this.#now = now;
    this.#limits = limits;
  }

  /** See {@linkcode SessionStore.create}. */
  async create(session: SessionRecord): Promise<SessionRecord> {
    const record = checkRecord(session);
    return await this.#write((table) => decideCreate(table, record, this.#context()));
  }

  /** See {@linkcode SessionStore.get}. */
  async get(by: string | SessionAlias): Promise<SessionRecord | undefined> {
    const row = (await this.#read()).live(by, this.#now());
    return row && copyRecord(row.record);
  }

  /** See {@linkcode SessionStore.list}. */
  async list(options: SessionListOptions): Promise<SessionRecord[]> {
    const checked = checkList(options);
    return (await this.#read()).list(checked, this.#now());
  }

  /** See {@linkcode SessionStore.delete}. */
  async delete(id: string): Promise<boolean> {
    return await this.#write((table) => decideDelete(table, id, this.#now()));
  }

  /** See {@linkcode SessionStore.regenerate}. */
  async regenerate(id: string, newId: string): Promise<SessionRecord | undefined> {
    const checked = checkId(newId);
    return await this.#write((table) => decideRegenerate(table, id, checked, this.#now()));
  }

  /** See {@linkcode SessionStore.fork}. */
  async fork(id: string, session: SessionRecord): Promise<SessionRecord | undefined> {
    const record = checkRecord(session);
    return await this.#write((table) => decideFork(table, id, record, this.#context()));
  }

  /** See {@linkcode SessionStore.transact}. */
  async transact<T>(
    id: string,
    transaction: StateTransaction<T>,
  ): Promise<CommittedTransaction<T> | undefined> {
    const checked = checkTransaction(transaction);
    return await this.#write(
      (table) => decideTransact(table, id, checked, this.#context()),
      checked.durable,
    );
  }

  /** See {@linkcode SessionStore.entries}. */
  async entries(
    id: string,
    options: StateEntriesOptions,
  ): Promise<[key: string, value: Json][] | undefined> {
    const checked = checkEntries(options);
    const table = await this.#read();
    const row = table.live(id, this.#now());
    return row && table.entries(row, checked);
  }

  /** See {@linkcode SessionStore.close}. */
  close(): Promise<void> {
    return this.#journal.close().catch(rethrow);
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #context(): Context {
    return { now: this.#now(), limits: this.#limits };
  }

  async #read(): Promise<SessionTable> {
    try {
      return getTable(await this.#journal.read(), this.#namespace);
    } catch (error) {
      return rethrow(error);
    }
  }

  async #write<T>(decide: (table: SessionTable) => Decision<T>, durable = true): Promise<T> {
    let decision: Decision<T> | undefined;
    try {
      await this.#journal.append((tables) => {
        decision = decide(getTable(tables, this.#namespace));
        return applyChanges(tables, this.#namespace, decision.changes);
      }, { durable });
    } catch (error) {
      rethrow(error);
    }
    return unwrap(decision!);
  }
}
