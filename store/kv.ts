/**
 * A store in Deno KV: in a file for some processes, or remote for any number of machines.
 *
 * @module
 */

import type { Json } from "../protocol.ts";
import {
  canBeFound,
  checkEntries,
  checkList,
  checkNamespace,
  checkRecord,
  checkTransaction,
  closedError,
  conflictError,
  copyRecord,
} from "./_checks.ts";
import { AGAIN, KvCalls } from "./_kv_calls.ts";
import { encodeRecord, encodeText, KvLayout } from "./_kv_layout.ts";
import { KvSessions } from "./_kv_sessions.ts";
import { KvState } from "./_kv_state.ts";
import {
  type Committed,
  encodeUpdate,
  type EntriesOptions,
  type ListOptions,
  type SessionAlias,
  type SessionRecord,
  type SessionStore,
  type Transaction,
} from "./store.ts";

/** How a {@linkcode KvStore} is made. */
export interface KvStoreOptions {
  /** Whose sessions: the server's name. Those of another name in the same KV are not seen. */
  readonly namespace: string;
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** How long an operation may take, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
  /** Does closing the store close its KV? Otherwise who opened it closes it. @default false */
  readonly closesKv?: boolean | undefined;
}

/**
 * Keeps sessions in Deno KV. Needs `--unstable-kv`.
 *
 * An operation that fails with `unavailable` got no answer in time: its commit, unlike that of any
 * other failure, may still have been made.
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
  readonly #keys: KvLayout;
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
    this.#keys = new KvLayout(checkNamespace(options.namespace));
    this.#state = new KvState(kv, this.#keys);
    this.#sessions = new KvSessions(kv, this.#keys, this.#state);
    this.#now = options.now ?? Date.now;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#closesKv = options.closesKv ?? false;
  }

  /** See {@linkcode SessionStore.create}. */
  async create(session: SessionRecord): Promise<SessionRecord> {
    const record = checkRecord(session);
    const created = await this.#run((calls) => this.#create(calls, record));
    // Each new session looks at more than one old one, so that what has expired does not pile up:
    // nobody waits for that but the next one to come.
    const sweeping = this.#sweeping;
    this.#sweeping = sweeping
      .then(() => this.#run((calls) => this.#sessions.sweep(calls, this.#now())))
      .catch(() => {});
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
  async list(options: ListOptions): Promise<SessionRecord[]> {
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

  /** See {@linkcode SessionStore.transact}. */
  async transact<T>(
    id: string,
    transaction: Transaction<T>,
  ): Promise<Committed<T> | undefined> {
    const checked = checkTransaction(transaction);
    return await this.#run(async (calls) => {
      if (!canBeFound(id)) return undefined;
      return await this.#inTurn(
        id,
        () => calls.retry(() => this.#transact(calls, id, checked)),
      );
    });
  }

  /** See {@linkcode SessionStore.entries}. */
  async entries(
    id: string,
    options: EntriesOptions,
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

  #create(calls: KvCalls, record: SessionRecord): Promise<SessionRecord> {
    return calls.retry(async () => {
      const now = this.#now();
      const holders = await this.#sessions.holders(calls, record);
      for (const holder of [holders.ofId, holders.ofStateId]) {
        if (holder?.liveAt(now)) throw conflictError();
      }
      const live = holders.ofAlias?.liveAt(now);
      if (live !== undefined) return live;
      const expired = holders.ofId ?? holders.ofStateId ?? holders.ofAlias;
      if (expired !== undefined) {
        await this.#sessions.expire(calls, expired);
        return AGAIN;
      }
      if (holders.orphaned) {
        await this.#state.remove(calls, record.stateId);
        return AGAIN;
      }
      return await this.#sessions.add(calls, record, holders) ? copyRecord(record) : AGAIN;
    });
  }

  async #transact<T>(
    calls: KvCalls,
    id: string,
    transaction: ReturnType<typeof checkTransaction<T>>,
  ): Promise<Committed<T> | undefined | typeof AGAIN> {
    const found = await this.#sessions.find(calls, id);
    const before = found?.liveAt(this.#now());
    if (found === undefined || before === undefined) return undefined;
    const session: SessionRecord = {
      ...before,
      toolCalls: before.toolCalls + transaction.calls,
      expiresAt: Math.max(before.expiresAt, transaction.expiresAt),
    };
    const state = await this.#state.read(calls, before.stateId, transaction.keys);
    const { value, set } = transaction.update(state, copyRecord(session));
    const writes = encodeUpdate(set);

    const key = this.#keys.session(id);
    const atomic = this.#kv.atomic().check({ key, versionstamp: found.versionstamp });
    // The record again, so that who has read the state before this write must read it once more.
    if (writes.length > 0) atomic.set(key, encodeRecord(session));
    for (const [name, json] of writes) {
      const at = this.#keys.state(before.stateId, name);
      if (json === undefined) atomic.delete(at);
      else atomic.set(at, encodeText(json));
    }
    if (transaction.calls > 0) atomic.sum(this.#keys.calls(id), BigInt(transaction.calls));
    if (session.expiresAt > before.expiresAt) {
      atomic.max(this.#keys.expiry(id), BigInt(session.expiresAt));
    }
    const { ok } = await calls.call(() => atomic.commit());
    return ok ? { session, value } : AGAIN;
  }
}
