/**
 * The records in Deno KV and their indexes, which are written and removed together.
 *
 * @module
 */

import { isPurgeable } from "../table/expiry_queue.ts";
import type { KvOperation } from "./operation.ts";
import type { KvCommits } from "./commits.ts";
import { decodeRecord, encodeRecord, type KvLayout } from "./layout.ts";
import type { KvState } from "./state.ts";
import type { SessionAlias, SessionRecord } from "../session_store.ts";

/** A record as it was read, expired or not. */
export class FoundSession {
  readonly record: SessionRecord;
  readonly bytes: number;
  /** The record, the count and the expiry: each moves with its own writes. */
  readonly entries: readonly [
    record: Deno.AtomicCheck,
    calls: Deno.AtomicCheck,
    expiry: Deno.AtomicCheck,
  ];

  constructor(record: SessionRecord, bytes: number, entries: FoundSession["entries"]) {
    this.record = record;
    this.bytes = bytes;
    this.entries = entries;
  }

  /** The record, unless it has expired. */
  liveAt(now: number): SessionRecord | undefined {
    return this.record.expiresAt > now ? this.record : undefined;
  }
}

/** Existing sessions that conflict with a new one. */
export interface Holders {
  readonly ofId: FoundSession | undefined;
  readonly ofStateId: FoundSession | undefined;
  readonly ofAlias: FoundSession | undefined;
  /** Whether the stateId has a state that its session left behind. */
  readonly orphaned: boolean;
  /** The number of sessions, with the hidden ones; for a server's own record, of such records. */
  readonly count: number;
  /** The entries of its id, stateId and alias, which its write must find unchanged. */
  readonly checks: readonly Deno.AtomicCheck[];
}

// A record is three keys, and ten keys are read at once.
const SESSIONS_AT_ONCE = 3;
const SWEPT_PER_CREATE = 3;
// A sum has no sign, and wraps around.
const MINUS_ONE = 2n ** 64n - 1n;
const LIST_BATCH = 500;

export class KvSessions {
  readonly #kv: Deno.Kv;
  readonly #keys: KvLayout;
  readonly #state: KvState;
  readonly #commits: KvCommits;
  #swept: string | undefined;

  constructor(kv: Deno.Kv, keys: KvLayout, state: KvState, commits: KvCommits) {
    this.#kv = kv;
    this.#keys = keys;
    this.#state = state;
    this.#commits = commits;
  }

  async find(operation: KvOperation, id: string): Promise<FoundSession | undefined> {
    const [found] = await this.#findSome(operation, [id]);
    return found;
  }

  /** The id that an alias stands for, of a live session or a hidden one. */
  async idOf(operation: KvOperation, alias: SessionAlias): Promise<string | undefined> {
    const { value } = await operation.call(() => this.#kv.get<string>(this.#keys.alias(alias)));
    return value ?? undefined;
  }

  async *owned(
    operation: KvOperation,
    owner: string | null,
    after: string | undefined,
    limit: number,
  ): AsyncGenerator<FoundSession> {
    const prefix = this.#keys.owned(owner);
    // No stateId is longer, and a longer key would not fit.
    let last = after?.slice(0, 64).toWellFormed();
    // More each time: they may all be hidden, and each round takes its time.
    for (let batch = Math.min(limit, LIST_BATCH);; batch = Math.min(2 * batch, LIST_BATCH)) {
      const selector = last === undefined
        ? { prefix }
        : { prefix, start: [...prefix, `${last}\0`] };
      const options = { limit: batch, batchSize: batch };
      const some = await Array.fromAsync(
        operation.list(() => this.#kv.list<string>(selector, options)),
      );
      yield* await this.#findAll(operation, some.map(({ value }) => value));
      if (some.length < batch) return;
      last = lastText(some.at(-1)!.key);
    }
  }

  /** The sessions with the id, the stateId and the alias of a new one. */
  async holders(operation: KvOperation, record: SessionRecord): Promise<Holders> {
    const { id, stateId, owner, alias } = record;
    const keys = [
      this.#keys.count(owner),
      this.#keys.session(id),
      this.#keys.root(stateId),
      ...alias === null ? [] : [this.#keys.alias({ owner, alias })],
    ];
    const [count, ...checks] = await operation.call(() => this.#kv.getMany<unknown[]>(keys));
    const [session, root, named] = checks;
    const holder = async (entry: Deno.KvEntryMaybe<unknown> | undefined) =>
      typeof entry?.value === "string" ? await this.find(operation, entry.value) : undefined;
    const ofStateId = await holder(root);
    return {
      ofId: session?.value ? await this.find(operation, id) : undefined,
      ofStateId,
      ofAlias: await holder(named),
      orphaned: Boolean(root?.value) && ofStateId?.record.stateId !== stateId,
      count: countIn(count?.value),
      checks,
    };
  }

  /**
   * Writes a new session, with a state of this size. A hidden namesake loses the alias for good.
   * `false` if a check fails.
   */
  async add(
    operation: KvOperation,
    record: SessionRecord,
    { bytes, checks, namesake }: {
      readonly bytes: number;
      readonly checks: readonly Deno.AtomicCheck[];
      readonly namesake: FoundSession | undefined;
    },
  ): Promise<boolean> {
    const atomic = this.#kv.atomic().check(...checks).sum(this.#keys.count(record.owner), 1n);
    if (namesake !== undefined) {
      const [{ key, versionstamp }, , expiry] = namesake.entries;
      const unnamed = encodeRecord({ ...namesake.record, alias: null }, namesake.bytes);
      atomic.check({ key, versionstamp }, expiry).set(key, unnamed);
    }
    this.#set(atomic, record, bytes);
    return await this.#commits.make(operation, record.stateId, atomic);
  }

  /** Gives a session another id. `false` if it has changed, or another session has that id. */
  async rename(operation: KvOperation, { record, bytes, entries }: FoundSession, id: string) {
    const atomic = this.#kv.atomic()
      .check(...entries, { key: this.#keys.session(id), versionstamp: null });
    for (const { key } of entries) atomic.delete(key);
    this.#set(atomic, { ...record, id }, bytes);
    return await this.#commits.make(operation, record.stateId, atomic);
  }

  /**
   * Copies a session's state for a new one. Until the new one has its record, a sweep may remove the
   * copy and its root.
   *
   * @returns The checks of the new session's write; `undefined` if one has failed already.
   */
  async copyState(
    operation: KvOperation,
    found: FoundSession,
    record: SessionRecord,
    { checks }: Holders,
  ): Promise<readonly Deno.AtomicCheck[] | undefined> {
    const root = this.#keys.root(record.stateId);
    const made = await operation.call(() =>
      this.#kv.atomic().check(...checks).set(root, record.id).commit()
    );
    if (!made.ok) return undefined;
    await this.#state.copy(operation, found.record.stateId, record.stateId);
    const [session, , ...named] = checks;
    const [source] = found.entries;
    return [session!, { key: root, versionstamp: made.versionstamp }, ...named, source];
  }

  /** The number of sessions, or of a server's own records, with the hidden ones. */
  async count(operation: KvOperation, owner: string | null): Promise<number> {
    return countIn((await operation.call(() => this.#kv.get(this.#keys.count(owner)))).value);
  }

  /** The number of an owner's sessions, with the hidden ones. */
  async countOf(operation: KvOperation, owner: string): Promise<number> {
    const selector = { prefix: this.#keys.owned(owner) };
    const options = { batchSize: LIST_BATCH };
    let count = 0;
    for await (const _ of operation.list(() => this.#kv.list(selector, options))) count++;
    return count;
  }

  /** An owner's hidden sessions: expired ones that are still there. */
  async hiddenOf(operation: KvOperation, owner: string, now: number): Promise<FoundSession[]> {
    const owned = this.owned(operation, owner, undefined, LIST_BATCH);
    return (await Array.fromAsync(owned)).filter((found) => found.liveAt(now) === undefined);
  }

  /** Ends `count` hidden sessions that expired first, unless they were renewed since. */
  async endFirst(
    operation: KvOperation,
    hidden: readonly FoundSession[],
    count: number,
  ): Promise<void> {
    // A sweep past the end may have met one twice.
    const each = [...new Map(hidden.map((found) => [found.record.stateId, found])).values()];
    each.sort((a, b) => a.record.expiresAt - b.record.expiresAt);
    for (const found of each.slice(0, count)) await this.expire(operation, found);
  }

  /** Ends a session. `false` if it has changed. */
  end(operation: KvOperation, found: FoundSession): Promise<boolean> {
    const [record] = found.entries;
    return this.#remove(operation, found, [record]);
  }

  /** Ends a session that has expired, unless it was renewed since it was found. */
  expire(operation: KvOperation, found: FoundSession): Promise<boolean> {
    const [record, , expiry] = found.entries;
    return this.#remove(operation, found, [record, expiry]);
  }

  /**
   * Removes purgeable sessions, and states that were left behind, among the next `limit`. Many calls
   * go round all sessions.
   *
   * @returns Those of them that are hidden, and whether the round goes on.
   */
  async sweep(
    operation: KvOperation,
    now: number,
    limit = SWEPT_PER_CREATE,
  ): Promise<{ readonly hidden: readonly FoundSession[]; readonly goesOn: boolean }> {
    const prefix = this.#keys.roots();
    const selector = this.#swept === undefined
      ? { prefix }
      : { prefix, start: [...prefix, `${this.#swept}\0`] };
    const options = { limit };
    const roots = await Array.fromAsync(
      operation.list(() => this.#kv.list<string>(selector, options)),
    );
    this.#swept = roots.length < limit ? undefined : lastText(roots.at(-1)!.key);
    const found = await this.#findEach(operation, roots.map(({ value }) => value));
    const hidden: FoundSession[] = [];
    for (const [index, root] of roots.entries()) {
      const session = found[index];
      if (session?.record.stateId !== lastText(root.key)) await this.#removeLeft(operation, root);
      else if (isPurgeable(session.record, now)) await this.expire(operation, session);
      else if (session.liveAt(now) === undefined) hidden.push(session);
    }
    return { hidden, goesOn: roots.length === limit };
  }

  async #removeLeft(operation: KvOperation, { key, value, versionstamp }: Deno.KvEntry<string>) {
    const check = { key, versionstamp };
    // A fork in progress finds its root changed, and is made again.
    const claimed = await operation.call(() =>
      this.#kv.atomic().check(check).set(key, value).commit()
    );
    if (!claimed.ok) return;
    await this.#state.remove(operation, lastText(key), { key, versionstamp: claimed.versionstamp });
  }

  #set(atomic: Deno.AtomicOperation, record: SessionRecord, bytes: number) {
    const { id, stateId, owner, alias, toolCalls, expiresAt } = record;
    atomic
      .set(this.#keys.session(id), encodeRecord(record, bytes))
      .set(this.#keys.calls(id), new Deno.KvU64(BigInt(toolCalls)))
      .set(this.#keys.expiry(id), new Deno.KvU64(BigInt(expiresAt)))
      .set(this.#keys.owner(owner, stateId), id)
      .set(this.#keys.root(stateId), id);
    if (alias !== null) atomic.set(this.#keys.alias({ owner, alias }), id);
  }

  async #remove(
    operation: KvOperation,
    { record, entries }: FoundSession,
    checks: readonly Deno.AtomicCheck[],
  ): Promise<boolean> {
    const { stateId, owner, alias } = record;
    const atomic = this.#kv.atomic().check(...checks).delete(this.#keys.owner(owner, stateId))
      .sum(this.#keys.count(owner), MINUS_ONE);
    for (const { key } of entries) atomic.delete(key);
    if (alias !== null) atomic.delete(this.#keys.alias({ owner, alias }));
    const ok = await this.#commits.make(operation, stateId, atomic);
    // The session has ended even if this fails: a state without a record is swept later.
    if (ok) await this.#state.remove(operation, stateId).catch(() => {});
    if (ok) this.#commits.forget(stateId);
    return ok;
  }

  async #findAll(operation: KvOperation, ids: readonly string[]): Promise<FoundSession[]> {
    return (await this.#findEach(operation, ids)).filter((found) => found !== undefined);
  }

  async #findEach(
    operation: KvOperation,
    ids: readonly string[],
  ): Promise<(FoundSession | undefined)[]> {
    const some: Promise<(FoundSession | undefined)[]>[] = [];
    for (let i = 0; i < ids.length; i += SESSIONS_AT_ONCE) {
      some.push(this.#findSome(operation, ids.slice(i, i + SESSIONS_AT_ONCE)));
    }
    return (await Promise.all(some)).flat();
  }

  async #findSome(
    operation: KvOperation,
    ids: readonly string[],
  ): Promise<(FoundSession | undefined)[]> {
    const keys = ids.flatMap((
      id,
    ) => [this.#keys.session(id), this.#keys.calls(id), this.#keys.expiry(id)]);
    const entries = await operation.call(() => this.#kv.getMany<unknown[]>(keys));
    return ids.map((_, index) => {
      const [session, count, expiry] = entries.slice(index * 3, index * 3 + 3);
      if (
        !(session?.value instanceof Uint8Array) || !(count?.value instanceof Deno.KvU64) ||
        !(expiry?.value instanceof Deno.KvU64)
      ) return undefined;
      const { record, bytes } = decodeRecord(session.value, count.value, expiry.value);
      return new FoundSession(record, bytes, [session, count, expiry]);
    });
  }
}

/** At least 0: sessions from before there was a count are subtracted from it too, as they end. */
function countIn(sum: unknown): number {
  return sum instanceof Deno.KvU64 ? Math.max(0, Number(BigInt.asIntN(64, sum.value))) : 0;
}

function lastText(key: Deno.KvKey): string {
  return String(key.at(-1));
}
