/**
 * Comparing secrets.
 *
 * @module
 */
import { timingSafeEqual as compare } from "node:crypto";

/**
 * Whether two byte strings of one length are equal, in a time that tells nothing of them.
 *
 * @throws {TypeError} if their lengths differ.
 */
export function timingSafeEqual(
  a: ArrayBufferView | ArrayBufferLike,
  b: ArrayBufferView | ArrayBufferLike,
): boolean {
  if (a.byteLength !== b.byteLength) {
    throw new TypeError(
      `Cannot compare as the lengths differ: ${a.byteLength} and ${b.byteLength} bytes`,
    );
  }
  return compare(bytes(a), bytes(b));
}

function bytes(value: ArrayBufferView | ArrayBufferLike): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
}
