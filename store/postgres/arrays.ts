/**
 * Arrays as PostgreSQL takes them in binary: neither names with NUL nor long texts need an escape then.
 *
 * @module
 */

import { Buffer } from "node:buffer";

const TYPES = { bytea: 17, int8: 20, int4: 23 };

/** Bytes as they are, or as text whose UTF-8 they are; `null` is NULL. */
export type Bytes = string | Uint8Array | null;

export function byteArray(items: readonly Bytes[]): Buffer {
  let size = 0;
  for (const item of items) {
    // UTF-8 has at most three bytes for each of JavaScript's units.
    size += 4 + (typeof item === "string" ? 3 * item.length : item?.length ?? 0);
  }
  const array = begin("bytea", items.length, size);
  let at = HEADER;
  for (const item of items) {
    const start = at + 4;
    let length = -1;
    if (typeof item === "string") length = array.write(item, start, "utf8");
    else if (item !== null) {
      array.set(item, start);
      length = item.length;
    }
    array.writeInt32BE(length, at);
    at = start + Math.max(length, 0);
  }
  return array.subarray(0, at);
}

export function int4Array(items: readonly number[]): Buffer {
  const array = begin("int4", items.length, 8 * items.length);
  let at = HEADER;
  for (const item of items) {
    at = array.writeInt32BE(4, at);
    at = array.writeInt32BE(item, at);
  }
  return array;
}

/** Safe integers, or NULL. */
export function int8Array(items: readonly (number | null)[]): Buffer {
  const array = begin("int8", items.length, 12 * items.length);
  let at = HEADER;
  for (const item of items) {
    at = array.writeInt32BE(item === null ? -1 : 8, at);
    if (item === null) continue;
    at = array.writeInt32BE(Math.floor(item / 2 ** 32), at);
    at = array.writeInt32BE(item | 0, at);
  }
  return array.subarray(0, at);
}

const HEADER = 20;

function begin(type: keyof typeof TYPES, length: number, size: number): Buffer {
  const array = Buffer.allocUnsafe(HEADER + size);
  // One dimension, from 1; an array of none is taken too.
  array.writeInt32BE(1, 0);
  array.writeInt32BE(1, 4);
  array.writeInt32BE(TYPES[type], 8);
  array.writeInt32BE(length, 12);
  array.writeInt32BE(1, 16);
  return array;
}
