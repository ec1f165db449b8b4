/**
 * Sessions as people see them: the columns of `list` and `jar list`, and a session in one line.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol/cookie.ts";
import type { JarEntry } from "../jar/cookie_jar.ts";

/** A table's column: its head, and its cell for each row. */
type Column<Row> = readonly [head: string, cell: (row: Row) => string];

/** The columns of `list`, from left to right. */
const LIST_COLUMNS: readonly Column<{ cookie: HeldCookie; isHeld: boolean }>[] = [
  ["", ({ isHeld }) => isHeld ? "*" : ""],
  ["ID", ({ cookie }) => cookie.id],
  ["EXPIRES", ({ cookie }) => expiryOf(cookie)],
  ["TITLE", ({ cookie }) => titleOf(cookie)],
];

/** The columns of `jar list`, from left to right. */
const JAR_COLUMNS: readonly Column<JarEntry>[] = [
  ["ID", ({ cookie }) => cookie.id],
  ["PROFILE", ({ profile }) => profile],
  ["EXPIRES", ({ cookie }) => isPast(cookie) ? `${expiryOf(cookie)}${PAST}` : expiryOf(cookie)],
  ["TITLE", ({ cookie }) => titleOf(cookie)],
  ["SERVER", ({ server }) => server],
];

/** Only the server knows whether the session has ended. */
const PAST = " (past by this machine's clock)";

/** The table of `list`, head first. The jar holds the session `held`. */
export function listTable(cookies: readonly HeldCookie[], held: string | null): string[][] {
  return tableOf(LIST_COLUMNS, cookies.map((cookie) => ({ cookie, isHeld: cookie.id === held })));
}

/** The table of `jar list`, head first. */
export function jarTable(entries: readonly JarEntry[]): string[][] {
  return tableOf(JAR_COLUMNS, entries);
}

/** A session in one line. */
export function sessionLine(cookie: HeldCookie): string {
  return `${cookie.id} "${titleOf(cookie)}", expires ${expiryOf(cookie)}`;
}

function tableOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[][] {
  return [
    columns.map(([head]) => head),
    ...rows.map((row) => columns.map(([, cell]) => cell(row))),
  ];
}

function titleOf({ data }: HeldCookie): string {
  return data?.title ?? "";
}

function expiryOf({ expiry }: HeldCookie): string {
  return expiry ?? "unknown";
}

function isPast({ expiry }: HeldCookie): boolean {
  return expiry !== undefined && Date.parse(expiry) <= Date.now();
}
