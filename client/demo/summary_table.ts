/**
 * Table of the proofs by transport: what each shows, and how long it took.
 *
 * @module
 */

import { seconds } from "./session_panel.ts";

const HEADER = "What each proof shows, and how long it took";
const COLUMNS = ["stdio", "http"] as const;
/** Width of a cell: `✓ 12.3 s`. */
const CELL_WIDTH = 8;
const MARKS = {
  holds: ["✓", "green"],
  "in part": ["–", "yellow"],
  failed: ["✗", "red"],
  "not run": ["–", "yellow"],
} as const;

/** Result of one run of a proof. */
export interface RunResult {
  /** The number of the claim, and the claim as far as the proof shows it. */
  readonly shows: string;
  /** The transport. */
  readonly over: string;
  /** `in part` if the proof holds as far as it could be run. */
  readonly outcome: keyof typeof MARKS;
  /** Duration in milliseconds. */
  readonly ms: number;
}

/** A style of the terminal. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Styles a text. */
export type Paint = (style: Style, text: string) => string;

/** The table's lines: a row for each proof, a column for each transport that it ran over. */
export function summaryTable(results: readonly RunResult[], paint: Paint): string[] {
  const columns = COLUMNS.filter((column) => results.some(({ over }) => columnOf(over) === column));
  const rows = Map.groupBy(results, ({ shows }) => shows);
  const width = Math.max(...[HEADER, ...rows.keys()].map(({ length }) => length));
  return [
    paint("bold", [HEADER.padEnd(width), ...columns.map(padded)].join("  ").trimEnd()),
    ...[...rows].map(([shows, runs]) => {
      const cells = columns.map((column) =>
        cellOf(runs.find(({ over }) => columnOf(over) === column), paint)
      );
      return [shows.padEnd(width), ...cells].join("  ").trimEnd();
    }),
  ];
}

/** A proof over stdio and HTTP, one after the other, stands where it ends. */
function columnOf(over: string): typeof COLUMNS[number] {
  return over === "stdio" ? "stdio" : "http";
}

function cellOf(run: RunResult | undefined, paint: Paint): string {
  if (run === undefined) return padded("");
  const [mark, style] = MARKS[run.outcome];
  const text = run.outcome === "not run" ? run.outcome : seconds(run.ms);
  const part = run.outcome === "in part" ? ", in part" : "";
  return paint(style, `${mark} ${text}${part}`) +
    " ".repeat(Math.max(0, CELL_WIDTH - text.length - 2));
}

function padded(text: string): string {
  return text.padEnd(CELL_WIDTH);
}
