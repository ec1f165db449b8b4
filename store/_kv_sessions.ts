/**
 * The records in Deno KV and all that points to them, which come and go together.
 *
 * @module
 */

import type { KvCalls } from "./_kv_calls.ts";
import { decodeRecord, encodeRecord, type KvLayout } from "./_kv_layout.ts";
import type { KvState } from "./_kv_state.ts";
import type { SessionAlias, SessionRecord } from "./store.ts";

/** A record as it was read, expired or not. */
export class FoundSession {
  readonly record: SessionRecord;
  /** Moves with each write of the record or the state. */
  readonly versionstamp: string;
  /** Moves whenever the session is renewed. */
  readonly expiryVersionstamp: string;

  constructor(record: SessionRecord, versionstamp: string, expiryVersionstamp: string) {
    this.record = record;
    this.versionstamp = versionstamp;
    this.expiryVersionstamp = expiryVersionstamp;
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
  /** What a new session's write must find unchanged. */
  readonly checks: readonly Deno.AtomicCheck[];
}

// A record is read with its two numbers, and ten keys are read at once.
const SESSIONS_AT_ONCE = 3;
const LIST_BATCH = 500;

/** The sessions of one namespace. */
export class KvSessions {
  readonly #kv: Deno.Kv;
  readonly #keys: KvLayout;
  readonly #state: KvState;
  #swept: string | undefined;

  constructor(kv: Deno.Kv, keys: KvLayout, state: KvState) {
    this.#kv = kv;
    this.#keys = keys;
    this.#state = state;
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
    const selector = after === undefined ? { prefix } : {
      prefix,
      // The next key that there can be. A longer one than any stateId would not fit into a key.
      start: [...prefix, `${after.slice(0, 64).toWellFormed()}\0`],
    };
    const batchSize = Math.min(limit, LIST_BATCH);
    let ids: string[] = [];
    for await (
      const { value } of calls.list(() => this.#kv.list<string>(selector, { batchSize }))
    ) {
      if (ids.push(value) < batchSize) continue;
      yield* await this.#findAll(calls, ids);
      ids = [];
    }
    yield* await this.#findAll(calls, ids);
  }

  /** Who has the id, the stateId and the alias of a new session. */
  async holders(calls: KvCalls, record: SessionRecord): Promise<Holders> {
    const { id, stateId, owner, alias } = record;
    const keys = [this.#keys.session(id), this.#keys.root(stateId)];
    if (alias !== null) keys.push(this.#keys.alias({ owner, alias }));
    const [session, root, named] = await calls.call(() => this.#kv.getMany<unknown[]>(keys));
    const holder = async (entry: Deno.KvEntryMaybe<unknown> | undefined) =>
      typeof entry?.value === "string" ? await this.find(calls, entry.value) : undefined;
    const ofStateId = await holder(root);
    return {
      ofId: session?.value ? await this.find(calls, id) : undefined,
      ofStateId,
      ofAlias: await holder(named),
      orphaned: Boolean(root?.value) && ofStateId?.record.stateId !== stateId,
      checks: [session, root, named].filter((entry) => entry !== undefined),
    };
  }

  /** Writes a new session. `false` if someone else has changed what `holders` saw. */
  async add(calls: KvCalls, record: SessionRecord, { checks }: Holders): Promise<boolean> {
    const { id, stateId, owner, alias, toolCalls, expiresAt } = record;
    const atomic = this.#kv.atomic().check(...checks)
      .set(this.#keys.session(id), encodeRecord(record))
      .set(this.#keys.calls(id), new Deno.KvU64(BigInt(toolCalls)))
      .set(this.#keys.expiry(id), new Deno.KvU64(BigInt(expiresAt)))
      .set(this.#keys.owner(owner, stateId), id)
      .set(this.#keys.root(stateId), id);
    if (alias !== null) atomic.set(this.#keys.alias({ owner, alias }), id);
    return (await calls.call(() => atomic.commit())).ok;
  }

  /** Ends a session. `false` if someone else has changed it. */
  end(calls: KvCalls, found: FoundSession): Promise<boolean> {
    return this.#remove(calls, found, []);
  }

  /** Ends a session that has expired, unless it was renewed since it was found. */
  expire(calls: KvCalls, found: FoundSession): Promise<boolean> {
    const key = this.#keys.expiry(found.record.id);
    return this.#remove(calls, found, [{ key, versionstamp: found.expiryVersionstamp }]);
  }

  /** Removes what has expired, or was left behind, among the next few sessions. */
  async sweep(calls: KvCalls, now: number): Promise<void> {
    const prefix = this.#keys.roots();
    const selector = this.#swept === undefined
      ? { prefix }
      : { prefix, start: [...prefix, `${this.#swept}\0`] };
    const options = { limit: SESSIONS_AT_ONCE };
    const roots = await Array.fromAsync(
      calls.list(() => this.#kv.list<string>(selector, options)),
    );
    this.#swept = roots.length < SESSIONS_AT_ONCE ? undefined : lastText(roots.at(-1)!.key);
    const found = await this.#findSome(calls, roots.map(({ value }) => value));
    for (const [index, { key }] of roots.entries()) {
      const session = found[index];
      const stateId = lastText(key);
      if (session?.record.stateId !== stateId) await this.#state.remove(calls, stateId);
      else if (session.liveAt(now) === undefined) await this.expire(calls, session);
    }
  }

  async #remove(
    calls: KvCalls,
    { record, versionstamp }: FoundSession,
    checks: readonly Deno.AtomicCheck[],
  ): Promise<boolean> {
    const { id, stateId, owner, alias } = record;
    const key = this.#keys.session(id);
    const atomic = this.#kv.atomic().check({ key, versionstamp }, ...checks)
      .delete(key)
      .delete(this.#keys.calls(id))
      .delete(this.#keys.expiry(id))
      .delete(this.#keys.owner(owner, stateId));
    if (alias !== null) atomic.delete(this.#keys.alias({ owner, alias }));
    const { ok } = await calls.call(() => atomic.commit());
    // The session has ended, whatever becomes of this: what is left can't be reached, and is swept.
    if (ok) await this.#state.remove(calls, stateId).catch(() => {});
    return ok;
  }

  async #findAll(calls: KvCalls, ids: readonly string[]): Promise<FoundSession[]> {
    const some: Promise<(FoundSession | undefined)[]>[] = [];
    for (let i = 0; i < ids.length; i += SESSIONS_AT_ONCE) {
      some.push(this.#findSome(calls, ids.slice(i, i + SESSIONS_AT_ONCE)));
    }
    return (await Promise.all(some)).flat().filter((found) => found !== undefined);
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
      const record = decodeRecord(session.value, count.value, expiry.value);
      return new FoundSession(record, session.versionstamp!, expiry.versionstamp!);
    });
  }
}

function lastText(key: Deno.KvKey): string {
  return String(key.at(-1));
}
