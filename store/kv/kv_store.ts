/**
 * A store in Deno KV: in a file for several processes, or remote for any number of machines.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import {
  canBeFound,
  checkEntries,
  checkLimits,
  checkList,
  checkRecord,
  checkText,
  checkTimeout,
  checkTransaction,
} from "../validation.ts";
import { closedError } from "../errors.ts";
import { DEFAULT_TIMEOUT_MS, KvOperation, RETRY } from "./operation.ts";
import { KvChanges } from "./changes.ts";
import { KvCommits } from "./commits.ts";
import { KvLayout } from "./layout.ts";
import { KvSessions } from "./sessions.ts";
import { KvState } from "./state.ts";
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

/** Options of a {@linkcode KvStore}. */
export interface KvStoreOptions {
  /** The server's name: sessions of other names in the same KV are not seen. */
  readonly namespace: string;
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** The timeout of an operation, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
  /** The most that the store keeps. */
  readonly limits?: Partial<StoreLimits> | undefined;
  /** Whether closing the store closes the KV. @default false */
  readonly closesKv?: boolean | undefined;
}

/**
 * Keeps sessions in Deno KV. Needs `--unstable-kv`.
 *
 * An operation that fails with `unavailable` got no answer in time. Its commit may have been made, or
 * be made when a remote KV is back, if the session was not written to by then. No other failure writes.
 * No commit is made twice, though Deno sends one again that was not answered.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { KvStore } from "@mcp-sessions/deno/store";
 *
 * using kv = await Deno.openKv(":memory:");
 * await using store = new KvStore(kv, { namespace: "example" });
 * assertEquals(await store.get("sess-1"), undefined);
 * ```
 */
export class KvStore implements SessionStore {
  readonly #kv: Deno.Kv;
  readonly #changes: KvChanges;
  readonly #state: KvState;
  readonly #sessions: KvSessions;
  readonly #now: () => number;
  readonly #timeoutMs: number;
  readonly #closesKv: boolean;
  /** A mutex for each session, so that its transactions in one process don't race. */
  readonly #mutexes = new Map<string, Promise<unknown>>();
  readonly #running = new Set<Promise<unknown>>();
  #sweeping: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** Makes a store of an open KV. */
  constructor(kv: Deno.Kv, options: KvStoreOptions) {
    this.#kv = kv;
    const keys = new KvLayout(checkText("namespace", options.namespace));
    const state = this.#state = new KvState(kv, keys);
    const commits = new KvCommits(kv, keys);
    const sessions = this.#sessions = new KvSessions(kv, keys, state, commits);
    const now = this.#now = options.now ?? Date.now;
    const limits = checkLimits(options.limits);
    this.#changes = new KvChanges({ kv, keys, state, commits, sessions, now, limits });
    this.#timeoutMs = checkTimeout("timeoutMs", options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    this.#closesKv = options.closesKv ?? false;
  }

  /** See {@linkcode SessionStore.create}. */
  async create(session: SessionRecord): Promise<SessionRecord> {
    const record = checkRecord(session);
    const created = await this.#run((operation) => this.#changes.create(operation, record));
    // Each create sweeps more than one old session, so that expired ones do not pile up. Only the next
    // create waits for that.
    const sweeping = this.#sweeping;
    this.#sweeping = sweeping
      .then(() => this.#run((operation) => this.#sessions.sweep(operation, this.#now())))
      .then(() => {}, () => {});
    await sweeping;
    return created;
  }

  /** See {@linkcode SessionStore.get}. */
  async get(by: string | SessionAlias): Promise<SessionRecord | undefined> {
    return await this.#run(async (operation) => {
      if (!canBeFound(by)) return undefined;
      const id = typeof by === "string" ? by : await this.#sessions.idOf(operation, by);
      const found = id === undefined ? undefined : await this.#sessions.find(operation, id);
      return found?.liveAt(this.#now());
    });
  }

  /** See {@linkcode SessionStore.list}. */
  async list(options: SessionListOptions): Promise<SessionRecord[]> {
    const { owner, after, limit } = checkList(options);
    return await this.#run(async (operation) => {
      const page: SessionRecord[] = [];
      if (limit === 0 || !canBeFound({ owner, alias: "any" })) return page;
      const now = this.#now();
      for await (const found of this.#sessions.owned(operation, owner, after, limit)) {
        const live = found.liveAt(now);
        if (live !== undefined && page.push(live) === limit) break;
      }
      return page;
    });
  }

  /** See {@linkcode SessionStore.delete}. */
  async delete(id: string): Promise<boolean> {
    return await this.#run(async (operation) => {
      if (!canBeFound(id)) return false;
      return await operation.retry(async () => {
        const found = await this.#sessions.find(operation, id);
        if (found?.liveAt(this.#now()) === undefined) return false;
        return await this.#sessions.end(operation, found) || RETRY;
      });
    });
  }

  /** See {@linkcode SessionStore.regenerate}. */
  async regenerate(id: string, newId: string): Promise<SessionRecord | undefined> {
    const checked = checkText("id", newId);
    return await this.#run(async (operation) => {
      if (!canBeFound(id)) return undefined;
      return await this.#withMutex(
        id,
        () => operation.retry(() => this.#changes.regenerate(operation, id, checked)),
      );
    });
  }

  /** See {@linkcode SessionStore.fork}. */
  async fork(id: string, session: SessionRecord): Promise<SessionRecord | undefined> {
    const record = checkRecord(session);
    return await this.#run(async (operation) => {
      if (!canBeFound(id)) return undefined;
      return await this.#withMutex(
        id,
        () => operation.retry(() => this.#changes.fork(operation, id, record)),
      );
    });
  }

  /** See {@linkcode SessionStore.transact}. */
  async transact<T>(
    id: string,
    transaction: StateTransaction<T>,
  ): Promise<CommittedTransaction<T> | undefined> {
    const checked = checkTransaction(transaction);
    return await this.#run(async (operation) => {
      if (!canBeFound(id)) return undefined;
      return await this.#withMutex(
        id,
        () => operation.retry(() => this.#changes.transact(operation, id, checked)),
      );
    });
  }

  /** See {@linkcode SessionStore.entries}. */
  async entries(
    id: string,
    options: StateEntriesOptions,
  ): Promise<[key: string, value: Json][] | undefined> {
    const checked = checkEntries(options);
    return await this.#run(async (operation) => {
      const found = canBeFound(id) ? await this.#sessions.find(operation, id) : undefined;
      const live = found?.liveAt(this.#now());
      if (live === undefined) return undefined;
      const page = await this.#state.page(operation, live.stateId, checked);
      // A record goes before its state: if it is still there, the page is complete.
      const still = await this.#sessions.find(operation, id);
      return still?.record.stateId === live.stateId ? page : undefined;
    });
  }

  /** Finishes what was accepted; closes the KV only if it was told to. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close() {
    await Promise.allSettled(this.#running);
    if (this.#closesKv) this.#kv.close();
  }

  async #run<T>(action: (operation: KvOperation) => Promise<T>): Promise<T> {
    if (this.#closing) throw closedError();
    const running = action(new KvOperation(this.#timeoutMs));
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #withMutex<T>(id: string, action: () => Promise<T>): Promise<T> {
    const result = (this.#mutexes.get(id) ?? Promise.resolve()).then(action);
    const mutex = result.catch(() => {});
    this.#mutexes.set(id, mutex);
    try {
      return await result;
    } finally {
      if (this.#mutexes.get(id) === mutex) this.#mutexes.delete(id);
    }
  }
}
