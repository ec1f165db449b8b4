/**
 * The keys and values in Deno KV. Below the namespace:
 *
 * - `session`, id: the record without the count of calls and the expiry, with the size of its state
 * - `calls`, id and `expiry`, id: those two, as sums and maxima, which merge without a conflict
 * - `owner`, owner, stateId: the id, so that an owner's sessions are listed by age
 * - `alias`, owner, alias: the id
 * - `root`, stateId: the id; a root without a record is of a state that was left behind
 * - `count`: the number of records, as a sum; `count`, owner: of a server's own records
 * - `s`, stateId, key: a value of the state; with a text as key, the mark of a process's last commit
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import { compareUtf8 } from "../utf8_order.ts";
import { INTERNAL_OWNER, type SessionAlias, type SessionRecord } from "../session_store.ts";

export class KvLayout {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  session(id: string): Deno.KvKey {
    return [this.#namespace, "session", id];
  }
  calls(id: string): Deno.KvKey {
    return [this.#namespace, "calls", id];
  }
  expiry(id: string): Deno.KvKey {
    return [this.#namespace, "expiry", id];
  }
  owned(owner: string | null): Deno.KvKey {
    return [this.#namespace, "owner", owner === null ? false : pack(owner)];
  }
  owner(owner: string | null, stateId: string): Deno.KvKey {
    return [...this.owned(owner), stateId];
  }
  alias({ owner, alias }: SessionAlias): Deno.KvKey {
    return [this.#namespace, "alias", owner === null ? false : pack(owner), pack(alias)];
  }
  count(owner: string | null): Deno.KvKey {
    const count = [this.#namespace, "count"];
    return owner === INTERNAL_OWNER ? [...count, owner] : count;
  }
  roots(): Deno.KvKey {
    return [this.#namespace, "root"];
  }
  root(stateId: string): Deno.KvKey {
    return [...this.roots(), stateId];
  }
  /** Short, as the keys of a commit can have 80 KiB in all. */
  states(stateId: string): Deno.KvKey {
    return [this.#namespace, "s", stateId];
  }
  state(stateId: string, key: string): Deno.KvKey {
    return [...this.states(stateId), pack(key)];
  }
  /** A text sorts after all packed keys, so no page of the state has it. */
  mark(stateId: string, name: string): Deno.KvKey {
    return [...this.states(stateId), name];
  }

  /** The keys that begin with `prefix` and sort after `after`; `undefined` if there can't be any. */
  page(
    stateId: string,
    prefix: string,
    after: string | undefined,
  ): Deno.KvListSelector | undefined {
    const states = this.states(stateId);
    const isIn = after !== undefined && compareUtf8(after, prefix) >= 0;
    if (isIn && !after.startsWith(prefix)) return undefined;
    // No packed byte is as low as 0 or as high as 255, so these are the next key and the last one.
    return {
      start: [...states, isIn ? Uint8Array.of(...pack(after), 0) : pack(prefix)],
      end: [...states, Uint8Array.of(...pack(prefix), 255)],
    };
  }
}

/** The key of state, alias or owner that stands at the end of a key. */
export function lastKey(key: Deno.KvKey): string {
  const last = key.at(-1);
  if (!(last instanceof Uint8Array)) throw new TypeError("The key does not end in a packed text");
  return decoder.decode(last.map((byte) => byte - 1));
}

// Each byte of UTF-8 plus one, which keeps the order. There is no zero, which KV would write as two
// bytes, so the longest key always fits.
function pack(text: string): Uint8Array {
  return encoder.encode(text).map((byte) => byte + 1);
}

/** JSON text as bytes: as a string it could take twice as many. */
export function encodeText(json: string): Uint8Array {
  return encoder.encode(json);
}

export function decodeJson(bytes: Uint8Array): Json {
  return JSON.parse(decoder.decode(bytes));
}

/** A record without its count and expiry, and the size of its state. */
export function encodeRecord(record: SessionRecord, bytes: number): Uint8Array {
  const { toolCalls: _, expiresAt: __, ...rest } = record;
  return encodeText(JSON.stringify({ ...rest, bytes }));
}

/** A record with its count and expiry, and the size of its state. */
export function decodeRecord(
  text: Uint8Array,
  calls: Deno.KvU64,
  expiry: Deno.KvU64,
): { record: SessionRecord; bytes: number } {
  const { bytes, ...rest } = decodeJson(text) as unknown as
    & Omit<SessionRecord, "toolCalls" | "expiresAt">
    & { readonly bytes: number };
  const record = { ...rest, toolCalls: Number(calls.value), expiresAt: Number(expiry.value) };
  return { record, bytes };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
