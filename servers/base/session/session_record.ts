/**
 * Session record, and the cookie that shows it.
 *
 * @module
 */

import type { Cookie } from "../../../protocol/cookie.ts";
import { newSessionId } from "../../../protocol/session_id.ts";
import type { SessionRecord } from "../../../store/mod.ts";
import { newStateId } from "../../../store/state_id.ts";
import type { Lifetime } from "./session_lifetime.ts";

export interface NewSession {
  readonly owner: string | null;
  readonly title: string;
  readonly reason: string;
  /** Further pairs for its cookie. */
  readonly extra?: Readonly<Record<string, string>>;
  /** Alias by which its owner finds it. @default null */
  readonly alias?: string | null;
  readonly lifetime: Lifetime;
  readonly now: number;
}

/** Makes the record of a new session. It is not in any store yet. */
export function newRecord(session: NewSession): SessionRecord {
  const { owner, title, reason, extra, alias = null, lifetime: { ttlMs, maxAgeMs }, now } = session;
  const endsAt = maxAgeMs === Infinity ? null : now + maxAgeMs;
  return {
    id: newSessionId(),
    stateId: newStateId(now),
    owner,
    alias,
    ttlMs,
    expiresAt: Math.min(now + ttlMs, endsAt ?? Infinity),
    endsAt,
    toolCalls: 0,
    data: { title, reason, createdAt: new Date(now).toISOString(), ...extra },
  };
}

export function cookieOf(record: SessionRecord): Cookie {
  return { id: record.id, expiry: isoTime(record.expiresAt), data: record.data };
}

// A cache: most calls show an expiry that was shown before, and formatting takes long.
const isoTimes = new Map<number, string>();

/** The last date there is: a record may say "never" by a number beyond it. */
const LAST_DATE_MS = 8.64e15;

function isoTime(ms: number): string {
  let text = isoTimes.get(ms);
  if (text === undefined) {
    text = new Date(Math.min(ms, LAST_DATE_MS)).toISOString();
    if (isoTimes.size === 1000) isoTimes.clear();
    isoTimes.set(ms, text);
  }
  return text;
}
