/**
 * Changes of sessions that are not there: the lines that began those are missing.
 *
 * @module
 */

import type { Tables } from "../file/state_machine.ts";
import type { Meaning } from "../journal/journal_reader.ts";

/** The number of a line, and where it begins. */
interface Place {
  readonly line: number;
  readonly start: number;
}

/** Finds them while lines are taken in. */
export class Orphans {
  /** The lines that change a session that is not there, by session. */
  readonly #lines = new Map<string, number[]>();
  /** Where the lines begin that do nothing else. */
  readonly #useless = new Set<number>();

  /** Does the same as `meaning`, and looks at each line; `place` tells which that is. */
  watch(meaning: Meaning<Tables>, place: () => Place): Meaning<Tables> {
    return {
      ...meaning,
      apply: (tables, content) => {
        this.#look(tables, content, place());
        meaning.apply(tables, content);
      },
    };
  }

  /** The lines whose session never was, one list for each session. */
  lines(): number[][] {
    return [...this.#lines.values()];
  }

  /** Does the line that begins there do nothing? */
  isUseless(start: number): boolean {
    return this.#useless.has(start);
  }

  #look(tables: Tables, content: unknown, { line, start }: Place) {
    // What is of another shape is refused by the meaning.
    const [namespace, ...changes] = content as [string, ...[string, unknown, ...unknown[]][]];
    const name = (stateId: unknown) => JSON.stringify([namespace, stateId]);
    const begun = new Set<unknown>();
    let orphans = 0;
    for (const [kind, id] of changes) {
      if (kind === "put") begun.add(Object(id).stateId);
      // While a file is written anew, a session may end before its turn comes: then nothing is lost.
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
