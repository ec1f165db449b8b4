/**
 * Random identifiers in hex.
 *
 * @module
 */

/** `bytes` random bytes from the platform's CSPRNG, in lowercase hex. */
export function randomHex(bytes: number): string {
  let hex = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(bytes))) {
    hex += byte.toString(16).padStart(2, "0");
  }
  return hex;
}
