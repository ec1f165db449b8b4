/**
 * Whole parts in Deno KV: copied and dropped with a commit. What one commit cannot take goes before it
 * or after it, with a pending row by which anybody finds what a killed process has left.
 *
 * @module
 */

import { randomHex } from "../../runtime/random_hex.ts";
import { KvBatch, LIST_BATCH, Room } from "./kv_batch.ts";
import { type KvKeys, lastText } from "./kv_keys.ts";
import { StoreError } from "../session_store.ts";

/** What a commit does besides its rows, and what follows it. */
export interface KvWrites {
  readonly checks?: readonly Deno.AtomicCheck[];
  readonly sets?: readonly (readonly [key: Deno.KvKey, value: unknown])[];
  readonly deletes?: readonly Deno.KvKey[];
  readonly sums?: readonly (readonly [key: Deno.KvKey, by: bigint])[];
  readonly made?: (version: string) => Promise<void>;
  readonly lost?: () => Promise<void>;
}

export interface KvCopy extends KvWrites {
  /** All keys of the source, if the commit copies them. */
  readonly source?: readonly Deno.KvKey[];
}

/** The part of a commit that a part may take to be copied or dropped at once. */
const INLINE_PART = 1 / 4;
/** The age of a pending row whose process has ended, or will find that it was claimed. */
const LEFT_MS = 60_000;
const SWEPT_AT_ONCE = 100;

type Pending = readonly [since: number, token: string];

export class KvParts {
  readonly #kv: Deno.Kv;
  readonly #keys: KvKeys;
  readonly #now: () => number;

  constructor(kv: Deno.Kv, keys: KvKeys, now: () => number) {
    this.#kv = kv;
    this.#keys = keys;
    this.#now = now;
  }

  /**
   * Copies rows to a part that has none. The commit must find the source unchanged by a check of its own.
   *
   * @throws {StoreError} `locked` if somebody has claimed the copy.
   */
  async copy(from: Deno.KvKey, to: string): Promise<KvCopy> {
    const key = this.#keys.pending(to);
    const [few, pending] = await Promise.all([this.few(from), this.#kv.get<Pending>(key)]);
    const target = this.#keys.part(to);
    if (few !== undefined && pending.versionstamp === null) {
      const sets = few.filter(isRow).map(({ key, value }) => [[...target, key.at(-1)!], value]);
      const source = few.map(({ key }) => key);
      return { checks: [pending], sets: sets as [Deno.KvKey, Uint8Array][], source };
    }
    const claimed = await this.#claim(pending) ?? fail();
    // An attempt before this one has left rows.
    if (pending.versionstamp !== null) await this.remove(target, claimed) || fail();
    const batch = new KvBatch(this.#kv, [claimed]);
    for await (const entry of this.#list<Uint8Array>(from)) {
      if (isRow(entry)) await batch.set([...target, entry.key.at(-1)!], entry.value) || fail();
    }
    await batch.commit() || fail();
    return { checks: [claimed], deletes: [key], lost: () => this.clear(claimed) };
  }

  /**
   * Drops a part. Nobody reads its rows after the commit, nor sets one; if the commit `isGuarded`, one
   * that sets a row before it makes a check of it fail.
   */
  async drop(part: string, isGuarded: boolean): Promise<KvWrites> {
    const few = isGuarded ? await this.few(this.#keys.part(part)) : undefined;
    if (few !== undefined) return { deletes: few.map(({ key }) => key) };
    const key = this.#keys.pending(part);
    const made = (versionstamp: string) => this.clear({ key, versionstamp });
    return { sets: [[key, this.#pending()]], made };
  }

  /** The check that nothing of a part is pending. */
  absent(part: string): Deno.AtomicCheck {
    return { key: this.#keys.pending(part), versionstamp: null };
  }

  async pendingVersion(part: string): Promise<string | null> {
    return (await this.#kv.get(this.#keys.pending(part))).versionstamp;
  }

  /** Removes what is pending of parts. `false` if nothing was. */
  async clearEach(parts: readonly string[]): Promise<boolean> {
    const each = await Promise.all(parts.map((part) => this.#kv.get(this.#keys.pending(part))));
    const pending = each.filter(({ versionstamp }) => versionstamp !== null);
    for (const entry of pending) await this.clear(entry);
    return pending.length > 0;
  }

  /** Removes the rows of a pending part. A commit that needs them fails from then on. */
  async clear(pending: Deno.AtomicCheck): Promise<void> {
    const claimed = await this.#claim(pending);
    if (claimed === undefined) return;
    if (!await this.remove(this.#keys.part(lastText(claimed.key)), claimed)) return;
    // Last: until then a sweep finds the rest.
    await this.#kv.atomic().check(claimed).delete(claimed.key).commit();
  }

  /** Removes what processes have left that ended in the middle. */
  async sweep(): Promise<void> {
    const now = this.#now();
    const options = { limit: SWEPT_AT_ONCE };
    for await (const entry of this.#kv.list<Pending>({ prefix: this.#keys.pendings() }, options)) {
      const [since] = entry.value;
      // One from the future is of a clock that was wrong.
      if (Math.abs(now - since) >= LEFT_MS) await this.clear(entry);
    }
  }

  /** The entries below a key, if they are few enough for a part of one commit. */
  async few(prefix: Deno.KvKey): Promise<Deno.KvEntry<Uint8Array>[] | undefined> {
    const room = new Room(INLINE_PART);
    const few: Deno.KvEntry<Uint8Array>[] = [];
    for await (const entry of this.#kv.list<Uint8Array>({ prefix })) {
      if (!room.take(entry.key, entry.value.length)) return undefined;
      few.push(entry);
    }
    return few;
  }

  /** Removes all below a key, while a check holds. `false` if it did not. */
  async remove(prefix: Deno.KvKey, check: Deno.AtomicCheck): Promise<boolean> {
    const batch = new KvBatch(this.#kv, [check]);
    for await (const { key } of this.#list(prefix)) if (!await batch.delete(key)) return false;
    return await batch.commit();
  }

  #list<T>(prefix: Deno.KvKey): Deno.KvListIterator<T> {
    return this.#kv.list<T>({ prefix }, { batchSize: LIST_BATCH });
  }

  /** Gives a pending row another version. `undefined` if others have changed it. */
  async #claim(
    { key, versionstamp }: Deno.AtomicCheck,
  ): Promise<Deno.AtomicCheck | undefined> {
    const pending = this.#pending();
    const made = await this.#kv.atomic().check({ key, versionstamp }).set(key, pending).commit();
    if (made.ok) return { key, versionstamp: made.versionstamp };
    // Deno sends a commit again whose answer was lost: the first one may have been made.
    const found = await this.#kv.get<Pending>(key);
    return found.value?.[1] === pending[1] ? found : undefined;
  }

  #pending(): Pending {
    return [this.#now(), randomHex(8)];
  }
}

/** A row: what the layout before this one kept beside them has a text as its name. */
function isRow({ key }: Deno.KvEntry<unknown>): boolean {
  return key.at(-1) instanceof Uint8Array;
}

function fail(): never {
  throw new StoreError("locked", "Another process has claimed what was copied: try again");
}
