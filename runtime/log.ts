/**
 * The log on stderr of every program: levels, redaction, one line a message.
 *
 * @module
 */

import { redact } from "./redaction.ts";
import { printable } from "./terminal_text.ts";

/** The levels of `--log-level`, from least to most. */
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Writes a message to the log, if its level is asked for. */
export type Log = (level: LogLevel, message: string) => void;

const MAX_LENGTH = 300;
const REPEAT_MS = 1000;

/** Opens the log of a program. A repeated message is written once a second, with a count. */
export function logger(program: string, limit: LogLevel): Log {
  let last = { line: "", at: -Infinity };
  let repeated = 0;
  return (level, message) => {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(limit)) return;
    const line = `${program}: ${level}: ${oneLine(message, MAX_LENGTH)}`;
    const at = performance.now();
    if (line === last.line && at - last.at < REPEAT_MS) return void repeated++;
    if (repeated > 0) console.error(`${last.line} (${repeated} times more)`);
    console.error(line);
    last = { line, at };
    repeated = 0;
  };
}

/** A text as one redacted line that no terminal acts on. */
export function oneLine(text: string, maxLength?: number): string {
  return redact(printable(text.replaceAll(/\s+/g, " ").slice(0, maxLength)));
}
