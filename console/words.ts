/**
 * Words and numbers of the pages. What others wrote is shown without characters that hide or turn text,
 * and without whole session ids.
 *
 * @module
 */

import { userOf } from "../protocol/principal.ts";
import { redact } from "../runtime/redaction.ts";
import { printable, printableJson } from "../runtime/terminal/terminal_text.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;

/** Letters of a `stateId` by which people name its session: its time, and its number in that time. */
const NAME_LENGTH = 16;

const ORDINARY = /^[ -~]*$/;

/** The name of a session. It gives no access, unlike its id. */
export function nameOf(stateId: string): string {
  return plain(stateId.slice(0, NAME_LENGTH));
}

/** A text of others: without control and format characters, such as those that turn its direction. */
export function plain(text: string): string {
  // Filters ask this of every session.
  if (ORDINARY.test(text) && !text.includes("sess-")) return text;
  return redact(printable(text, "", () => ""));
}

export function titleOf({ title }: { readonly title: string }): string {
  return plain(title).trim() || "Untitled";
}

export function jsonText(value: unknown): string {
  return redact(printableJson(value, 2));
}

/** The user of a session, by the name that people know. */
export function ownerName(owner: string | null): string {
  return owner === null ? "anonymous" : plain(userOf(owner));
}

/** A time span in its largest unit, rounded down. */
export function spanText(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.max(0, Math.floor(ms / 1000))} s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`;
  if (ms < 2 * YEAR_MS) return `${Math.floor(ms / DAY_MS)} d`;
  return `${Math.floor(ms / YEAR_MS)} y`;
}

/** Whether a time is so far away that its session has no end. */
export function isNever(time: number, now: number): boolean {
  return time - now > 100 * YEAR_MS;
}

/** A time of day, in this machine's time zone. */
export function clockText(time: number): string {
  return new Date(time).toLocaleTimeString("en-GB");
}

/** A moment as a machine reads it; `undefined` past the last date there is. */
export function isoText(time: number): string | undefined {
  return time <= 8.64e15 ? new Date(time).toISOString() : undefined;
}

export function momentText(time: number): string {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

/** A store's URL without its user, password and parameters. */
export function storeName(url: string): string {
  return plain(url.replace(/\/\/[^/]*@/, "//").replace(/\?.*$/s, ""));
}
