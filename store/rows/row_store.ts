/**
 * Row store: a store of sessions on rows, whichever database has them.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import { closedError, conflictError } from "../errors.ts";
import {
  canBeFound,
  checkEntries,
  checkLimits,
  checkList,
  checkRecord,
  checkText,
  checkTimeout,
  checkTransaction,
  copyRecord,
  DEFAULT_TIMEOUT_MS,
} from "../validation.ts";
import { KnownSessions } from "./known_sessions.ts";
import { Marker, wasLast } from "./marks.ts";
import { NewSessions } from "./new_sessions.ts";
import { type Operation, Operations } from "./operation.ts";
import { Room } from "./room.ts";
import type { Rows } from "./rows.ts";
import { SessionChanges } from "./session_changes.ts";
import { Transactions } from "./transactions.ts";
import {
  at,
  foundIn,
  type FoundSession,
  liveAt,
  part,
  removal,
  rowsOf,
  writtenRow,
} from "./session_rows.ts";
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

/** Options of a store in a database. */
export interface RowStoreOptions {
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** The timeout of an operation, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
  /** The most that the store keeps. */
  readonly limits?: Partial<StoreLimits> | undefined;
}

/** A database, as the engine has to know it. */
export interface Database {
  /** Its name, as it begins a sentence. */
  readonly name: string;
  readonly rows: Rows;
  /** Whether it can count the bytes of all states. */
  readonly countsBytes: boolean;
  /**
   * Whether a kill of its own processes loses commits that are not durable. Transactions are all durable
   * then, as the numbers of their calls are told to clients. @default false
   */
  readonly losesByKill?: boolean;
}

/** The rows of an owner's sessions that are read at once. */
const LIST_BATCH = 500;

/**
 * The base of stores in databases.
 *
 * @internal
 */
export class RowStore implements SessionStore {
  readonly #database: Database;
  readonly #rows: Rows;
  readonly #changes: SessionChanges;
  readonly #new: NewSessions;
  readonly #transactions: Transactions;
  readonly #room: Room;
  readonly #now: () => number;
  readonly #limits: StoreLimits;
  readonly #operations: Operations;
  #sweeping: Promise<void> = Promise.resolve();
  /** New sessions that nothing was swept for yet, by their part of the order of expiry. */
  readonly #unswept = new Map<string, number>();
  #closing: Promise<void> | undefined;

  /** Makes a store of rows, which it closes with itself. */
  constructor(database: Database, options: RowStoreOptions) {
    this.#database = database;
    const { rows, countsBytes } = database;
    this.#rows = rows;
    const now = this.#now = options.now ?? Date.now;
    const limits = this.#limits = checkLimits(options.limits);
    const timeoutMs = checkTimeout("timeoutMs", options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    this.#operations = new Operations(database.name, timeoutMs);
    const shared = { rows, marker: new Marker(), now, limits, countsBytes };
    this.#room = new Room(shared);
    this.#changes = new SessionChanges({ ...shared, known: new KnownSessions() });
    const engine = { room: this.#room, changes: this.#changes };
    this.#new = new NewSessions({ ...shared, ...engine });
    this.#transactions = new Transactions({ ...engine, limits: { ...limits, countsBytes } });
  }

  /** See {@linkcode SessionStore.create}. */
  async create(session: SessionRecord): Promise<SessionRecord> {
    const record = checkRecord(session);
    const created = await this.#run((operation) => this.#new.create(operation, record));
    await this.#sweep(record);
    return created;
  }

  /** See {@linkcode SessionStore.get}. */
  async get(by: string | SessionAlias): Promise<SessionRecord | undefined> {
    return await this.#run(async (operation) => {
      if (!canBeFound(by)) return undefined;
      return await operation.retry(async () => {
        if (typeof by === "string") return this.#live(await this.#room.find(operation, by));
        return await this.#byAlias(operation, by);
      });
    });
  }

  /** See {@linkcode SessionStore.list}. */
  async list(options: SessionListOptions): Promise<SessionRecord[]> {
    const { owner, after, limit } = checkList(options);
    return await this.#run(async (operation) => {
      if (limit === 0 || !canBeFound({ owner, alias: "any" })) return [];
      // No stateId is longer.
      const start = after?.slice(0, 64).toWellFormed();
      return await operation.retry(() => this.#list(operation, owner, start, limit));
    });
  }

  /** See {@linkcode SessionStore.delete}. */
  async delete(id: string): Promise<boolean> {
    const { countsBytes } = this.#database;
    return await this.#run(async (operation) => {
      if (!canBeFound(id)) return false;
      let stateId = "";
      const isDeleted = await this.#changes.make<true>(operation, id, {
        keys: [],
        decide: ({ found }) => {
          stateId = found.record.stateId;
          return { result: true, commit: removal(found, countsBytes) };
        },
        // By this one or another: it is gone.
        wasMade: async (_, session) =>
          session === undefined && await this.#room.findState(operation, stateId) === undefined,
      });
      return isDeleted ?? false;
    });
  }

  /** See {@linkcode SessionStore.regenerate}. */
  async regenerate(id: string, newId: string): Promise<SessionRecord | undefined> {
    const checked = checkText("id", newId);
    return await this.#run(async (operation) => {
      if (!canBeFound(id)) return undefined;
      let stateId = "";
      return await this.#changes.make(operation, id, {
        keys: [],
        decide: ({ found }, mark) => {
          if (checked === id) throw conflictError();
          stateId = found.record.stateId;
          const record = { ...copyRecord(found.record), id: checked };
          const row = writtenRow({ ...found, record }, mark);
          return {
            result: copyRecord(record),
            commit: { sets: rowsOf(row), deletes: [at.session(id)] },
            checks: [[at.session(checked), null]],
          };
        },
        clear: async () => {
          const holder = await this.#room.find(operation, checked);
          if (this.#live(holder) !== undefined) throw conflictError();
          if (holder !== undefined) await this.#room.remove(operation, holder);
        },
        wasMade: async (mark, session) => {
          // Under this id again, another may have given it back.
          if (session !== undefined) return wasLast(session.found.marks, mark);
          // By now it may have yet another id.
          const found = await this.#room.findState(operation, stateId);
          return found !== undefined && wasLast(found.marks, mark) || undefined;
        },
      });
    });
  }

  /** See {@linkcode SessionStore.fork}. */
  async fork(id: string, session: SessionRecord): Promise<SessionRecord | undefined> {
    const record = checkRecord(session);
    return await this.#run(async (operation) =>
      canBeFound(id) ? await this.#new.fork(operation, id, record) : undefined
    );
  }

  /** See {@linkcode SessionStore.transact}. */
  async transact<T>(
    id: string,
    transaction: StateTransaction<T>,
  ): Promise<CommittedTransaction<T> | undefined> {
    const given = checkTransaction(transaction);
    const durable = given.durable || this.#database.losesByKill === true;
    const checked = { ...given, durable };
    return await this.#run(async (operation) => {
      if (!canBeFound(id)) return undefined;
      const committed = await this.#transactions.make(operation, id, checked);
      return committed as CommittedTransaction<T> | undefined;
    });
  }

  /** See {@linkcode SessionStore.entries}. */
  async entries(
    id: string,
    options: StateEntriesOptions,
  ): Promise<[key: string, value: Json][] | undefined> {
    const { prefix, after, limit } = checkEntries(options);
    return await this.#run(async (operation) => {
      if (!canBeFound(id)) return undefined;
      return await operation.retry(async () => {
        const live = this.#live(await this.#room.find(operation, id));
        if (live === undefined) return undefined;
        if (limit === 0) return [];
        const page = { part: part.values(live.stateId), prefix, after, limit };
        const want = { at: [at.session(id)], page };
        const snapshot = await operation.call(() => this.#rows.read(want));
        // Read last: if it is still there, under this id, the page is complete.
        if (foundIn(snapshot.at[0])?.record.stateId !== live.stateId) return undefined;
        return snapshot.page.map(([key, { text }]): [string, Json] => [key, JSON.parse(text)]);
      });
    });
  }

  /** See {@linkcode SessionStore.checkWritable}. */
  async checkWritable(): Promise<void> {
    await this.#run((operation) =>
      operation.retry(() => operation.call(() => this.#rows.checkWritable()))
    );
  }

  /** Finishes what was accepted, and closes what the store has opened itself. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close() {
    await this.#operations.close();
    await this.#rows.close();
  }

  async #run<T>(action: (operation: Operation) => Promise<T>): Promise<T> {
    if (this.#closing) throw closedError();
    return await this.#operations.run(action);
  }

  /**
   * Sweeps in the background, once for all sessions that are created meanwhile; only the next `create`
   * waits for it.
   */
  async #sweep({ owner }: SessionRecord): Promise<void> {
    const sweeping = this.#sweeping;
    const name = part.due(owner);
    this.#unswept.set(name, (this.#unswept.get(name) ?? 0) + 1);
    this.#sweeping = sweeping
      .then(async () => {
        const created = this.#unswept.get(name);
        if (created === undefined) return;
        this.#unswept.delete(name);
        await this.#run((operation) => this.#room.sweep(operation, name, created));
      })
      .catch(() => {});
    await sweeping;
  }

  #live(found: FoundSession | undefined): SessionRecord | undefined {
    return liveAt(this.#now(), found);
  }

  async #byAlias(operation: Operation, by: SessionAlias): Promise<SessionRecord | undefined> {
    const want = { at: [at.alias(by)] };
    const read = async () => (await operation.call(() => this.#rows.read(want))).at[0];
    for (let row = await read(); row !== undefined;) {
      const found = this.#live(await this.#room.find(operation, row.text));
      if (found?.owner === by.owner && found.alias === by.alias) return found;
      // Another may have taken the alias between the two reads.
      const again = await read();
      if (again?.version === row.version) return undefined;
      row = again;
    }
    return undefined;
  }

  async #list(
    operation: Operation,
    owner: string | null,
    start: string | undefined,
    limit: number,
  ): Promise<SessionRecord[]> {
    const listed: SessionRecord[] = [];
    let after = start;
    // More each time: they may all be hidden, and each round takes its time.
    for (let batch = Math.min(limit, LIST_BATCH);; batch = Math.min(2 * batch, LIST_BATCH)) {
      const page = { part: part.owned(owner), after, limit: batch };
      const owned = (await operation.call(() => this.#rows.read({ page }))).page;
      const each = await this.#room.findEach(operation, owned.map(([, row]) => row.text));
      for (const [index, [stateId]] of owned.entries()) {
        const found = await this.#room.findState(operation, stateId, each[index]);
        const live = this.#live(found);
        // By now its stateId may be that of a session of somebody else.
        if (live?.owner === owner && listed.push(live) === limit) return listed;
      }
      after = owned.at(-1)?.[0];
      if (owned.length < batch || after === undefined) return listed;
    }
  }
}
