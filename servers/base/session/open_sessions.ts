/**
 * Open sessions: how many one owner has at once, which the operator is told at a few marks.
 *
 * @module
 */

import type { SessionStore } from "../../../store/session_store.ts";

const MARKS = [100, 1000, 10_000, 100_000] as const;
/** Owners whose sessions are counted. The one that began to make some first is forgotten. */
const MAX_OWNERS = 10_000;
const PAGE = 1000;

/** The sessions of one owner, as far as this process has made or ended them. */
interface OwnerCount {
  estimate: number;
  /** The estimate at which the store is asked. */
  nextLook: number;
  /** Index of the next mark. */
  mark: number;
  isLooking: boolean;
}

export class OpenSessions {
  readonly #store: SessionStore;
  readonly #owners = new Map<string | null, OwnerCount>();

  constructor(store: SessionStore) {
    this.#store = store;
  }

  /** Counts a new session. `onmark` is called with a mark that its owner has come to, once for each. */
  made(owner: string | null, onmark: (sessions: number) => void): void {
    const count = this.#owners.get(owner) ?? this.#begin(owner);
    if (++count.estimate >= count.nextLook && !count.isLooking) {
      void this.#look(owner, count, onmark);
    }
  }

  ended(owner: string | null): void {
    const count = this.#owners.get(owner);
    if (count !== undefined && count.estimate > 0) count.estimate--;
  }

  #begin(owner: string | null): OwnerCount {
    const [first] = this.#owners.keys();
    if (first !== undefined && this.#owners.size >= MAX_OWNERS) this.#owners.delete(first);
    const count = { estimate: 0, nextLook: MARKS[0], mark: 0, isLooking: false };
    this.#owners.set(owner, count);
    return count;
  }

  /** Asks the store, as other processes make sessions too, and all of them expire. Never rejects. */
  async #look(
    owner: string | null,
    count: OwnerCount,
    onmark: (sessions: number) => void,
  ): Promise<void> {
    const mark = MARKS[count.mark];
    if (mark === undefined) return;
    count.isLooking = true;
    try {
      const open = await this.#countUpTo(mark, owner);
      count.estimate = open;
      if (open >= mark) {
        onmark(mark);
        count.mark++;
      }
    } catch {
      // A store that fails is told of by those who need it.
    } finally {
      const next = MARKS[count.mark] ?? Infinity;
      // Counting costs as much as the sessions that were made since.
      count.nextLook = Math.max(next, count.estimate + next / 2);
      count.isLooking = false;
    }
  }

  async #countUpTo(most: number, owner: string | null): Promise<number> {
    let open = 0;
    let after: string | undefined;
    while (open < most) {
      const page = await this.#store.list({ owner, after, limit: Math.min(PAGE, most - open) });
      open += page.length;
      after = page.at(-1)?.stateId;
      if (after === undefined) break;
    }
    return open;
  }
}
