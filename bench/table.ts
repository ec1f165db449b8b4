/**
 * Results of a bench: figures against others, each with the bound of their ratio.
 *
 * @module
 */

/** A comparison. */
export interface Row {
  /** The measured thing. */
  readonly what: string;
  /** The yardstick. */
  readonly against: string;
  /** Both figures, for the order of magnitude. */
  readonly figures: string;
  /** First figure over second. */
  readonly ratio: number;
  /** Bound: at least, or at most. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** Rows of a bench, shown on stderr as they come. */
export class Rows {
  readonly #rows: Row[] = [];

  /** Adds a row. */
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
        const { what, against, figures, ratio, atLeast, atMost } = row;
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

/** Prints a table in Markdown. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]) {
  console.log(`| ${head.join(" | ")} |`);
  console.log(`| ${head.map(() => "---").join(" | ")} |`);
  for (const row of rows) console.log(`| ${row.join(" | ")} |`);
}

/** A rate, for people. */
export function perSecond(value: number): string {
  return `${Math.round(value).toLocaleString("en")}/s`;
}

/** A size in MB, for people. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
