/**
 * The changes of sessions in Deno KV, each an attempt that is made again when it loses a race.
 *
 * @module
 */

import {
  type checkTransaction,
  conflictError,
  copyRecord,
  ownerFull,
  sessionTooLarge,
  storeFull,
  used,
  writeBytes,
} from "../validation.ts";
import { AGAIN, type KvCalls } from "./operation.ts";
import type { KvCommits } from "./commits.ts";
import { encodeRecord, encodeText, type KvLayout } from "./layout.ts";
import type { FoundSession, Holders, KvSessions } from "./sessions.ts";
import type { KvState } from "./state.ts";
import {
  type CommittedTransaction,
  type EncodedWrite,
  encodeUpdate,
  type SessionRecord,
  type StoreLimits,
} from "../session_store.ts";

/** How many sessions a create looks at that finds the store full. */
const SWEPT_WHEN_FULL = 100;
/** What part of a limit is made free at once: finding hidden sessions takes many reads. */
const FREED_PART = 1 / 100;

/** What {@linkcode KvChanges} works on. */
export interface KvChangesOptions {
  readonly kv: Deno.Kv;
  readonly keys: KvLayout;
  readonly state: KvState;
  readonly commits: KvCommits;
  readonly sessions: KvSessions;
  readonly now: () => number;
  readonly limits: StoreLimits;
}

/** The changes of one namespace's sessions. */
export class KvChanges {
  readonly #kv: Deno.Kv;
  readonly #keys: KvLayout;
  readonly #state: KvState;
  readonly #commits: KvCommits;
  readonly #sessions: KvSessions;
  readonly #now: () => number;
  readonly #limits: StoreLimits;

  constructor(options: KvChangesOptions) {
    this.#kv = options.kv;
    this.#keys = options.keys;
    this.#state = options.state;
    this.#commits = options.commits;
    this.#sessions = options.sessions;
    this.#now = options.now;
    this.#limits = options.limits;
  }

  /** Makes a session, or gives the live one that has its alias. */
  create(calls: KvCalls, record: SessionRecord): Promise<SessionRecord> {
    return calls.retry(async () => {
      const now = this.#now();
      const holders = await this.#makeWay(calls, record, now);
      if (holders === AGAIN) return AGAIN;
      const { ofAlias: namesake, checks } = holders;
      const live = namesake?.liveAt(now);
      if (live !== undefined) return live;
      return await this.#sessions.add(calls, record, { bytes: 0, checks, namesake })
        ? copyRecord(record)
        : AGAIN;
    });
  }

  /** Sees to it that nothing but a live session with its alias is in a new session's way. */
  async #makeWay(
    calls: KvCalls,
    record: SessionRecord,
    now: number,
  ): Promise<Holders | typeof AGAIN> {
    const holders = await this.#sessions.holders(calls, record);
    for (const holder of [holders.ofId, holders.ofStateId]) {
      if (holder?.liveAt(now)) throw conflictError();
    }
    if (holders.ofAlias?.liveAt(now)) return holders;
    const hidden = holders.ofId ?? holders.ofStateId;
    if (hidden !== undefined) {
      await this.#sessions.expire(calls, hidden);
      return AGAIN;
    }
    if (holders.orphaned) {
      await this.#state.remove(calls, record.stateId);
      return AGAIN;
    }
    if (record.owner !== null) await this.#makeOwnersRoom(calls, record.owner, now);
    if (holders.count >= this.#limits.sessions) await this.#makeRoom(calls, now);
    return holders;
  }

  async #makeRoom(calls: KvCalls, now: number): Promise<void> {
    const { sessions: limit } = this.#limits;
    const { hidden, goesOn } = await this.#sessions.sweep(calls, now, SWEPT_WHEN_FULL);
    // Once more from the beginning, where the end was reached: a small store is seen whole.
    const more = goesOn ? [] : (await this.#sessions.sweep(calls, now, SWEPT_WHEN_FULL)).hidden;
    const count = await this.#sessions.count(calls);
    await this.#sessions.endFirst(calls, [...hidden, ...more], excess(count, limit));
    if (await this.#sessions.count(calls) >= limit) throw storeFull(limit);
  }

  async #makeOwnersRoom(calls: KvCalls, owner: string, now: number): Promise<void> {
    const { sessionsPerOwner: limit } = this.#limits;
    if (limit === Infinity) return;
    const count = await this.#sessions.countOf(calls, owner);
    if (count < limit) return;
    const hidden = await this.#sessions.hiddenOf(calls, owner, now);
    await this.#sessions.endFirst(calls, hidden, excess(count, limit));
    if (await this.#sessions.countOf(calls, owner) >= limit) throw ownerFull(limit);
  }

  /** Gives a live session another id. */
  async regenerate(
    calls: KvCalls,
    id: string,
    newId: string,
  ): Promise<SessionRecord | undefined | typeof AGAIN> {
    const now = this.#now();
    const found = await this.#sessions.find(calls, id);
    const live = found?.liveAt(now);
    if (found === undefined || live === undefined) return undefined;
    const holder = await this.#sessions.find(calls, newId);
    if (holder?.liveAt(now)) throw conflictError();
    if (holder !== undefined) {
      await this.#sessions.expire(calls, holder);
      return AGAIN;
    }
    return await this.#sessions.rename(calls, found, newId) ? { ...live, id: newId } : AGAIN;
  }

  /** Makes a session with a copy of a live one's state. */
  async fork(
    calls: KvCalls,
    id: string,
    record: SessionRecord,
  ): Promise<SessionRecord | undefined | typeof AGAIN> {
    const now = this.#now();
    const found = await this.#sessions.find(calls, id);
    if (found?.liveAt(now) === undefined) return undefined;
    const holders = await this.#makeWay(calls, record, now);
    if (holders === AGAIN) return AGAIN;
    const { ofAlias: namesake } = holders;
    if (namesake?.liveAt(now)) throw conflictError();
    const checks = await this.#sessions.copyState(calls, found, record, holders);
    if (checks === undefined) return AGAIN;
    const { bytes } = found;
    if (await this.#sessions.add(calls, record, { bytes, checks, namesake })) {
      return copyRecord(record);
    }
    await this.#state.remove(calls, record.stateId);
    return AGAIN;
  }

  /** Runs a transaction's function, and commits what it decides. */
  async transact<T>(
    calls: KvCalls,
    id: string,
    transaction: ReturnType<typeof checkTransaction<T>>,
  ): Promise<CommittedTransaction<T> | undefined | typeof AGAIN> {
    const found = await this.#sessions.find(calls, id);
    const before = found?.liveAt(this.#now());
    if (found === undefined || before === undefined) return undefined;
    const session = used(before, transaction);
    const state = await this.#state.read(calls, before.stateId, transaction.keys);
    const { value, set } = transaction.update(state, copyRecord(session));
    const writes = encodeUpdate(set);

    const [entry] = found.entries;
    const atomic = this.#kv.atomic().check(entry);
    if (writes.length > 0) {
      const bytes = await this.#bytesAfter(calls, found, writes);
      // The record again, so that who has read the state before this write must read it once more.
      atomic.set(entry.key, encodeRecord(session, bytes));
    }
    for (const [name, json] of writes) {
      const at = this.#keys.state(before.stateId, name);
      if (json === undefined) atomic.delete(at);
      else atomic.set(at, encodeText(json));
    }
    if (transaction.calls > 0) atomic.sum(this.#keys.calls(id), BigInt(transaction.calls));
    if (session.expiresAt > before.expiresAt) {
      atomic.max(this.#keys.expiry(id), BigInt(session.expiresAt));
    }
    const idle = writes.length === 0 && session.toolCalls === before.toolCalls &&
      session.expiresAt === before.expiresAt;
    const made = idle
      ? (await calls.call(() => atomic.commit())).ok
      : await this.#commits.make(calls, before.stateId, atomic);
    return made ? { session, value } : AGAIN;
  }

  async #bytesAfter(
    calls: KvCalls,
    { record, bytes }: FoundSession,
    writes: readonly EncodedWrite[],
  ): Promise<number> {
    const keys = writes.map(([key]) => key);
    const before = await this.#state.bytes(calls, record.stateId, keys);
    const after = writes.reduce((sum, [key, json]) => sum + writeBytes(key, json), 0);
    const { bytesPerSession } = this.#limits;
    // What makes it smaller is welcome, however large it still is.
    if (after > before && bytes + after - before > bytesPerSession) {
      throw sessionTooLarge(bytesPerSession);
    }
    return bytes + after - before;
  }
}

/** How many sessions have to go before there is room for one more, and for some after it. */
function excess(count: number, limit: number): number {
  return count < limit ? 0 : Math.max(count - limit + 1, Math.ceil(limit * FREED_PART));
}
