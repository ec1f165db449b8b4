/**
 * Validation of a session's record, and of the texts that it is found by.
 *
 * @module
 */

import { utf8Length } from "../runtime/utf8.ts";
import { describe, isPlain } from "./json_text.ts";
import { MAX_VALUE_BYTES, type SessionRecord } from "./session_store.ts";

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

/** Whether a text is well-formed, not empty and not too long. */
export function fits(name: keyof typeof MAX_BYTES, text: string): boolean {
  return text !== "" && text.isWellFormed() && utf8Length(text) <= MAX_BYTES[name];
}

/** Checks a text that a record is found by. */
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

/** Checks a number of milliseconds, calls or items. */
export function checkWhole(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name} must be a whole number from 0: current value is ${value}`);
  }
  return value;
}
