/** The rows that are easiest to be sure of: in memory, one commit after the other. */

import type {
  At,
  Commit,
  Committed,
  CountChange,
  Row,
  Rows,
  Snapshot,
  Want,
} from "../../../store/rows/rows.ts";
import { StoreError } from "../../../store/mod.ts";
import { compareUtf8 } from "../../../store/utf8_order.ts";

/** What several rows in one place share. */
export class MemoryPlace {
  readonly parts = new Map<string, Map<string, Row>>();
  readonly counts = new Map<string, number>();
  changes = 0;

  part(name: string): Map<string, Row> {
    const part = this.parts.get(name) ?? new Map();
    this.parts.set(name, part);
    return part;
  }
}

export class MemoryRows implements Rows {
  readonly place: MemoryPlace;
  #isClosed = false;

  constructor(place: MemoryPlace) {
    this.place = place;
  }

  read(want: Want): Promise<Snapshot> {
    return Promise.try(() => {
      this.#checkOpen();
      return this.#snapshot(want);
    });
  }

  commit(commit: Commit): Promise<Committed> {
    return Promise.try(() => {
      this.#checkOpen();
      return this.#make(commit);
    });
  }

  checkWritable(): Promise<void> {
    return Promise.try(() => this.#checkOpen());
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  #make(commit: Commit): Committed {
    const { checks, sets = [], deletes = [], counts = [], drop, copy, orElse = {} } = commit;
    if (checks.some(([at, version]) => (this.#row(at)?.version ?? null) !== version)) {
      return { kind: "lost", snapshot: this.#snapshot(orElse) };
    }
    const full = counts.find((change) => this.#isFull(change));
    if (full !== undefined) return { kind: "full", counter: full.name };
    const version = `${++this.place.changes}`;
    if (copy !== undefined) {
      for (const [name, { text }] of this.place.part(copy.from)) {
        this.place.part(copy.to).set(name, { text, version });
      }
    }
    if (drop !== undefined) this.place.parts.delete(drop);
    for (const [part, name] of deletes) this.place.part(part).delete(name);
    for (const [[part, name], text] of sets) this.place.part(part).set(name, { text, version });
    for (const { name, by } of counts) this.place.counts.set(name, this.#count(name) + by);
    return { kind: "made", version };
  }

  #snapshot({ at = [], page, counts = [] }: Want): Snapshot {
    return {
      at: at.map((each) => this.#row(each)),
      page: page === undefined ? [] : [...this.place.part(page.part)]
        .filter(([name]) => name.startsWith(page.prefix ?? ""))
        .filter(([name]) => page.after === undefined || compareUtf8(name, page.after) > 0)
        .sort(([a], [b]) => compareUtf8(a, b))
        .slice(0, page.limit),
      counts: counts.map((name) => this.#count(name)),
    };
  }

  #row([part, name]: At): Row | undefined {
    return this.place.parts.get(part)?.get(name);
  }

  #count(name: string): number {
    return this.place.counts.get(name) ?? 0;
  }

  #isFull({ name, by, most = Infinity }: CountChange): boolean {
    return by > 0 && this.#count(name) + by > most;
  }

  #checkOpen() {
    if (this.#isClosed) throw new StoreError("closed", "These rows are closed");
  }
}
