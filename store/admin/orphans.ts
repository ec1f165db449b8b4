/**
 * Orphans: changes of sessions whose first line is missing.
 *
 * @module
 */

import type { Tables } from "../file/state_machine.ts";
import type { StateMachine } from "../journal/journal_reader.ts";

interface Place {
  readonly line: number;
  readonly start: number;
}

export class Orphans {
  /** The lines that change a missing session, by session. */
  readonly #lines = new Map<string, number[]>();
  readonly #useless = new Set<number>();

  /** A machine that looks for orphans in each line before it applies it; `place` is of that line. */
  watch(machine: StateMachine<Tables>, place: () => Place): StateMachine<Tables> {
    return {
      ...machine,
      apply: (tables, content) => {
        this.#look(tables, content, place());
        machine.apply(tables, content);
      },
    };
  }

  /** The lines with orphans, one list for each session. */
  lines(): number[][] {
    return [...this.#lines.values()];
  }

  isUseless(start: number): boolean {
    return this.#useless.has(start);
  }

  #look(tables: Tables, content: unknown, { line, start }: Place) {
    // The machine refuses another shape.
    const [namespace, ...changes] = content as [string, ...[string, unknown, ...unknown[]][]];
    const name = (stateId: unknown) => JSON.stringify([namespace, stateId]);
    const begun = new Set<unknown>();
    let orphans = 0;
    for (const [kind, id] of changes) {
      if (kind === "put") begun.add(Object(id).stateId);
      // During a compaction, a session may end before the snapshot gets to it: then nothing is lost.
      if (kind === "drop") this.#lines.delete(name(id));
      if (kind !== "use" || begun.has(id) || tables.get(namespace)?.byStateId(String(id))) continue;
      orphans++;
      const lines = this.#lines.get(name(id));
      if (lines === undefined) this.#lines.set(name(id), [line]);
      else lines.push(line);
    }
    if (orphans > 0 && orphans === changes.length) this.#useless.add(start);
  }
}
