import { toHex } from "./bytes.ts";

/** `bytes` random bytes from the platform's CSPRNG, in lowercase hex. */
export function randomHex(bytes: number): string {
  return toHex(crypto.getRandomValues(new Uint8Array(bytes)));
}
