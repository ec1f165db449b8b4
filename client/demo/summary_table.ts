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

export interface RunResult {
  /** The number of the claim, and the claim as far as the proof shows it. */
  readonly shows: string;
  readonly over: string;
  /** `in part` if the proof holds as far as it could be run. */
  readonly outcome: keyof typeof MARKS;
  readonly ms: number;
}

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

type Paint = (style: Style, text: string) => string;

/** The table's lines: a row for each proof, a column for each transport that it ran over. */
export function summaryTable(results: readonly RunResult[], paint: Paint): string[] {
  const columns = COLUMNS.filter((column) => results.some(({ over }) => columnOf(over) === column));
  const rows = Map.groupBy(results, ({ shows }) => shows);
  const width = Math.max(...[HEADER, ...rows.keys()].map(({ length }) => length));
  const line = (first: string, cells: readonly string[]) =>
    [first.padEnd(width), ...cells].join("  ").trimEnd();
  const heads = columns.map((column) => column.padEnd(CELL_WIDTH));
  return [
    paint("bold", line(HEADER, heads)),
    ...rows.entries().map(([shows, runs]) =>
      line(
        shows,
        columns.map((at) => cellOf(runs.find(({ over }) => columnOf(over) === at), paint)),
      )
    ),
  ];
}

/** A proof over stdio and HTTP, one after the other, stands where it ends. */
function columnOf(over: string): typeof COLUMNS[number] {
  return over === "stdio" ? "stdio" : "http";
}

function cellOf(run: RunResult | undefined, paint: Paint): string {
  if (run === undefined) return " ".repeat(CELL_WIDTH);
  const [mark, style] = MARKS[run.outcome];
  const text = run.outcome === "not run" ? run.outcome : seconds(run.ms);
  const part = run.outcome === "in part" ? ", in part" : "";
  return paint(style, `${mark} ${text}${part}`) +
    " ".repeat(Math.max(0, CELL_WIDTH - text.length - 2));
}
