/**
 * What a command has to say, for programs and for people.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol/cookie.ts";
import { printable } from "../../runtime/terminal_text.ts";

/** What came of a command. */
export interface Report {
  /** For programs: the one document. */
  readonly json: unknown;
  /** For people: a text, or the rows of a table, the first of which is its head. */
  readonly shown: string | readonly (readonly string[])[];
  /** Did it not do what was asked? Then the text says why. */
  readonly failed?: boolean;
}

/** Rows as aligned columns. `shorten` is applied to each cell. */
export function table(
  rows: readonly (readonly string[])[],
  shorten: (text: string) => string,
): string {
  const cells = rows.map((row) => row.map((cell) => printable(shorten(cell))));
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0))
  );
  return cells.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()
  ).join("\n");
}

/** A session in one line. */
export function sessionLine(cookie: HeldCookie): string {
  const { title, expires } = about(cookie);
  return `${cookie.id} "${title}", expires ${expires}`;
}

/** What a session's cookie tells of it. */
export function about({ data, expiry }: HeldCookie): { title: string; expires: string } {
  return { title: data?.title ?? "", expires: expiry ?? "unknown" };
}
