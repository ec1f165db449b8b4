/**
 * Limits of request states, which are known before any is made.
 *
 * @module
 */

/** Lifetime of a request state, in milliseconds: 10 minutes, in which the user has to answer. */
export const REQUEST_STATE_MS = 10 * 60 * 1000;

/** The bytes of a key that seals them. */
export const KEY_BYTES = 32;

/** @throws {RangeError} if it is not {@linkcode KEY_BYTES} long. */
export function checkKeyLength(bytes: Uint8Array): void {
  if (bytes.length === KEY_BYTES) return;
  throw new RangeError(
    `Cannot seal with a key that has not ${KEY_BYTES} bytes: current value has ${bytes.length}`,
  );
}
