/**
 * The outcome of a command, for programs and for people.
 *
 * @module
 */

import { printable } from "../../runtime/terminal/terminal_text.ts";
import type { IdRedactor } from "./id_redactor.ts";
import { textTable } from "../../runtime/terminal/text_table.ts";

export interface Report {
  /** For programs: the one document. */
  readonly json: unknown;
  /** For people: a text, or the rows of a table, head first. */
  readonly shown: string | readonly (readonly string[])[];
  /** Whether the command failed; `shown` then says why. */
  readonly failed?: boolean;
}

/** The report for people: ids redacted, and nothing that a terminal would act on. */
export function reportText({ shown }: Report, ids: IdRedactor): string {
  if (typeof shown === "string") return printable(ids.redact(shown), "\n\t");
  return textTable(shown.map((row) => row.map((cell) => printable(ids.redact(cell)))));
}
