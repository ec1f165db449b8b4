/**
 * Connection: transactions on an SQLite database that others may have locked. SQLite's own waiting would
 * hold up the whole process.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { knownNumber, makeTables, numberOf } from "./layout.ts";
import { escapeNul } from "./nul_text.ts";
import { isLocked } from "./sqlite_error.ts";
import { OpenedFile } from "./opened_file.ts";
import { Table } from "./table.ts";

const DEFAULT_LOCK_TIMEOUT_MS = 100;
/**
 * A random part of this time between two tries. A longer one seldom meets the moment between two commits
 * of a process that makes one after the other.
 */
const PAUSE_MS = 2;

/** `PRAGMA synchronous`: with NORMAL in WAL mode, only checkpoints wait for the disk. */
const NORMAL = 1;
const FULL = 2;

export interface ConnectionOptions {
  readonly namespace: string;
  /** The longest wait for another's lock, in milliseconds. @default 100 */
  readonly lockTimeoutMs?: number | undefined;
  /** Whether closing the connection closes the database. @default false */
  readonly closesDatabase?: boolean | undefined;
  /** Run once at first. @default nothing */
  readonly pragmas?: readonly string[] | undefined;
}

export class Connection {
  /** The database's name in errors. */
  readonly place: string;
  readonly #database: DatabaseSync;
  readonly #file: OpenedFile;
  readonly #options: ConnectionOptions;
  readonly #begin: StatementSync;
  readonly #beginWriting: StatementSync;
  readonly #commit: StatementSync;
  /** The level of a durable commit: FULL, or the higher one that the database came with. */
  #synchronous = FULL;
  #opening: Promise<Table> | undefined;
  /** Whether a commit can do without fsync: in other modes than WAL, a power cut may damage it then. */
  #canRelax = false;

  constructor(database: DatabaseSync, options: ConnectionOptions) {
    const path = database.location();
    this.place = path ?? "the database in memory";
    this.#file = new OpenedFile(path);
    this.#database = database;
    this.#options = options;
    this.#begin = database.prepare("BEGIN");
    this.#beginWriting = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
  }

  /** Makes the tables if they are missing. */
  async open(): Promise<Table> {
    // One that failed is made again.
    return await (this.#opening ??= this.#whenUnlocked(() => this.#prepare()).catch((error) => {
      this.#opening = undefined;
      throw error;
    }));
  }

  /** Reads in one moment. */
  async read<T>(action: (table: Table) => T): Promise<T> {
    const table = await this.open();
    return await this.#whenUnlocked(() => this.#transact(this.#begin, () => action(table)));
  }

  /** Writes all that `action` writes, or nothing. If others have the lock, it runs again. */
  async write<T>(
    { isDurable }: { readonly isDurable: boolean },
    action: (table: Table) => T,
  ): Promise<T> {
    const table = await this.open();
    const transact = () => this.#transact(this.#beginWriting, () => action(table));
    return await this.#whenUnlocked(
      isDurable || !this.#canRelax ? transact : () => this.#relaxed(transact),
    );
  }

  close(): void {
    if (this.#options.closesDatabase && this.#database.isOpen) this.#database.close();
  }

  #prepare(): Table {
    const database = this.#database;
    const { pragmas = [] } = this.#options;
    for (const pragma of pragmas) database.exec(`PRAGMA ${pragma}`);
    const { journal_mode: mode } = database.prepare("PRAGMA journal_mode").get() ?? {};
    this.#canRelax = mode === "wal";
    const { synchronous } = database.prepare("PRAGMA synchronous").get() ?? {};
    this.#synchronous = Math.max(FULL, Number(synchronous));
    this.#setSynchronous(this.#synchronous);
    const namespace = escapeNul(this.#options.namespace);
    const known = knownNumber(database, this.place, namespace);
    const number = known ?? this.#transact(this.#beginWriting, () => {
      makeTables(database, this.place);
      return numberOf(database, namespace);
    });
    return new Table(database, number);
  }

  #transact<T>(begin: StatementSync, action: () => T): T {
    this.#file.check();
    begin.run();
    try {
      const result = action();
      this.#commit.run();
      return result;
    } catch (error) {
      try {
        this.#database.exec("ROLLBACK");
      } catch {
        // After some errors SQLite has done so itself.
      }
      throw error;
    }
  }

  /** An fsync of a later commit is of the whole log, so it takes along what was written without one. */
  #relaxed<T>(action: () => T): T {
    this.#setSynchronous(NORMAL);
    try {
      return action();
    } finally {
      this.#setSynchronous(this.#synchronous);
    }
  }

  #setSynchronous(level: number) {
    this.#database.exec(`PRAGMA synchronous = ${level}`);
  }

  /** Tries until others have no lock, or too long. */
  async #whenUnlocked<T>(action: () => T): Promise<T> {
    const { lockTimeoutMs = DEFAULT_LOCK_TIMEOUT_MS } = this.#options;
    const end = performance.now() + lockTimeoutMs;
    for (;;) {
      try {
        return action();
      } catch (error) {
        if (!isLocked(error) || performance.now() > end) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS));
    }
  }
}
