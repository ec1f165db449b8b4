/**
 * Validation: every backend checks and copies its arguments here first, so that all of them refuse the
 * same with the same errors.
 *
 * @module
 */

import { utf8Length } from "../runtime/utf8.ts";
import { describe } from "./json_text.ts";
import { checkText, checkWhole, fits } from "./session_record.ts";
import {
  checkKey,
  checkKeys,
  checkUpdate,
  DEFAULT_LIMITS,
  type SessionAlias,
  type SessionListOptions,
  type SessionRecord,
  type StateEntriesOptions,
  type StateTransaction,
  type StoreLimits,
} from "./session_store.ts";

/** The session as it is once a transaction has counted and renewed it. */
export function used(
  record: SessionRecord,
  { calls, expiresAt }: { readonly calls: number; readonly expiresAt: number },
): SessionRecord {
  const latest = Math.min(expiresAt, record.endsAt ?? Infinity);
  return {
    ...copyRecord(record),
    toolCalls: record.toolCalls + calls,
    expiresAt: Math.max(record.expiresAt, latest),
  };
}

/** Checks a new id. */
export function checkId(id: string): string {
  return checkText("id", id);
}

/** Checks a timeout, and cuts it to the longest of a timer: a longer one would fire at once. */
export function checkTimeout(name: string, ms: number): number {
  if (typeof ms === "number" && ms >= 0) return Math.min(ms, 2 ** 31 - 1);
  throw new RangeError(`${name} must be 0 or more: current value is ${ms}`);
}

/** Checks a store's limits and fills in those that are not given. */
export function checkLimits(limits: Partial<StoreLimits> = {}): StoreLimits {
  const checked = { ...DEFAULT_LIMITS, ...limits };
  for (const [name, limit] of Object.entries(checked)) {
    if (typeof limit !== "number" || !(limit >= 0)) {
      throw new RangeError(`${name} must be 0 or more: current value is ${limit}`);
    }
  }
  return checked;
}

/** A copy of a record that shares nothing with it. */
export function copyRecord(record: SessionRecord): SessionRecord {
  return { ...record, data: { ...record.data } };
}

/** Checks and copies a transaction, and lets its function check its own result. */
export function checkTransaction<T>(
  transaction: StateTransaction<T>,
): Required<Omit<StateTransaction<T>, "expiresAt">> & { readonly expiresAt: number } {
  const { update } = transaction;
  if (typeof update !== "function") {
    throw new TypeError(`A transaction's update must be a function: it is ${describe(update)}`);
  }
  return {
    keys: checkKeys(transaction.keys ?? []),
    update: (state, session) => checkUpdate(update(state, session)),
    calls: checkWhole("calls", transaction.calls ?? 0),
    expiresAt: checkWhole("expiresAt", transaction.expiresAt ?? 0),
    durable: transaction.durable ?? true,
  };
}

/** Checks and copies the options of a page of sessions. */
export function checkList(options: SessionListOptions): SessionListOptions {
  const { owner, after, limit } = options;
  if (owner !== null && typeof owner !== "string") {
    throw new TypeError(`The owner of a list must be a string or null: it is ${describe(owner)}`);
  }
  return { owner, after, limit: checkWhole("limit", limit) };
}

/** Checks and copies the options of a page of entries. */
export function checkEntries(
  options: StateEntriesOptions,
): StateEntriesOptions & { readonly prefix: string } {
  const { prefix = "", after, limit } = options;
  return {
    prefix: checkKey(prefix),
    after: after === undefined ? undefined : checkKey(after),
    limit: checkWhole("limit", limit),
  };
}

/** Checks the name that keeps the sessions of one server apart from those of others. */
export function checkNamespace(namespace: string): string {
  return checkText("namespace", namespace);
}

/** Whether an id or alias can be a session's: one that is malformed or too long cannot. */
export function canBeFound(by: string | SessionAlias): boolean {
  return typeof by === "string"
    ? fits("id", by)
    : fits("alias", by.alias) && (by.owner === null || fits("owner", by.owner));
}

/** The bytes of a key and its value, as limits count them. */
export function writeBytes(key: string, json: string | undefined): number {
  return json === undefined ? 0 : utf8Length(key) + utf8Length(json);
}
