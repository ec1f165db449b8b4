/**
 * Keys of request states: those that the server was given, else one that is kept in its store, so that
 * every process on the store has it.
 *
 * @module
 */

import { fromHex } from "../../../runtime/bytes.ts";
import { randomHex } from "../../../runtime/random_hex.ts";
import { INTERNAL_OWNER, type SessionStore } from "../../../store/session_store.ts";
import { newRecord } from "../session/session_record.ts";
import { importSealingKey, type SealingKey } from "./request_state.ts";
import { KEY_BYTES } from "./request_state_limits.ts";

/** At least one key: the first seals, each opens. */
export type SealingKeys = readonly [first: SealingKey, ...others: SealingKey[]];

/** The name of the record with the key in the store. */
const ALIAS = "request-state-key";

/** Lifetime of the key, up to the last date there is. */
const NO_END = { ttlMs: 8.64e15, maxAgeMs: Infinity } as const;

const keptKeys = new WeakMap<SessionStore, Promise<SealingKeys>>();

export class RequestStateKeys {
  readonly #store: SessionStore;
  readonly #given: readonly Uint8Array[];
  #imported: Promise<SealingKeys> | undefined;

  constructor(store: SessionStore, given: readonly Uint8Array[]) {
    this.#store = store;
    this.#given = given;
  }

  /** The keys. Only the first use of a key that is kept in the store asks the store. */
  get(): Promise<SealingKeys> {
    const [first, ...others] = this.#given;
    return first === undefined ? keptKey(this.#store) : this.#imported ??= importAll(first, others);
  }
}

async function importAll(first: Uint8Array, others: readonly Uint8Array[]): Promise<SealingKeys> {
  return [await importSealingKey(first), ...await Promise.all(others.map(importSealingKey))];
}

/** The key in the store. Layers of one store share it, as `--stateful` has one for each client. */
function keptKey(store: SessionStore): Promise<SealingKeys> {
  let kept = keptKeys.get(store);
  if (kept === undefined) {
    kept = findOrMake(store);
    keptKeys.set(store, kept);
    // A store that fails now may work later.
    kept.catch(() => keptKeys.delete(store));
  }
  return kept;
}

async function findOrMake(store: SessionStore): Promise<SealingKeys> {
  const name = { owner: INTERNAL_OWNER, alias: ALIAS };
  const { data } = await store.get(name) ?? await store.create({
    ...newRecord({ ...name, title: "", reason: "", lifetime: NO_END, now: Date.now() }),
    // Of several processes that make one, the store takes the first.
    data: { key: randomHex(KEY_BYTES) },
  });
  return [await importSealingKey(fromHex(data.key ?? "") ?? new Uint8Array())];
}
