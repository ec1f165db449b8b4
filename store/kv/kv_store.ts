/**
 * A store in Deno KV: in a file for some processes, or remote for any number of machines.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import {
  canBeFound,
  checkEntries,
  checkId,
  checkLimits,
  checkList,
  checkNamespace,
  checkTimeout,
  checkTransaction,
  closedError,
} from "../validation.ts";
import { AGAIN, DEFAULT_TIMEOUT_MS, KvCalls } from "./operation.ts";
import { KvChanges } from "./changes.ts";
import { KvCommits } from "./commits.ts";
import { KvLayout } from "./layout.ts";
import { KvSessions } from "./sessions.ts";
import { KvState } from "./state.ts";
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

/** How a {@linkcode KvStore} is made. */
export interface KvStoreOptions {
  /** Whose sessions: the server's name. Those of another name in the same KV are not seen. */
  readonly namespace: string;
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** How long an operation may take, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
  /** What the store keeps at the most. */
  readonly limits?: Partial<StoreLimits> | undefined;
  /** Does closing the store close its KV? Otherwise who opened it closes it. @default false */
  readonly closesKv?: boolean | undefined;
}

/**
 * Keeps sessions in Deno KV. Needs `--unstable-kv`.
 *
 * An operation that fails with `unavailable` got no answer in time: its commit, unlike that of any
 * other failure, may have been made, or be made when a remote KV is back, if nobody has written to
 * the session by then. It is never made twice, though Deno sends again what was not answered.
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
  /** The end of the last transaction of each session, so that those of one process don't race. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #running = new Set<Promise<unknown>>();
  #sweeping: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** Makes a store of an open KV. */
  constructor(kv: Deno.Kv, options: KvStoreOptions) {
    this.#kv = kv;
    const keys = new KvLayout(checkNamespace(options.namespace));
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
    const created = await this.#run((calls) => this.#changes.create(calls, record));
    // Each new session looks at more than one old one, so that what has expired does not pile up:
    // nobody waits for that but the next one to come.
    const sweeping = this.#sweeping;
    this.#sweeping = sweeping
      .then(() => this.#run((calls) => this.#sessions.sweep(calls, this.#now())))
      .then(() => {}, () => {});
    await sweeping;
    return created;
  }

  /** See {@linkcode SessionStore.get}. */
  async get(by: string | SessionAlias): Promise<SessionRecord | undefined> {
    return await this.#run(async (calls) => {
      if (!canBeFound(by)) return undefined;
      const id = typeof by === "string" ? by : await this.#sessions.idOf(calls, by);
      const found = id === undefined ? undefined : await this.#sessions.find(calls, id);
      return found?.liveAt(this.#now());
    });
  }

  /** See {@linkcode SessionStore.list}. */
  async list(options: SessionListOptions): Promise<SessionRecord[]> {
    const { owner, after, limit } = checkList(options);
    return await this.#run(async (calls) => {
      const page: SessionRecord[] = [];
      if (limit === 0 || !canBeFound({ owner, alias: "any" })) return page;
      const now = this.#now();
      for await (const found of this.#sessions.owned(calls, owner, after, limit)) {
        const live = found.liveAt(now);
        if (live !== undefined && page.push(live) === limit) break;
      }
      return page;
    });
  }

  /** See {@linkcode SessionStore.delete}. */
  async delete(id: string): Promise<boolean> {
    return await this.#run(async (calls) => {
      if (!canBeFound(id)) return false;
      return await calls.retry(async () => {
        const found = await this.#sessions.find(calls, id);
        if (found?.liveAt(this.#now()) === undefined) return false;
        return await this.#sessions.end(calls, found) || AGAIN;
      });
    });
  }

  /** See {@linkcode SessionStore.regenerate}. */
  async regenerate(id: string, newId: string): Promise<SessionRecord | undefined> {
    const checked = checkId(newId);
    return await this.#run(async (calls) => {
      if (!canBeFound(id)) return undefined;
      return await this.#inTurn(
        id,
        () => calls.retry(() => this.#changes.regenerate(calls, id, checked)),
      );
    });
  }

  /** See {@linkcode SessionStore.fork}. */
  async fork(id: string, session: SessionRecord): Promise<SessionRecord | undefined> {
    const record = checkRecord(session);
    return await this.#run(async (calls) => {
      if (!canBeFound(id)) return undefined;
      return await this.#inTurn(id, () => calls.retry(() => this.#changes.fork(calls, id, record)));
    });
  }

  /** See {@linkcode SessionStore.transact}. */
  async transact<T>(
    id: string,
    transaction: StateTransaction<T>,
  ): Promise<CommittedTransaction<T> | undefined> {
    const checked = checkTransaction(transaction);
    return await this.#run(async (calls) => {
      if (!canBeFound(id)) return undefined;
      return await this.#inTurn(
        id,
        () => calls.retry(() => this.#changes.transact(calls, id, checked)),
      );
    });
  }

  /** See {@linkcode SessionStore.entries}. */
  async entries(
    id: string,
    options: StateEntriesOptions,
  ): Promise<[key: string, value: Json][] | undefined> {
    const checked = checkEntries(options);
    return await this.#run(async (calls) => {
      const found = canBeFound(id) ? await this.#sessions.find(calls, id) : undefined;
      const live = found?.liveAt(this.#now());
      if (live === undefined) return undefined;
      const page = await this.#state.page(calls, live.stateId, checked);
      // State goes only after its record: if that is still there, nothing is missing from the page.
      const still = await this.#sessions.find(calls, id);
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

  async #run<T>(operation: (calls: KvCalls) => Promise<T>): Promise<T> {
    if (this.#closing) throw closedError();
    const running = operation(new KvCalls(this.#timeoutMs));
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #inTurn<T>(id: string, action: () => Promise<T>): Promise<T> {
    const result = (this.#turns.get(id) ?? Promise.resolve()).then(action);
    const turn = result.catch(() => {});
    this.#turns.set(id, turn);
    try {
      return await result;
    } finally {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    }
  }
}
