/**
 * A session's record, from its birth through its renewals to the cookie that shows it.
 *
 * @module
 */

import { type Cookie, newSessionId, randomHex } from "../../protocol.ts";
import type { SessionRecord } from "../../store/mod.ts";

/** How long a session lives without use unless the server says otherwise: 7 days. */
export const DEFAULT_TTL_MS = 7 * 24 * 60 * 60 * 1000;
/** How long a session lives without use that nobody asked for: 30 minutes. */
export const LAZY_TTL_MS = 30 * 60 * 1000;

// An expiry is rewritten only when less than this part of the lifetime is left.
const RENEW_BELOW = 0.9;

/** What a new session is made of. */
export interface NewSession {
  /** The principal whose session it is, or `null`. */
  readonly owner: string | null;
  /** For people to recognise it by. */
  readonly title: string;
  /** What made it: a method or a tool. */
  readonly reason: string;
  /** Further pairs for its cookie. */
  readonly extra?: Readonly<Record<string, string>>;
  /** Its lifetime without use, in milliseconds. */
  readonly ttlMs: number;
  /** The time of its birth, in milliseconds since 1970. */
  readonly now: number;
}

/** Makes the record of a session that never was. It is not in any store yet. */
export function newRecord(session: NewSession): SessionRecord {
  const { owner, title, reason, extra, ttlMs, now } = session;
  return {
    id: newSessionId(),
    stateId: newStateId(now),
    owner,
    alias: null,
    ttlMs,
    expiresAt: now + ttlMs,
    toolCalls: 0,
    data: { title, reason, createdAt: new Date(now).toISOString(), ...extra },
  };
}

/** The session's cookie, as it goes over the wire. */
export function cookieOf(record: SessionRecord): Cookie {
  return {
    id: record.id,
    expiry: new Date(record.expiresAt).toISOString(),
    data: record.data,
  };
}

/** When the session ends if it is used `now`, or `undefined` if that is not worth writing. */
export function renewedExpiry(record: SessionRecord, now: number): number | undefined {
  return record.expiresAt - now < record.ttlMs * RENEW_BELOW ? now + record.ttlMs : undefined;
}

// 48 bits of time, 16 of a count within the millisecond, 64 of chance: sorts by age.
let lastTime = 0;
let count = 0;
function newStateId(now: number): string {
  if (now > lastTime) {
    lastTime = now;
    count = 0;
  } else if (++count > 0xffff) {
    lastTime++;
    count = 0;
  }
  return lastTime.toString(16).padStart(12, "0") + count.toString(16).padStart(4, "0") +
    randomHex(8);
}
