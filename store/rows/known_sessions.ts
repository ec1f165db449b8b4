/**
 * Known sessions: a bounded cache of sessions as this process last saw them. A commit checks that they
 * are still so; nothing else is answered from it.
 *
 * @module
 */

import type { EncodedWrite } from "../session_store.ts";
import type { FoundSession } from "./session_rows.ts";

const MAX_SESSIONS = 10_000;
/** The most characters of records, keys and values in all. */
const MAX_CHARS = 16 * 1024 * 1024;
/** The most values of one session. A transaction needs up to a thousand. */
const MAX_VALUES = 2_000;

/** A session at one version. */
export class KnownSession {
  /** JSON texts by key, as far as they are known; `undefined` if there is no value. */
  readonly values: Map<string, string | undefined>;
  #found: FoundSession;
  #chars = 0;

  constructor(
    found: FoundSession,
    values: Iterable<readonly [string, string | undefined]> = [],
  ) {
    this.#found = found;
    this.values = new Map(values);
    for (const [key, text] of this.values) this.#chars += charsOf(key, text);
    const { id, stateId, owner, alias, data } = found.record;
    for (const text of [id, stateId, owner ?? "", alias ?? "", ...Object.entries(data).flat()]) {
      this.#chars += text.length;
    }
  }

  get found(): FoundSession {
    return this.#found;
  }

  /** About what it takes. */
  get chars(): number {
    return this.#chars;
  }

  /** Goes on to the next version, which has these writes. */
  advance(found: FoundSession, writes: readonly EncodedWrite[]): void {
    this.#found = found;
    for (const [key, text] of writes) {
      this.#forget(key);
      this.#chars += charsOf(key, text);
      this.values.set(key, text);
    }
    for (const oldest of this.values.keys()) {
      if (this.values.size <= MAX_VALUES) break;
      this.#forget(oldest);
    }
  }

  #forget(key: string) {
    if (!this.values.has(key)) return;
    this.#chars -= charsOf(key, this.values.get(key));
    this.values.delete(key);
  }
}

function charsOf(key: string, text: string | undefined): number {
  return key.length + (text?.length ?? 0);
}

export class KnownSessions {
  readonly #sessions = new Map<
    string,
    { readonly known: KnownSession; readonly chars: number }
  >();
  #chars = 0;

  get(id: string): KnownSession | undefined {
    return this.#sessions.get(id)?.known;
  }

  /** Keeps a session, which others then must not change; takes it to the end of the row. */
  set(id: string, known: KnownSession): void {
    this.delete(id);
    this.#sessions.set(id, { known, chars: known.chars });
    this.#chars += known.chars;
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= MAX_SESSIONS && this.#chars <= MAX_CHARS) return;
      this.delete(oldest);
    }
  }

  delete(id: string): void {
    this.#chars -= this.#sessions.get(id)?.chars ?? 0;
    this.#sessions.delete(id);
  }
}
