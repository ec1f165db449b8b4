/**
 * The layout in Deno KV before the one of rows. Below the namespace:
 *
 * - `session`, id: the record without the count of calls and the expiry, with the size of its state
 * - `calls`, id and `expiry`, id: those two, as sums and maxima
 * - `owner`, owner, stateId: the id
 * - `alias`, owner, alias: the id
 * - `root`, stateId: the id; a root without a record is of a state that was left behind
 * - `count`: the number of records, as a sum; `count`, owner: of a server's own records
 * - `s`, stateId, key: a value of the state; with a text as key, the mark of a process's last commit
 *
 * @module
 */

import { decodeText, pack } from "./kv_keys.ts";
import { INTERNAL_OWNER, type SessionAlias, type SessionRecord } from "../session_store.ts";

export class OldLayout {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  sessions(): Deno.KvKey {
    return [this.#namespace, "session"];
  }
  /** The record, the count and the expiry: each moves with its own writes. */
  session(id: string): [Deno.KvKey, Deno.KvKey, Deno.KvKey] {
    return [
      [...this.sessions(), id],
      [this.#namespace, "calls", id],
      [this.#namespace, "expiry", id],
    ];
  }
  owner(owner: string | null, stateId: string): Deno.KvKey {
    return [this.#namespace, "owner", packed(owner), stateId];
  }
  alias({ owner, alias }: SessionAlias): Deno.KvKey {
    return [this.#namespace, "alias", packed(owner), pack(alias)];
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
  /** The values and marks: keys that end in packed bytes, as today's rows do, and keys that do not. */
  states(stateId: string): Deno.KvKey {
    return [this.#namespace, "s", stateId];
  }
}

/** A record as it was stored, without its count and expiry. */
export type StoredRecord = Omit<SessionRecord, "toolCalls" | "expiresAt"> & {
  readonly bytes: number;
};

export function storedRecord(value: Uint8Array): StoredRecord {
  return JSON.parse(decodeText(value));
}

function packed(owner: string | null): Deno.KvKeyPart {
  return owner === null ? false : pack(owner);
}
