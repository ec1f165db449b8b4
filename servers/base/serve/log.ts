/**
 * A server's log on stderr. All of it goes through here, as what callers send gets into it: ids,
 * names, hosts, texts of errors.
 *
 * @module
 */

import { printable } from "../../../runtime/terminal_text.ts";
import { LOG_LEVELS, type LogLevel } from "./flags.ts";

const MAX_LENGTH = 300;
const REPEAT_MS = 1000;

/** Writes a message to the log, if its level is asked for. */
export type Log = (level: LogLevel, message: string) => void;

/** Opens the log of a server. A message that is repeated is written once a second, with a count. */
export function logger(name: string, limit: LogLevel): Log {
  let last = { line: "", at: -Infinity };
  let repeated = 0;
  return (level, message) => {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(limit)) return;
    const line = `${name}: ${level}: ${oneLine(message, MAX_LENGTH)}`;
    const at = performance.now();
    if (line === last.line && at - last.at < REPEAT_MS) return void repeated++;
    if (repeated > 0) console.error(`${last.line} (${repeated} times more)`);
    console.error(line);
    last = { line, at };
    repeated = 0;
  };
}

/** A text as one line, in which nothing acts on a terminal and no session's id stands whole. */
export function oneLine(text: string, maxLength?: number): string {
  const line = text.replaceAll(/\s+/g, " ").slice(0, maxLength);
  return printable(line).replaceAll(/(sess-[0-9a-f]{8})[0-9a-f]+/g, "$1…");
}
