/**
 * Comparing secrets.
 *
 * @module
 */
import { timingSafeEqual as compare } from "node:crypto";

/** Whether two byte strings are equal, in a time that tells nothing but their lengths. */
export function timingSafeEqual(
  a: ArrayBufferView | ArrayBufferLike,
  b: ArrayBufferView | ArrayBufferLike,
): boolean {
  return a.byteLength === b.byteLength && compare(bytes(a), bytes(b));
}

function bytes(value: ArrayBufferView | ArrayBufferLike): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
}
