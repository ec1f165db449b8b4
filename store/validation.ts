/**
 * What every backend checks and copies first, so that all of them refuse the same things with the
 * same errors.
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
  StoreError,
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

/** Checks how long to wait. A timer that is given longer than it can count ends at once. */
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

/** Checks what a transaction says before its function runs, and copies it. What that gives is checked too. */
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

/** Can a session be found by this at all? What is malformed or too long finds nothing. */
export function canBeFound(by: string | SessionAlias): boolean {
  return typeof by === "string"
    ? fits("id", by)
    : fits("alias", by.alias) && (by.owner === null || fits("owner", by.owner));
}

/** The error of every method of a store that was closed. */
export function closedError(): StoreError {
  return new StoreError("closed", "The store is closed: open it again to go on");
}

/** The error of an owner who has as many sessions as one may have. */
export function ownerFull(limit: number): StoreError {
  return new StoreError(
    "full",
    `This owner has ${limit} sessions, which is as many as one may have: end some, or wait until ` +
      `some expire`,
  );
}

/** The error of a store that has as many sessions as it keeps. */
export function storeFull(limit: number): StoreError {
  return new StoreError(
    "full",
    `The store has ${limit} sessions of this server, which is as many as it keeps: end some, wait ` +
      `until some expire, or open it with a higher limit of sessions`,
  );
}

/** The error of a store whose sessions hold as much as it keeps. */
export function stateFull(limit: number): StoreError {
  return new StoreError(
    "full",
    `The store holds as much of this server's sessions as it keeps, ${limit} bytes of keys and ` +
      `values: remove some, end sessions, or open it with a higher limit of bytes`,
  );
}

/** The error of a session whose state would get too large. */
export function sessionTooLarge(limit: number): StoreError {
  return new StoreError(
    "too_large",
    `A session can hold at most ${limit} bytes of keys and values: remove some first`,
  );
}

/** How many bytes of a session's limit a key and its value take. */
export function writeBytes(key: string, json: string | undefined): number {
  return json === undefined ? 0 : utf8Length(key) + utf8Length(json);
}

/** The error of a session whose ids are taken. */
export function conflictError(): StoreError {
  return new StoreError("conflict", "There is a session with this id or stateId already");
}
