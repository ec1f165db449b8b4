/**
 * The keys in Deno KV. Below the namespace:
 *
 * - part, name, both as packed bytes: a row, its text as bytes of UTF-8
 * - `counter`, name: a sum
 * - `pending`, part: a part whose rows are of no use: it is copied to just now, or was dropped
 * - `mark`, process, number: the mark of a commit, by which one whose answer was lost is known to be made
 * - `layout`: the number of this layout; the one before it had none, and no packed bytes
 *
 * @module
 */

import type { CounterPage } from "../rows/inspected_rows.ts";
import type { At, RowPage } from "../rows/rows.ts";
import { compareUtf8 } from "../utf8_order.ts";

/** The longest key, in bytes. A zero byte takes two, and each part has one before it and after it. */
const MAX_KEY_BYTES = 2048;
const OVERHEAD_BYTES = 8;

export class KvKeys {
  readonly #namespace: string;
  readonly #namespaceBytes: number;

  constructor(namespace: string) {
    this.#namespace = namespace;
    this.#namespaceBytes = encoder.encode(namespace.replaceAll("\0", "\0\0")).length;
  }

  row([part, name]: At): Deno.KvKey {
    return [this.#namespace, pack(part), pack(name)];
  }
  part(part: string): Deno.KvKey {
    return [this.#namespace, pack(part)];
  }
  counter(name: string): Deno.KvKey {
    return [this.#namespace, "counter", pack(name)];
  }
  counters({ prefix, after }: CounterPage): Deno.KvListSelector {
    const counters = [this.#namespace, "counter"];
    const from = pack(prefix);
    const start = after === undefined ? from : Uint8Array.of(...pack(after), 0);
    return { start: [...counters, start], end: [...counters, Uint8Array.of(...from, 255)] };
  }
  pendings(): Deno.KvKey {
    return [this.#namespace, "pending"];
  }
  pending(part: string): Deno.KvKey {
    return [this.#namespace, "pending", pack(part)];
  }
  marks(...process: string[]): Deno.KvKey {
    return [this.#namespace, "mark", ...process];
  }
  mark(process: string, number: number): Deno.KvKey {
    return [...this.marks(process), number];
  }
  layout(): Deno.KvKey {
    return [this.#namespace, "layout"];
  }

  /** The rows of a page; `undefined` if there can't be any. */
  page({ part, prefix = "", after }: RowPage): Deno.KvListSelector | undefined {
    const isIn = after !== undefined && compareUtf8(after, prefix) >= 0;
    if (isIn && !after.startsWith(prefix)) return undefined;
    const rows = this.part(part);
    // No packed byte is as low as 0 or as high as 255, so these are the next key and the last one.
    const from = pack(prefix);
    const start = isIn ? Uint8Array.of(...this.#cut(part, pack(after)), 0) : from;
    return { start: [...rows, start], end: [...rows, Uint8Array.of(...from, 255)] };
  }

  /** Names that sort after a long one sort after as much of it as a name can have. */
  #cut(part: string, name: Uint8Array): Uint8Array {
    const others = this.#namespaceBytes + encoder.encode(part).length + OVERHEAD_BYTES;
    return name.subarray(0, Math.max(0, MAX_KEY_BYTES - others));
  }
}

/** The text that stands packed at the end of a key. */
export function lastText(key: Deno.KvKey): string {
  const last = key.at(-1);
  if (!(last instanceof Uint8Array)) throw new TypeError("The key does not end in a packed text");
  return decoder.decode(last.map((byte) => byte - 1));
}

// Each byte of UTF-8 plus one, which keeps the order. There is no zero, which KV would write as two
// bytes, so the longest key always fits.
export function pack(text: string): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(text);
  for (let i = 0; i < bytes.length; i++) bytes[i]!++;
  return bytes;
}

/** A text as bytes: as a string it could take twice as many. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
