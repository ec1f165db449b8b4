/**
 * Validation: every backend checks and copies its arguments here first, so that all of them refuse the
 * same with the same errors.
 *
 * @module
 */

import { utf8Length } from "../runtime/utf8.ts";
import { describe, isPlain } from "./json_text.ts";
import {
  checkKey,
  checkKeys,
  checkUpdate,
  DEFAULT_LIMITS,
  MAX_VALUE_BYTES,
  type SessionAlias,
  type SessionListOptions,
  type SessionRecord,
  type StateEntriesOptions,
  type StateTransaction,
  type StoreLimits,
} from "./session_store.ts";

// With these, a record's keys fit the 2,048 bytes of a key in Deno KV, and 500 keys of state fit the
// 80 KiB of all keys of a commit.
const MAX_BYTES = { id: 256, stateId: 52, owner: 1024, alias: 512, namespace: 48 } as const;

/**
 * Checks a new session and copies it.
 *
 * @throws {TypeError} if a text is not well-formed Unicode, or a number is not a whole one.
 * @throws {RangeError} if a text is empty or too long, or the whole is too large.
 */
export function checkRecord(session: SessionRecord): SessionRecord {
  const record: SessionRecord = {
    id: checkText("id", session.id),
    stateId: checkText("stateId", session.stateId),
    owner: session.owner === null ? null : checkText("owner", session.owner),
    alias: session.alias === null ? null : checkText("alias", session.alias),
    ttlMs: checkWhole("ttlMs", session.ttlMs),
    expiresAt: checkWhole("expiresAt", session.expiresAt),
    endsAt: session.endsAt === null ? null : checkWhole("endsAt", session.endsAt),
    toolCalls: checkWhole("toolCalls", session.toolCalls),
    data: checkData(session.data),
  };
  if (record.endsAt !== null && record.expiresAt > record.endsAt) {
    throw new RangeError("A session's expiresAt must not be later than its endsAt");
  }
  const bytes = utf8Length(JSON.stringify(record));
  if (bytes > MAX_VALUE_BYTES) {
    throw new RangeError(
      `A session can have at most ${MAX_VALUE_BYTES} bytes of UTF-8 JSON: it has ${bytes}`,
    );
  }
  return record;
}

function checkData(data: SessionRecord["data"]): Record<string, string> {
  if (!isPlain(data)) {
    throw new TypeError(`A session's data must be a plain object: it is ${describe(data)}`);
  }
  const copy = { ...data };
  for (const pair of Object.entries(copy)) {
    if (!pair.every((text) => typeof text === "string" && text.isWellFormed())) {
      throw new TypeError("A session's data must be strings of well-formed Unicode");
    }
  }
  return copy;
}

export function fits(name: keyof typeof MAX_BYTES, text: string): boolean {
  return text !== "" && text.isWellFormed() && utf8Length(text) <= MAX_BYTES[name];
}

export function checkText(name: keyof typeof MAX_BYTES, text: string): string {
  if (typeof text !== "string" || !text.isWellFormed()) {
    throw new TypeError(`A session's ${name} must be a string of well-formed Unicode`);
  }
  if (!fits(name, text)) {
    throw new RangeError(
      `A session's ${name} must have 1 to ${MAX_BYTES[name]} bytes of UTF-8: ` +
        `it has ${utf8Length(text)}`,
    );
  }
  return text;
}

export function checkWhole(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name} must be a whole number from 0: current value is ${value}`);
  }
  return value;
}

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

/** The timeout of an operation on a database, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 10_000;

/** Checks a timeout, and cuts it to the longest of a timer: a longer one would fire at once. */
export function checkTimeout(name: string, ms: number): number {
  if (typeof ms === "number" && ms >= 0) return Math.min(ms, 2 ** 31 - 1);
  throw new RangeError(`${name} must be 0 or more: current value is ${ms}`);
}

export function checkLimits(limits: Partial<StoreLimits> = {}): StoreLimits {
  const checked = { ...DEFAULT_LIMITS, ...limits };
  for (const [name, limit] of Object.entries(checked)) {
    if (typeof limit !== "number" || !(limit >= 0)) {
      throw new RangeError(`${name} must be 0 or more: current value is ${limit}`);
    }
  }
  return checked;
}

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

export function checkList(options: SessionListOptions): SessionListOptions {
  const { owner, after, limit } = options;
  if (owner !== null && typeof owner !== "string") {
    throw new TypeError(`The owner of a list must be a string or null: it is ${describe(owner)}`);
  }
  return { owner, after, limit: checkWhole("limit", limit) };
}

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
