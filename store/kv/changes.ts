/**
 * The changes of sessions in Deno KV: optimistic transactions, made again when they lose a race.
 *
 * @module
 */

import { conflictError, ownerFull, sessionTooLarge, storeFull } from "../errors.ts";
import { type checkTransaction, copyRecord, used, writeBytes } from "../validation.ts";
import { type KvOperation, RETRY } from "./operation.ts";
import type { KvCommits } from "./commits.ts";
import { encodeRecord, encodeText, type KvLayout } from "./layout.ts";
import type { FoundSession, Holders, KvSessions } from "./sessions.ts";
import type { KvState } from "./state.ts";
import {
  type CommittedTransaction,
  type EncodedWrite,
  encodeUpdate,
  INTERNAL_OWNER,
  type SessionRecord,
  type StoreLimits,
} from "../session_store.ts";

/** The sessions that a create sweeps when the store is full. */
const SWEPT_WHEN_FULL = 100;
/** The part of a limit that is freed at once: to find hidden sessions takes many reads. */
const FREED_PART = 1 / 100;

export interface KvChangesOptions {
  readonly kv: Deno.Kv;
  readonly keys: KvLayout;
  readonly state: KvState;
  readonly commits: KvCommits;
  readonly sessions: KvSessions;
  readonly now: () => number;
  readonly limits: StoreLimits;
}

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
  create(operation: KvOperation, record: SessionRecord): Promise<SessionRecord> {
    return operation.retry(async () => {
      const now = this.#now();
      const holders = await this.#resolveConflicts(operation, record, now);
      if (holders === RETRY) return RETRY;
      const { ofAlias: namesake, checks } = holders;
      const live = namesake?.liveAt(now);
      if (live !== undefined) return live;
      return await this.#sessions.add(operation, record, { bytes: 0, checks, namesake })
        ? copyRecord(record)
        : RETRY;
    });
  }

  /** Removes all that conflicts with a new session, but a live session with its alias. */
  async #resolveConflicts(
    operation: KvOperation,
    record: SessionRecord,
    now: number,
  ): Promise<Holders | typeof RETRY> {
    const holders = await this.#sessions.holders(operation, record);
    for (const holder of [holders.ofId, holders.ofStateId]) {
      if (holder?.liveAt(now)) throw conflictError();
    }
    if (holders.ofAlias?.liveAt(now)) return holders;
    const hidden = holders.ofId ?? holders.ofStateId;
    if (hidden !== undefined) {
      await this.#sessions.expire(operation, hidden);
      return RETRY;
    }
    if (holders.orphaned) {
      await this.#state.remove(operation, record.stateId);
      return RETRY;
    }
    const { owner } = record;
    if (owner !== null && owner !== INTERNAL_OWNER) {
      await this.#makeRoomForOwner(operation, owner, now);
    }
    if (holders.count >= this.#limits.sessions) await this.#makeRoom(operation, owner, now);
    return holders;
  }

  /** Makes room for a session, or for a server's own record, among its kind. */
  async #makeRoom(operation: KvOperation, owner: string | null, now: number): Promise<void> {
    const { sessions: limit } = this.#limits;
    const { hidden, goesOn } = await this.#sessions.sweep(operation, now, SWEPT_WHEN_FULL);
    // Past the end, again from the beginning: a small store is swept whole.
    const more = goesOn ? [] : (await this.#sessions.sweep(operation, now, SWEPT_WHEN_FULL)).hidden;
    const count = await this.#sessions.count(operation, owner);
    const isOwn = owner === INTERNAL_OWNER;
    const kind = [...hidden, ...more].filter(({ record }) =>
      (record.owner === INTERNAL_OWNER) === isOwn
    );
    await this.#sessions.endFirst(operation, kind, excess(count, limit));
    if (await this.#sessions.count(operation, owner) >= limit) throw storeFull(limit);
  }

  async #makeRoomForOwner(operation: KvOperation, owner: string, now: number): Promise<void> {
    const { sessionsPerOwner: limit } = this.#limits;
    if (limit === Infinity) return;
    const count = await this.#sessions.countOf(operation, owner);
    if (count < limit) return;
    const hidden = await this.#sessions.hiddenOf(operation, owner, now);
    await this.#sessions.endFirst(operation, hidden, excess(count, limit));
    if (await this.#sessions.countOf(operation, owner) >= limit) throw ownerFull(limit);
  }

  async regenerate(
    operation: KvOperation,
    id: string,
    newId: string,
  ): Promise<SessionRecord | undefined | typeof RETRY> {
    const now = this.#now();
    const found = await this.#sessions.find(operation, id);
    const live = found?.liveAt(now);
    if (found === undefined || live === undefined) return undefined;
    const holder = await this.#sessions.find(operation, newId);
    if (holder?.liveAt(now)) throw conflictError();
    if (holder !== undefined) {
      await this.#sessions.expire(operation, holder);
      return RETRY;
    }
    return await this.#sessions.rename(operation, found, newId) ? { ...live, id: newId } : RETRY;
  }

  async fork(
    operation: KvOperation,
    id: string,
    record: SessionRecord,
  ): Promise<SessionRecord | undefined | typeof RETRY> {
    const now = this.#now();
    const found = await this.#sessions.find(operation, id);
    if (found?.liveAt(now) === undefined) return undefined;
    const holders = await this.#resolveConflicts(operation, record, now);
    if (holders === RETRY) return RETRY;
    const { ofAlias: namesake } = holders;
    if (namesake?.liveAt(now)) throw conflictError();
    const checks = await this.#sessions.copyState(operation, found, record, holders);
    if (checks === undefined) return RETRY;
    const { bytes } = found;
    if (await this.#sessions.add(operation, record, { bytes, checks, namesake })) {
      return copyRecord(record);
    }
    await this.#state.remove(operation, record.stateId);
    return RETRY;
  }

  async transact<T>(
    operation: KvOperation,
    id: string,
    transaction: ReturnType<typeof checkTransaction<T>>,
  ): Promise<CommittedTransaction<T> | undefined | typeof RETRY> {
    const found = await this.#sessions.find(operation, id);
    const before = found?.liveAt(this.#now());
    if (found === undefined || before === undefined) return undefined;
    const session = used(before, transaction);
    const state = await this.#state.read(operation, before.stateId, transaction.keys);
    const { value, set } = transaction.update(state, copyRecord(session));
    const writes = encodeUpdate(set);

    const [entry] = found.entries;
    const atomic = this.#kv.atomic().check(entry);
    if (writes.length > 0) {
      const bytes = await this.#bytesAfter(operation, found, writes);
      // A write of the record fails the check of others that read the state before.
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
      ? (await operation.call(() => atomic.commit())).ok
      : await this.#commits.make(operation, before.stateId, atomic);
    return made ? { session, value } : RETRY;
  }

  async #bytesAfter(
    operation: KvOperation,
    { record, bytes }: FoundSession,
    writes: readonly EncodedWrite[],
  ): Promise<number> {
    const keys = writes.map(([key]) => key);
    const before = await this.#state.bytes(operation, record.stateId, keys);
    const after = writes.reduce((sum, [key, json]) => sum + writeBytes(key, json), 0);
    const { bytesPerSession } = this.#limits;
    // A write that shrinks the state is accepted, however large it still is.
    if (after > before && bytes + after - before > bytesPerSession) {
      throw sessionTooLarge(bytesPerSession);
    }
    return bytes + after - before;
  }
}

/** The number of sessions to remove, for one more and for some after it. */
function excess(count: number, limit: number): number {
  return count < limit ? 0 : Math.max(count - limit + 1, Math.ceil(limit * FREED_PART));
}
