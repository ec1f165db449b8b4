import { randomHex } from "../runtime/random_hex.ts";
import { sha256 } from "../runtime/sha256.ts";

// 48 bits of time, a count of 16 bits within the millisecond, 64 random bits.
let lastTime = 0;
let count = 0;

/** A new internal id of a session, which sorts by age. */
export function newStateId(now: number): string {
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

/** The time of a {@linkcode newStateId} in milliseconds since 1970; `undefined` for any other id. */
export function timeOfStateId(stateId: string): number | undefined {
  return /^[0-9a-f]{32}$/.test(stateId) ? Number.parseInt(stateId.slice(0, 12), 16) : undefined;
}

/** The key of a session for observers: its `stateId` cannot be found from it, and opens nothing either. */
export function sessionKey(stateId: string): string {
  return sha256(stateId).slice(0, 16);
}
