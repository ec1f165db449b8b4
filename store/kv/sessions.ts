/**
 * The records in Deno KV and all that points to them, which come and go together.
 *
 * @module
 */

import { isOver } from "../table/expiry_queue.ts";
import type { KvCalls } from "./operation.ts";
import type { KvCommits } from "./commits.ts";
import { decodeRecord, encodeRecord, type KvLayout } from "./layout.ts";
import type { KvState } from "./state.ts";
import type { SessionAlias, SessionRecord } from "../session_store.ts";

/** A record as it was read, expired or not. */
export class FoundSession {
  readonly record: SessionRecord;
  /** How many bytes of the session's limit its state takes. */
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

/** Who has already what a new session is to have. */
export interface Holders {
  readonly ofId: FoundSession | undefined;
  readonly ofStateId: FoundSession | undefined;
  readonly ofAlias: FoundSession | undefined;
  /** Does the stateId have a state that its session left behind? */
  readonly orphaned: boolean;
  /** How many sessions there are, with the hidden ones. */
  readonly count: number;
  /** What a new session's write must find unchanged: what has its id, its stateId, its alias. */
  readonly checks: readonly Deno.AtomicCheck[];
}

// A record is read with its two numbers, and ten keys are read at once.
const SESSIONS_AT_ONCE = 3;
const SWEPT_PER_CREATE = 3;
// A sum has no sign, and wraps around.
const MINUS_ONE = 2n ** 64n - 1n;
const LIST_BATCH = 500;

/** The sessions of one namespace. */
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

  /** The session with this id. */
  async find(calls: KvCalls, id: string): Promise<FoundSession | undefined> {
    const [found] = await this.#findSome(calls, [id]);
    return found;
  }

  /** The id that an alias stands for; whether it is a live session's is still to be seen. */
  async idOf(calls: KvCalls, alias: SessionAlias): Promise<string | undefined> {
    const { value } = await calls.call(() => this.#kv.get<string>(this.#keys.alias(alias)));
    return value ?? undefined;
  }

  /** One owner's sessions by age. */
  async *owned(
    calls: KvCalls,
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
        calls.list(() => this.#kv.list<string>(selector, options)),
      );
      yield* await this.#findAll(calls, some.map(({ value }) => value));
      if (some.length < batch) return;
      last = lastText(some.at(-1)!.key);
    }
  }

  /** Who has the id, the stateId and the alias of a new session. */
  async holders(calls: KvCalls, record: SessionRecord): Promise<Holders> {
    const { id, stateId, owner, alias } = record;
    const keys = [
      this.#keys.count(),
      this.#keys.session(id),
      this.#keys.root(stateId),
      ...alias === null ? [] : [this.#keys.alias({ owner, alias })],
    ];
    const [count, ...checks] = await calls.call(() => this.#kv.getMany<unknown[]>(keys));
    const [session, root, named] = checks;
    const holder = async (entry: Deno.KvEntryMaybe<unknown> | undefined) =>
      typeof entry?.value === "string" ? await this.find(calls, entry.value) : undefined;
    const ofStateId = await holder(root);
    return {
      ofId: session?.value ? await this.find(calls, id) : undefined,
      ofStateId,
      ofAlias: await holder(named),
      orphaned: Boolean(root?.value) && ofStateId?.record.stateId !== stateId,
      count: countIn(count?.value),
      checks,
    };
  }

  /**
   * Writes a new session, with a state of this size. A hidden one leaves it the alias, so that it
   * cannot come back in its place. `false` if someone else has changed what is checked.
   */
  async add(
    calls: KvCalls,
    record: SessionRecord,
    { bytes, checks, namesake }: {
      readonly bytes: number;
      readonly checks: readonly Deno.AtomicCheck[];
      readonly namesake: FoundSession | undefined;
    },
  ): Promise<boolean> {
    const atomic = this.#kv.atomic().check(...checks).sum(this.#keys.count(), 1n);
    if (namesake !== undefined) {
      const [{ key, versionstamp }, , expiry] = namesake.entries;
      const unnamed = encodeRecord({ ...namesake.record, alias: null }, namesake.bytes);
      atomic.check({ key, versionstamp }, expiry).set(key, unnamed);
    }
    this.#set(atomic, record, bytes);
    return await this.#commits.make(calls, record.stateId, atomic);
  }

  /** Gives a session another id. `false` if someone else has changed it, or has that id. */
  async rename(calls: KvCalls, { record, bytes, entries }: FoundSession, id: string) {
    const atomic = this.#kv.atomic()
      .check(...entries, { key: this.#keys.session(id), versionstamp: null });
    for (const { key } of entries) atomic.delete(key);
    this.#set(atomic, { ...record, id }, bytes);
    return await this.#commits.make(calls, record.stateId, atomic);
  }

  /**
   * Copies a session's state for a new one. Until that has its record, whoever sweeps may take the
   * copy away, and then its root with it.
   *
   * @returns What the new session's write must find unchanged; `undefined` if others were at it.
   */
  async copyState(
    calls: KvCalls,
    found: FoundSession,
    record: SessionRecord,
    { checks }: Holders,
  ): Promise<readonly Deno.AtomicCheck[] | undefined> {
    const root = this.#keys.root(record.stateId);
    const made = await calls.call(() =>
      this.#kv.atomic().check(...checks).set(root, record.id).commit()
    );
    if (!made.ok) return undefined;
    await this.#state.copy(calls, found.record.stateId, record.stateId);
    const [session, , ...named] = checks;
    const [source] = found.entries;
    return [session!, { key: root, versionstamp: made.versionstamp }, ...named, source];
  }

  /** How many sessions there are, with the hidden ones. */
  async count(calls: KvCalls): Promise<number> {
    return countIn((await calls.call(() => this.#kv.get(this.#keys.count()))).value);
  }

  /** How many sessions an owner has, with the hidden ones. */
  async countOf(calls: KvCalls, owner: string): Promise<number> {
    const selector = { prefix: this.#keys.owned(owner) };
    const options = { batchSize: LIST_BATCH };
    let count = 0;
    for await (const _ of calls.list(() => this.#kv.list(selector, options))) count++;
    return count;
  }

  /** An owner's hidden sessions: those that expired, and are still there. */
  async hiddenOf(calls: KvCalls, owner: string, now: number): Promise<FoundSession[]> {
    const owned = this.owned(calls, owner, undefined, LIST_BATCH);
    return (await Array.fromAsync(owned)).filter((found) => found.liveAt(now) === undefined);
  }

  /** Ends so many hidden sessions, those that expired first, unless they were renewed since. */
  async endFirst(calls: KvCalls, hidden: readonly FoundSession[], count: number): Promise<void> {
    // One may have been met twice on the way round.
    const each = [...new Map(hidden.map((found) => [found.record.stateId, found])).values()];
    each.sort((a, b) => a.record.expiresAt - b.record.expiresAt);
    for (const found of each.slice(0, count)) await this.expire(calls, found);
  }

  /** Ends a session. `false` if someone else has changed it. */
  end(calls: KvCalls, found: FoundSession): Promise<boolean> {
    const [record] = found.entries;
    return this.#remove(calls, found, [record]);
  }

  /** Ends a session that has expired, unless it was renewed since it was found. */
  expire(calls: KvCalls, found: FoundSession): Promise<boolean> {
    const [record, , expiry] = found.entries;
    return this.#remove(calls, found, [record, expiry]);
  }

  /**
   * Removes what is over, or was left behind, among the next few sessions: over many calls it goes
   * round them all.
   *
   * @returns Those of them that are hidden, and whether there are more before the round is over.
   */
  async sweep(
    calls: KvCalls,
    now: number,
    limit = SWEPT_PER_CREATE,
  ): Promise<{ readonly hidden: readonly FoundSession[]; readonly goesOn: boolean }> {
    const prefix = this.#keys.roots();
    const selector = this.#swept === undefined
      ? { prefix }
      : { prefix, start: [...prefix, `${this.#swept}\0`] };
    const options = { limit };
    const roots = await Array.fromAsync(
      calls.list(() => this.#kv.list<string>(selector, options)),
    );
    this.#swept = roots.length < limit ? undefined : lastText(roots.at(-1)!.key);
    const found = await this.#findEach(calls, roots.map(({ value }) => value));
    const hidden: FoundSession[] = [];
    for (const [index, root] of roots.entries()) {
      const session = found[index];
      if (session?.record.stateId !== lastText(root.key)) await this.#removeLeft(calls, root);
      else if (isOver(session.record, now)) await this.expire(calls, session);
      else if (session.liveAt(now) === undefined) hidden.push(session);
    }
    return { hidden, goesOn: roots.length === limit };
  }

  async #removeLeft(calls: KvCalls, { key, value, versionstamp }: Deno.KvEntry<string>) {
    const check = { key, versionstamp };
    // Who is making a fork of it just now finds its root changed, and begins again.
    const claimed = await calls.call(() => this.#kv.atomic().check(check).set(key, value).commit());
    if (!claimed.ok) return;
    await this.#state.remove(calls, lastText(key), { key, versionstamp: claimed.versionstamp });
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
    calls: KvCalls,
    { record, entries }: FoundSession,
    checks: readonly Deno.AtomicCheck[],
  ): Promise<boolean> {
    const { stateId, owner, alias } = record;
    const atomic = this.#kv.atomic().check(...checks).delete(this.#keys.owner(owner, stateId))
      .sum(this.#keys.count(), MINUS_ONE);
    for (const { key } of entries) atomic.delete(key);
    if (alias !== null) atomic.delete(this.#keys.alias({ owner, alias }));
    const ok = await this.#commits.make(calls, stateId, atomic);
    // The session has ended, whatever becomes of this: what is left can't be reached, and is swept.
    if (ok) await this.#state.remove(calls, stateId).catch(() => {});
    if (ok) this.#commits.forget(stateId);
    return ok;
  }

  async #findAll(calls: KvCalls, ids: readonly string[]): Promise<FoundSession[]> {
    return (await this.#findEach(calls, ids)).filter((found) => found !== undefined);
  }

  async #findEach(
    calls: KvCalls,
    ids: readonly string[],
  ): Promise<(FoundSession | undefined)[]> {
    const some: Promise<(FoundSession | undefined)[]>[] = [];
    for (let i = 0; i < ids.length; i += SESSIONS_AT_ONCE) {
      some.push(this.#findSome(calls, ids.slice(i, i + SESSIONS_AT_ONCE)));
    }
    return (await Promise.all(some)).flat();
  }

  async #findSome(
    calls: KvCalls,
    ids: readonly string[],
  ): Promise<(FoundSession | undefined)[]> {
    const keys = ids.flatMap((
      id,
    ) => [this.#keys.session(id), this.#keys.calls(id), this.#keys.expiry(id)]);
    const entries = await calls.call(() => this.#kv.getMany<unknown[]>(keys));
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

/** Those that were made before there was a count are taken from it too, as they end. */
function countIn(sum: unknown): number {
  return sum instanceof Deno.KvU64 ? Math.max(0, Number(BigInt.asIntN(64, sum.value))) : 0;
}

function lastText(key: Deno.KvKey): string {
  return String(key.at(-1));
}
