/**
 * The outcome of a command, for programs and for people; and where it goes.
 *
 * @module
 */

import { redact } from "../../runtime/redaction.ts";
import { printable } from "../../runtime/terminal/terminal_text.ts";
import { textTable } from "../../runtime/terminal/text_table.ts";

/** What a command is given of the world. */
export interface Io extends Pick<Console, "log" | "error"> {
  readonly env: { get(name: string): string | undefined };
  /** Asks whoever sits at the terminal. Absent where nobody does. */
  readonly ask?: (question: string) => boolean | Promise<boolean>;
  /** Writes to the terminal, as it stands. Absent where there is none. */
  readonly progress?: (text: string) => void;
}

/** Rows of a table, head first. */
export type Rows = readonly (readonly string[])[];

export interface Report {
  /** For programs: the one document. */
  readonly json: unknown;
  /** For people: texts of one line, and tables. */
  readonly shown: readonly (string | Rows)[];
  /** Whether the command failed; `shown` then says why. */
  readonly failed?: boolean;
}

/** The report for people. */
export function reportText({ shown }: Report): string {
  return shown.map((part) =>
    typeof part === "string" ? forPeople(part) : textTable(part.map((row) => row.map(forPeople)))
  ).join("\n");
}

/** A text in which nothing is that a terminal would act on, and no whole session id, as a title may have. */
export function forPeople(text: string): string {
  return redact(printable(text));
}

export function failure(why: string, ...more: Report["shown"]): Report {
  return { json: undefined, shown: [why, ...more], failed: true };
}
