/**
 * Session draft: a session as it is known, and as one transaction after the other leaves it, until all of
 * them go into one commit.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import { sessionTooLarge } from "../errors.ts";
import { type checkTransaction, copyRecord, used, writeBytes } from "../validation.ts";
import type { KnownSession } from "./known_sessions.ts";
import type { Mark } from "./marks.ts";
import { type At, type CountChange, MAX_CHECKS } from "./rows.ts";
import type { Decided, Needed } from "./session_changes.ts";
import { at, counter, growth, writtenRow } from "./session_rows.ts";
import {
  type CommittedTransaction,
  encodeUpdate,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_KEYS,
  type SessionRecord,
  type StoreLimits,
} from "../session_store.ts";

/** The rows whose absence a commit assumes rather than read them first. */
const MAX_ASSUMED = MAX_CHECKS - 2;

export type CheckedTransaction = ReturnType<typeof checkTransaction<unknown>>;

/** What a transaction has come to. Others of its commit are not concerned by its error. */
export type Outcome =
  | { readonly committed: CommittedTransaction<unknown> }
  | { readonly error: unknown };

export interface TransactionLimits extends Pick<StoreLimits, "bytes" | "bytesPerSession"> {
  readonly countsBytes: boolean;
}

/** A session as transactions find and leave it. */
export class SessionDraft {
  readonly #known: KnownSession;
  readonly #limits: TransactionLimits;
  readonly #writes = new Map<string, string | undefined>();
  /** Keys that are written, and taken for new. */
  readonly #assumed = new Set<string>();
  #record: SessionRecord;
  #grown = 0;
  #writtenBytes = 0;
  #isDurable = false;
  #isChanged = false;

  constructor(known: KnownSession, limits: TransactionLimits) {
    this.#known = known;
    this.#limits = limits;
    this.#record = known.found.record;
  }

  /** Whether another transaction may still fit into the commit. */
  get hasRoom(): boolean {
    return this.#writes.size < MAX_TRANSACTION_KEYS && this.#writtenBytes < MAX_TRANSACTION_BYTES;
  }

  /**
   * Runs a transaction; `undefined` if the commit has no room for it.
   *
   * @throws {StoreError} `too_large` if the state would be; and what the transaction's function throws.
   */
  run(transaction: CheckedTransaction): CommittedTransaction<unknown> | Needed | undefined {
    const session = used(this.#record, transaction);
    const state = new Map<string, Json>();
    for (const key of transaction.keys) {
      const text = this.#value(key);
      if (text !== undefined) state.set(key, JSON.parse(text));
    }
    const { value, set } = transaction.update(state, copyRecord(session));
    const writes = encodeUpdate(set);
    const committed = { session: copyRecord(session), value };
    const isIdle = writes.length === 0 && session.toolCalls === this.#record.toolCalls &&
      session.expiresAt === this.#record.expiresAt;
    if (isIdle) return committed;
    const isFirst = this.#writes.size === 0;
    if (!isFirst && this.#writes.size + writes.length > MAX_TRANSACTION_KEYS) return undefined;
    // What a key held counts for the size of the state. That of a few is taken for nothing.
    const assumed = writes.filter(([key]) => !this.#knows(key)).map(([key]) => key);
    if (this.#assumed.size + assumed.length > MAX_ASSUMED) {
      return isFirst ? { needs: assumed } : undefined;
    }
    const [grown, bytes] = this.#measure(writes);
    if (!isFirst && this.#writtenBytes + bytes > MAX_TRANSACTION_BYTES) return undefined;
    const { bytesPerSession } = this.#limits;
    // A write that shrinks the state is accepted, however large it still is.
    if (grown > 0 && this.#known.found.bytes + this.#grown + grown > bytesPerSession) {
      const unsure = [...this.#assumed, ...assumed];
      if (unsure.length > 0) return { needs: unsure };
      throw sessionTooLarge(bytesPerSession);
    }
    for (const [key, json] of writes) this.#writes.set(key, json);
    for (const key of assumed) this.#assumed.add(key);
    this.#record = session;
    this.#grown += grown;
    this.#writtenBytes += bytes;
    this.#isChanged = true;
    this.#isDurable ||= transaction.durable;
    return committed;
  }

  /** The commit of all that has run. */
  decided<T>(result: T, mark: Mark): Decided<T> {
    if (!this.#isChanged) return { result };
    const { stateId } = this.#record;
    const bytes = this.#known.found.bytes + this.#grown;
    const row = writtenRow({ ...this.#known.found, record: this.#record, bytes }, mark);
    const sets: [At, string][] = [[at.session(this.#record.id), row.text]];
    const deletes: At[] = [];
    for (const [key, json] of this.#writes) {
      const place = at.value(stateId, key);
      if (json === undefined) deletes.push(place);
      else sets.push([place, json]);
    }
    const counts: CountChange[] = [];
    if (this.#limits.countsBytes && this.#grown !== 0) {
      const limit = this.#grown > 0 ? this.#limits.bytes : Infinity;
      counts.push(growth(counter.bytes, this.#grown, limit));
    }
    return {
      result,
      commit: { sets, deletes, counts, durable: this.#isDurable },
      checks: Array.from(this.#assumed, (key) => [at.value(stateId, key), null]),
      after: { row, writes: [...this.#writes] },
    };
  }

  #knows(key: string): boolean {
    return this.#writes.has(key) || this.#known.values.has(key);
  }

  #value(key: string): string | undefined {
    return this.#writes.has(key) ? this.#writes.get(key) : this.#known.values.get(key);
  }

  /** The bytes by which writes make the state grow, and those that they write. */
  #measure(writes: readonly (readonly [string, string | undefined])[]): [number, number] {
    let grown = 0;
    let written = 0;
    for (const [key, json] of writes) {
      const bytes = writeBytes(key, json);
      written += bytes;
      grown += bytes - writeBytes(key, this.#value(key));
    }
    return [grown, written];
  }
}
