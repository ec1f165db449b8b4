/**
 * The log on stderr of every program: levels, redaction, one line a message.
 *
 * @module
 */

import { redact } from "./redaction.ts";
import { printable } from "./terminal/terminal_text.ts";

/** The levels of `--log-level`, from least to most. */
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The formats of `--log-format`: a line of text for each message, or an object of JSON. */
export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Facts of a message by name. Those that are `undefined` are left out. */
export type LogFields = Readonly<Record<string, string | number | null | undefined>>;

/**
 * Writes a message to the log, if its level is asked for. One with fields is an event of its own: it is
 * written however often the like of it comes, a moment later, before any message that comes after it.
 */
export type Log = (level: LogLevel, message: string, fields?: LogFields) => void;

const MAX_LENGTH = 300;
const MAX_FIELD_LENGTH = 64;
const REPEAT_MS = 1000;

/** Opens the log of a program. A repeated message is written once a second, with a count. */
export function logger(program: string, limit: LogLevel, format: LogFormat = "text"): Log {
  let last = { text: "", level: limit, at: -Infinity };
  let repeated = 0;
  const lineOf = format === "json" ? jsonLine : textLine;
  const events: string[] = [];
  const writeEvents = () => {
    if (events.length > 0) console.error(events.splice(0).join("\n"));
  };
  const write = (level: LogLevel, text: string) => {
    writeEvents();
    console.error(lineOf(program, level, text, {}));
  };
  return (level, message, fields) => {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(limit)) return;
    const text = oneLine(message, MAX_LENGTH);
    if (fields !== undefined) {
      // Those of a moment are written at once: a write of its own would cost more than the request.
      if (events.push(lineOf(program, level, text, fields)) === 1) setTimeout(writeEvents, 0);
      return;
    }
    const at = performance.now();
    const isRepeated = level === last.level && text === last.text && at - last.at < REPEAT_MS;
    if (isRepeated) return void repeated++;
    if (repeated > 0) write(last.level, `${last.text} (${repeated} times more)`);
    write(level, text);
    last = { text, level, at };
    repeated = 0;
  };
}

/** A text as one redacted line that no terminal acts on. */
export function oneLine(text: string, maxLength = Infinity): string {
  // Callers send megabytes, of which no more is looked at than could be told.
  const start = text.slice(0, 16 * maxLength);
  return redact(printable(start.replaceAll(/\s+/g, " ").slice(0, maxLength)));
}

function textLine(program: string, level: LogLevel, text: string, fields: LogFields): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [` ${name}=${quoted(shown(value))}`]
  );
  return `${program}: ${level}: ${text}${pairs.join("")}`;
}

function jsonLine(server: string, level: LogLevel, message: string, fields: LogFields): string {
  const all = Object.entries(fields).map(([name, value]) => [name, shown(value)] as const);
  const time = new Date().toISOString();
  return JSON.stringify({ time, level, server, message, ...Object.fromEntries(all) });
}

function shown<T>(value: T): T | string {
  return typeof value === "string" ? oneLine(value, MAX_FIELD_LENGTH) : value;
}

/** A value of a field as it is, or in quotes where it could be taken for more than one. */
function quoted(value: string | number): string {
  return /^[^\s="\\]+$/.test(`${value}`) ? `${value}` : JSON.stringify(value);
}
