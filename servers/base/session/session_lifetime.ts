/**
 * Session lifetime: without use, in all, and its renewal by use (sliding expiry).
 *
 * @module
 */

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

/** The new expiry of a session that is used `now`; `undefined` if that is not worth writing. */
export function renewedExpiry(record: SessionRecord, now: number): number | undefined {
  const renewed = Math.min(now + record.ttlMs, record.endsAt ?? Infinity);
  const isDue = record.expiresAt - now < record.ttlMs * RENEW_BELOW;
  return isDue && renewed > record.expiresAt ? renewed : undefined;
}

const UNITS = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]] as const;

/** A span of time for people, in the largest unit that divides it. */
export function spanText(ms: number): string {
  const [name, unit] = UNITS.find(([, unit]) => ms % unit === 0) ?? ["second", 1000];
  const count = ms / unit;
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}
