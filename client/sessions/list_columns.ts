/**
 * Sessions as people see them: the columns of `list` and `jar list`, and a session in one line.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol/cookie.ts";
import { printable } from "../../runtime/terminal/terminal_text.ts";
import type { JarEntry } from "../jar/cookie_jar.ts";

/** Only the server knows whether the session has ended. */
const PAST = " (past by this machine's clock)";

/** The table of `list`, head first. The jar holds the session `held`. */
export function listTable(cookies: readonly HeldCookie[], held: string | null): string[][] {
  const rows = cookies.map((cookie) => [
    cookie.id === held ? "*" : "",
    cookie.id,
    expiryOf(cookie),
    titleOf(cookie),
  ]);
  return [["", "ID", "EXPIRES", "TITLE"], ...rows];
}

/** The table of `jar list`, head first. */
export function jarTable(entries: readonly JarEntry[]): string[][] {
  const rows = entries.map(({ server, profile, cookie }) => [
    cookie.id,
    profile,
    isPast(cookie) ? `${expiryOf(cookie)}${PAST}` : expiryOf(cookie),
    titleOf(cookie),
    server,
  ]);
  return [["ID", "PROFILE", "EXPIRES", "TITLE", "SERVER"], ...rows];
}

/** A session in one line. */
export function sessionLine(cookie: HeldCookie): string {
  return printable(`${cookie.id} "${titleOf(cookie)}", expires ${expiryOf(cookie)}`);
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
