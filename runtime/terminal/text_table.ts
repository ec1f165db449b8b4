/**
 * Tables for a terminal, aligned by display width: a CJK character or an emoji takes two columns, a
 * combining mark none.
 *
 * @module
 */

import stringWidth from "string-width";

/** Aligns the columns of `rows`, one row a line. Cells hold no line breaks and no escape codes. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const measured = rows.map((row) => row.map((cell) => ({ cell, width: stringWidth(cell) })));
  const widths = (measured[0] ?? []).map((_, column) =>
    measured.reduce((widest, row) => Math.max(widest, row[column]?.width ?? 0), 0)
  );
  const pad = (width: number, column: number) => " ".repeat((widths[column] ?? width) - width);
  return measured.map((row) =>
    row.map(({ cell, width }, column) => cell + pad(width, column)).join("  ").trimEnd()
  ).join("\n");
}
