/**
 * Marks: whether a commit whose answer was lost has been made. Each process marks its commits in the
 * session's row, which keeps the last mark of each process that wrote to it.
 *
 * @module
 */

import { randomHex } from "../../runtime/random_hex.ts";

/** A mark: its process, and a number that grows. */
export type Mark = readonly [process: string, number: number];

/** The marks in a row: that of its last commit, and the last of each other process. */
export interface Marks {
  readonly by: Mark;
  readonly others: readonly Mark[];
}

/** Of more processes, those that wrote longest ago are forgotten. */
const MAX_OTHERS = 16;

/** The marks of one process. Its commits to one session are made one after the other. */
export class Marker {
  readonly process: string = randomHex(8);
  #last = 0;

  next(): Mark {
    return [this.process, ++this.#last];
  }
}

export const NO_MARKS: Marks = { by: ["", 0], others: [] };

export function textOf([process, number]: Mark): string {
  return `${process}.${number.toString(36)}`;
}

/** The marks of a row after a commit. */
export function marksAfter({ by, others }: Marks, mark: Mark): Marks {
  const [last] = by;
  if (last === mark[0] || last === "") return { by: mark, others };
  const rest = others.filter(([process]) => process !== last && process !== mark[0]);
  return { by: mark, others: [...rest, by].slice(-MAX_OTHERS) };
}

/** Whether the commit with this mark was the last of its process; `undefined` if that is forgotten. */
export function wasLast({ by, others }: Marks, [process, number]: Mark): boolean | undefined {
  const last = [by, ...others].find(([name]) => name === process);
  if (last !== undefined) return last[1] === number;
  return others.length === MAX_OTHERS ? undefined : false;
}
