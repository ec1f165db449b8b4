/**
 * Results of a bench: figures against others, each with the bound of their ratio.
 *
 * @module
 */

import type { Comparison } from "./rounds.ts";

interface Row {
  readonly what: string;
  /** The yardstick. */
  readonly against: string;
  readonly figures?: string;
  readonly ratio: number;
  /** Bound: at least, or at most. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** Rows of a bench, shown on stderr as they come. */
export class Rows {
  readonly #rows: Row[] = [];

  addRates({ a, b, ratio }: Comparison, row: Omit<Row, "figures" | "ratio">) {
    this.add({ ...row, figures: `${perSecond(a)} : ${perSecond(b)}`, ratio });
  }

  add(row: Row) {
    this.#rows.push(row);
    const bound = row.atLeast !== undefined ? `>= ${row.atLeast}` : `<= ${row.atMost}`;
    console.error(`${row.what} against ${row.against}: ${row.ratio.toFixed(2)} (${bound})`);
  }

  /** Prints all rows as a table; gives whether all hold. */
  print(): boolean {
    printTable(
      ["what", "against", "figures", "ratio", "to hold", ""],
      this.#rows.map((row) => {
        const { what, against, figures = "", ratio, atLeast, atMost } = row;
        const bound = atLeast !== undefined ? `≥ ${atLeast}` : `≤ ${atMost}`;
        const verdict = holds(row) ? "holds" : "**FAILS**";
        return [what, against, figures, ratio.toFixed(2), bound, verdict];
      }),
    );
    return this.#rows.every(holds);
  }
}

function holds({ ratio, atLeast = -Infinity, atMost = Infinity }: Row): boolean {
  return ratio >= atLeast && ratio <= atMost;
}

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]) {
  console.log(`| ${head.join(" | ")} |`);
  console.log(`| ${head.map(() => "---").join(" | ")} |`);
  for (const row of rows) console.log(`| ${row.join(" | ")} |`);
}

export function perSecond(value: number): string {
  return `${Math.round(value).toLocaleString("en")}/s`;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
