import { ExpiryQueue } from "./expiry_queue.ts";
import { bisect, compareUtf8 } from "../utf8_order.ts";
import type { Row } from "./session_table.ts";

/**
 * The sessions of one owner by age: a sorted array, appended at the end nearly always, and cleaned of
 * dropped rows in bulk.
 */
export class OwnerSessions {
  #rows: Row[] = [];
  #dropped = 0;
  /** Made when it is first needed: only an owner with many sessions needs it. */
  #byExpiry: ExpiryQueue<Row> | undefined;

  get size(): number {
    return this.#rows.length - this.#dropped;
  }

  hidden(now: number): Iterable<Row> {
    this.#byExpiry ??= new ExpiryQueue(this.after(undefined), ({ dropped }) => !dropped);
    return this.#byExpiry.expired(now);
  }

  /** Queues a row that is new here, or expires earlier than it did. */
  queue(row: Row) {
    this.#byExpiry?.add(row);
    this.#trim();
  }

  add(row: Row) {
    const { stateId } = row.record;
    const last = this.#rows.at(-1);
    if (last === undefined || compareUtf8(last.record.stateId, stateId) < 0) {
      this.#rows.push(row);
      return;
    }
    const index = this.#indexAfter(stateId);
    // A dropped row that comes back, the same or another, takes its old place.
    const replaced = this.#rows[index - 1]?.record.stateId === stateId;
    if (replaced) this.#dropped--;
    this.#rows.splice(replaced ? index - 1 : index, replaced ? 1 : 0, row);
  }

  /** Called when one of its rows was dropped. @returns The number of those left. */
  remove(): number {
    this.#dropped++;
    // Half at a time, so that to drop many costs only a few moves of each row that stays.
    if (this.#dropped * 2 > this.#rows.length) {
      this.#rows = this.#rows.filter((row) => !row.dropped);
      this.#dropped = 0;
    }
    this.#trim();
    return this.size;
  }

  /** Drops a queue of mostly dropped rows: the next use makes a new one. */
  #trim() {
    if (this.#byExpiry && this.#byExpiry.size > 2 * this.size) this.#byExpiry = undefined;
  }

  *after(stateId: string | undefined): Generator<Row> {
    for (let i = stateId === undefined ? 0 : this.#indexAfter(stateId);; i++) {
      const row = this.#rows[i];
      if (row === undefined) return;
      if (!row.dropped) yield row;
    }
  }

  #indexAfter(stateId: string): number {
    return bisect(this.#rows, (row) => compareUtf8(row.record.stateId, stateId) <= 0);
  }
}
