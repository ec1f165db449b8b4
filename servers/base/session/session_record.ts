/**
 * Session record: lifetime, renewal, and the cookie that shows it.
 *
 * @module
 */

import type { Cookie } from "../../../protocol/cookie.ts";
import { newSessionId } from "../../../protocol/session_id.ts";
import { randomHex } from "../../../runtime/random_hex.ts";
import type { SessionRecord } from "../../../store/mod.ts";

/** Lifetime of a session without use, unless the server has another: 7 days. */
export const DEFAULT_TTL_MS = 7 * 24 * 60 * 60 * 1000;

// Part of the lifetime: an expiry is rewritten only when less than that is left.
const RENEW_BELOW = 0.9;
// A date past this is none any more.
const MAX_LIFETIME_MS = 36_525 * 86_400_000;

/** Lifetime of sessions, in milliseconds. */
export interface Lifetime {
  /** Without use. */
  readonly ttlMs: number;
  /** However much they are used; `Infinity` for no such end. */
  readonly maxAgeMs: number;
}

/** @throws {RangeError} if a lifetime is none. */
export function checkLifetime(lifetime: Lifetime): void {
  for (const [name, ms] of Object.entries(lifetime)) {
    if (Number.isSafeInteger(ms) && ms > 0 && ms <= MAX_LIFETIME_MS) continue;
    if (name === "maxAgeMs" && ms === Infinity) continue;
    throw new RangeError(
      `Cannot make a session layer as ${name} is no whole number from 1 to ${MAX_LIFETIME_MS}: ` +
        `current value is ${ms}`,
    );
  }
}

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

/** The new expiry of a session that is used `now`; `undefined` if that is not worth writing. */
export function renewedExpiry(record: SessionRecord, now: number): number | undefined {
  const renewed = Math.min(now + record.ttlMs, record.endsAt ?? Infinity);
  const isDue = record.expiresAt - now < record.ttlMs * RENEW_BELOW;
  return isDue && renewed > record.expiresAt ? renewed : undefined;
}

// 48 bits of time, a count of 16 bits within the millisecond, 64 random bits: sorts by age.
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

const UNITS = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]] as const;

/** A span of time for people, in the largest unit that divides it. */
export function spanText(ms: number): string {
  const [name, unit] = UNITS.find(([, unit]) => ms % unit === 0) ?? ["second", 1000];
  const count = ms / unit;
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}
