/**
 * A session's record, from its birth through its renewals to the cookie that shows it.
 *
 * @module
 */

import type { Cookie } from "../../../protocol/cookie.ts";
import { newSessionId } from "../../../protocol/session_id.ts";
import { randomHex } from "../../../runtime/random_hex.ts";
import type { SessionRecord } from "../../../store/mod.ts";

/** How long a session lives without use unless the server says otherwise: 7 days. */
export const DEFAULT_TTL_MS = 7 * 24 * 60 * 60 * 1000;
/** How long a session lives without use that nobody asked for: 30 minutes. */
export const LAZY_TTL_MS = 30 * 60 * 1000;

// An expiry is rewritten only when less than this part of the lifetime is left.
const RENEW_BELOW = 0.9;

/** How long sessions live, in milliseconds. */
export interface Lifetime {
  /** Without use. */
  readonly ttlMs: number;
  /** However much they are used; `Infinity` for no such end. */
  readonly maxAgeMs: number;
}

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
  /** What its owner finds it by. @default null */
  readonly alias?: string | null;
  /** How long it lives. */
  readonly lifetime: Lifetime;
  /** The time of its birth, in milliseconds since 1970. */
  readonly now: number;
}

/** Makes the record of a session that never was. It is not in any store yet. */
export function newRecord(session: NewSession): SessionRecord {
  const { owner, title, reason, extra, alias = null, lifetime, now } = session;
  const { ttlMs, maxAgeMs } = lifetime;
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

/** The session's cookie, as it goes over the wire. */
export function cookieOf(record: SessionRecord): Cookie {
  return {
    id: record.id,
    expiry: isoTime(record.expiresAt),
    data: record.data,
  };
}

// Most calls show an expiry that was shown before, and to write it out takes as long as to read it
// from the store.
const isoTimes = new Map<number, string>();

/** The last moment that is a date: a record may say "never" by a number beyond it. */
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

/** When the session ends if it is used `now`, or `undefined` if that is not worth writing. */
export function renewedExpiry(record: SessionRecord, now: number): number | undefined {
  const renewed = Math.min(now + record.ttlMs, record.endsAt ?? Infinity);
  const isDue = record.expiresAt - now < record.ttlMs * RENEW_BELOW;
  return isDue && renewed > record.expiresAt ? renewed : undefined;
}

/** How long after its last renewal a running call renews its session again, in milliseconds. */
export function renewalInterval({ ttlMs }: SessionRecord): number {
  // A longer time would overflow the timer, and come at once.
  return Math.min(ttlMs / 3, 2 ** 31 - 1);
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

const UNITS = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]] as const;

/** A length of time for people, in the largest unit that divides it. */
export function inWords(ms: number): string {
  const [name, unit] = UNITS.find(([, unit]) => ms % unit === 0) ?? ["second", 1000];
  const count = ms / unit;
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}
