/**
 * What the bridge says on stderr.
 *
 * @module
 */

import { printable } from "../../runtime/terminal_text.ts";

/** How much goes to stderr, from least to most. */
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
/** How much goes to stderr. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Says something of this weight. */
export type Log = (level: LogLevel, message: string) => void;

const MAX_LENGTH = 300;

/** Writes lines of at most this weight to stderr, in which nobody finds a session to use. */
export function logger(limit: LogLevel): Log {
  let last: string | undefined;
  return (level, message) => {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(limit)) return;
    const line = message.replaceAll(/\s+/g, " ").slice(0, MAX_LENGTH);
    // What a server sends must not move the cursor of whoever reads this.
    const plain = printable(line);
    const said = `bridge: ${level}: ${plain.replaceAll(/(sess-[0-9a-f]{8})[\w-]+/g, "$1…")}`;
    // What is tried again and again fails in the same way each time.
    if (said !== last) console.error(said);
    last = said;
  };
}
