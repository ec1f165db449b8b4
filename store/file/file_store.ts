import { messageOf } from "../../runtime/errors.ts";
import type { Json } from "../../runtime/json.ts";
import {
  checkEntries,
  checkLimits,
  checkList,
  checkRecord,
  checkText,
  checkTimeout,
  checkTransaction,
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

/** Options of {@linkcode FileStore.open}. */
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
 * Keeps sessions durably in one file, and in memory for reading. Any number of processes on one machine
 * may use it at once; each of them sees all writes of the others.
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
    const namespace = checkText("namespace", options.namespace);
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
    return new FileStore(journal, namespace, now, limits);
  }

  private constructor(
    journal: Journal<Tables>,
    namespace: string,
    now: () => number,
    limits: StoreLimits,
  ) {
    this.#journal = journal;
    this.#namespace = namespace;
    this.#now = now;
    this.#limits = limits;
  }

  /** See {@linkcode SessionStore.create}. */
  async create(session: SessionRecord): Promise<SessionRecord> {
    const record = checkRecord(session);
    return await this.#write((context) => decideCreate(context, record));
  }

  /** See {@linkcode SessionStore.get}. */
  async get(by: string | SessionAlias): Promise<SessionRecord | undefined> {
    return (await this.#read()).get(by, this.#now());
  }

  /** See {@linkcode SessionStore.list}. */
  async list(options: SessionListOptions): Promise<SessionRecord[]> {
    const checked = checkList(options);
    return (await this.#read()).list(checked, this.#now());
  }

  /** See {@linkcode SessionStore.delete}. */
  async delete(id: string): Promise<boolean> {
    return await this.#write((context) => decideDelete(context, id));
  }

  /** See {@linkcode SessionStore.regenerate}. */
  async regenerate(id: string, newId: string): Promise<SessionRecord | undefined> {
    const checked = checkText("id", newId);
    return await this.#write((context) => decideRegenerate(context, id, checked));
  }

  /** See {@linkcode SessionStore.fork}. */
  async fork(id: string, session: SessionRecord): Promise<SessionRecord | undefined> {
    const record = checkRecord(session);
    return await this.#write((context) => decideFork(context, id, record));
  }

  /** See {@linkcode SessionStore.transact}. */
  async transact<T>(
    id: string,
    transaction: StateTransaction<T>,
  ): Promise<CommittedTransaction<T> | undefined> {
    const checked = checkTransaction(transaction);
    return await this.#write((context) => decideTransact(context, id, checked), checked.durable);
  }

  /** See {@linkcode SessionStore.entries}. */
  async entries(
    id: string,
    options: StateEntriesOptions,
  ): Promise<[key: string, value: Json][] | undefined> {
    const checked = checkEntries(options);
    return (await this.#read()).entries(id, checked, this.#now());
  }

  /** See {@linkcode SessionStore.checkWritable}. */
  async checkWritable(): Promise<void> {
    await this.#write(() => ({ value: undefined, changes: [] }), false);
  }

  /** See {@linkcode SessionStore.close}. */
  close(): Promise<void> {
    return this.#journal.close().catch(rethrow);
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #read(): Promise<SessionTable> {
    try {
      return getTable(await this.#journal.read(), this.#namespace);
    } catch (error) {
      return rethrow(error);
    }
  }

  async #write<T>(decide: (context: Context) => Decision<T>, durable = true): Promise<T> {
    let decision: Decision<T> | undefined;
    const append = (tables: Tables) => {
      const table = getTable(tables, this.#namespace);
      decision = decide({ table, now: this.#now(), limits: this.#limits });
      return applyChanges(tables, this.#namespace, decision.changes);
    };
    await this.#journal.append(append, { durable }).catch(rethrow);
    return unwrap(decision!);
  }
}
