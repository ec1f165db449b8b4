/**
 * One owner's sessions by age.
 *
 * @module
 */

import { ExpiryQueue } from "./expiry_queue.ts";
import { bisect, compareUtf8 } from "../utf8_order.ts";
import type { Entry } from "./session_table.ts";

/** One owner's sessions by age: appended at the end nearly always, and removed in bulk. */
export class Shelf {
  #entries: Entry[] = [];
  #dropped = 0;
  /** Absent until somebody asks for it: only an owner who has many needs it. */
  #byExpiry: ExpiryQueue<Entry> | undefined;

  get size(): number {
    return this.#entries.length - this.#dropped;
  }

  /** Those that have expired, earliest first. */
  hidden(now: number): Iterable<Entry> {
    this.#byExpiry ??= new ExpiryQueue(this.after(undefined), ({ dropped }) => !dropped);
    return this.#byExpiry.expired(now);
  }

  /** Notes that an entry is new here, or expires earlier than it did. */
  queue(entry: Entry) {
    this.#byExpiry?.add(entry);
    this.#trim();
  }

  add(entry: Entry) {
    const { stateId } = entry.record;
    const last = this.#entries.at(-1);
    if (last === undefined || compareUtf8(last.record.stateId, stateId) < 0) {
      this.#entries.push(entry);
      return;
    }
    const index = this.#indexAfter(stateId);
    // One that was dropped and comes back takes its old place, whether or not it is the same.
    const replaced = this.#entries[index - 1]?.record.stateId === stateId;
    if (replaced) this.#dropped--;
    this.#entries.splice(replaced ? index - 1 : index, replaced ? 1 : 0, entry);
  }

  /** Called when one of its entries was dropped; gives the number of those left. */
  remove(): number {
    this.#dropped++;
    // Half at a time, so that dropping many costs no more than a few moves of each that stays.
    if (this.#dropped * 2 > this.#entries.length) {
      this.#entries = this.#entries.filter((entry) => !entry.dropped);
      this.#dropped = 0;
    }
    this.#trim();
    return this.size;
  }

  /** A queue holds on to what has left: rather than to more than there are, it is made again. */
  #trim() {
    if (this.#byExpiry && this.#byExpiry.size > 2 * this.size) this.#byExpiry = undefined;
  }

  *after(stateId: string | undefined): Generator<Entry> {
    for (let i = stateId === undefined ? 0 : this.#indexAfter(stateId);; i++) {
      const entry = this.#entries[i];
      if (entry === undefined) return;
      if (!entry.dropped) yield entry;
    }
  }

  #indexAfter(stateId: string): number {
    return bisect(this.#entries, (entry) => compareUtf8(entry.record.stateId, stateId) <= 0);
  }
}
