/**
 * Sessions that are still to be made, by whichever call first uses them.
 *
 * @module
 */

import type { SessionAlias, SessionRecord, SessionStore } from "../../../store/mod.ts";

/** What came of making a session. */
export interface Born {
  /** The session that now stands. */
  readonly record: SessionRecord;
  /** Has it the count of the call that asked? */
  readonly counted: boolean;
}

/** A session that is to be made. Calls that would make the same one at once share it. */
export class Birth {
  /** What it will be, unless somebody else's has its alias by then. */
  readonly record: SessionRecord;
  readonly #store: SessionStore;
  readonly #onend: () => void;
  #made: Promise<SessionRecord> | undefined;
  #calls = 0;

  /** Makes nothing yet. `onend` is told when there is nothing left to share. */
  constructor(store: SessionStore, record: SessionRecord, onend: () => void = () => {}) {
    this.#store = store;
    this.record = record;
    this.#onend = onend;
  }

  /** Notes a call that may make it. */
  join(): void {
    this.#calls++;
  }

  /** Notes that such a call has ended. */
  leave(): void {
    if (--this.#calls === 0) this.#onend();
  }

  /** Makes the session with this count of calls, unless that was done before. */
  async make(toolCalls: number): Promise<Born> {
    // Never again: one that has ended meanwhile must not come back to life.
    if (this.#made !== undefined) return { record: await this.#made, counted: false };
    this.#made = this.#store.create({ ...this.record, toolCalls });
    try {
      const record = await this.#made;
      this.#onend();
      return { record, counted: record.id === this.record.id };
    } catch (error) {
      this.#made = undefined;
      throw error;
    }
  }
}

const births = new WeakMap<SessionStore, Births>();

/** What finds the sessions of a store by their aliases: one for all connections of a server. */
export function birthsIn(store: SessionStore): Births {
  const known = births.get(store) ?? new Births(store);
  births.set(store, known);
  return known;
}

/** Finds sessions by their aliases, or lets the calls that look for one at once share its making. */
class Births {
  readonly #store: SessionStore;
  readonly #finding = new Map<string, Promise<SessionRecord | Birth>>();

  /** Knows of none yet. */
  constructor(store: SessionStore) {
    this.#store = store;
  }

  /** The live session of this owner with this alias, or one that is to be made of `newborn()`. */
  async find(
    { owner, alias }: SessionAlias,
    newborn: () => SessionRecord,
  ): Promise<SessionRecord | Birth> {
    const key = JSON.stringify([owner, alias]);
    for (;;) {
      const others = this.#finding.get(key);
      if (others === undefined) break;
      // A tool may already have shown the id of one that is to be made: there must not be another.
      // One that is found may have ended since they began to look.
      const found = await others.catch(() => {});
      if (found instanceof Birth) return found;
    }
    const forget = () => {
      if (this.#finding.get(key) === finding) this.#finding.delete(key);
    };
    const finding = this.#store.get({ owner, alias }).then((record) => {
      if (record === undefined) return new Birth(this.#store, newborn(), forget);
      forget();
      return record;
    });
    finding.catch(forget);
    this.#finding.set(key, finding);
    return await finding;
  }
}
