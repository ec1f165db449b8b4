/**
 * The codec of a jar's file: lines that file a cookie or take one out.
 *
 * @module
 */

import { type HeldCookie, heldCookie } from "../../protocol/cookie.ts";
import type { Append, StateMachine } from "../../store/journal/journal.ts";
import { type JarEntry, type JarKey, nameOf } from "./cookie_jar.ts";

export interface FiledEntry extends JarEntry {
  /** The time of filing by the client's clock, in milliseconds since 1970; 0 in earlier versions. */
  readonly filedAt: number;
}

export type Cookies = Map<string, FiledEntry>;

/** The time that a cookie stays after its expiry and after it was filed, in milliseconds. */
const KEPT_MS = 365 * 24 * 60 * 60 * 1000;
/** A clock further ahead of every expiry in the jar is wrong, in milliseconds. */
const PLAUSIBLE_MS = 10 * KEPT_MS;

export function findEntry(cookies: Cookies, key: JarKey): FiledEntry | undefined {
  return cookies.get(nameOf(key));
}

/**
 * The entries that expired long ago. Only servers decide whether a session has ended, and any clock may
 * be wrong: this only keeps the file from growing without end.
 */
function abandoned(cookies: Cookies, now: number): FiledEntry[] {
  let newest = -Infinity;
  const dated = new Map<FiledEntry, number>();
  for (const entry of cookies.values()) {
    if (entry.cookie.expiry === undefined) continue;
    const expiry = Date.parse(entry.cookie.expiry);
    newest = Math.max(newest, expiry);
    dated.set(entry, Math.max(expiry, entry.filedAt) + KEPT_MS);
  }
  if (now > newest + PLAUSIBLE_MS) return [];
  return Array.from(dated).filter(([, end]) => end <= now).map(([entry]) => entry);
}

export function file(cookies: Cookies, entry: FiledEntry): Append {
  const name = nameOf(entry);
  const before = cookies.get(name);
  cookies.set(name, entry);
  return { contents: [filed(entry)], undo: () => restore(cookies, name, before) };
}

export function takeOut(cookies: Cookies, entries: readonly FiledEntry[]): Append {
  for (const entry of entries) cookies.delete(nameOf(entry));
  return {
    contents: entries.map(({ server, profile }) => JSON.stringify(["out", server, profile])),
    undo: () => entries.forEach((entry) => restore(cookies, nameOf(entry), entry)),
  };
}

/** The codec of a jar's file; `now` is the clock for its compaction. */
export function jarMeaning(now: () => number): StateMachine<Cookies> {
  return {
    format: "mcp-sessions-jar",
    version: 1,
    empty: () => new Map(),
    apply(cookies, content) {
      const { cookie, ...rest } = decode(content);
      restore(cookies, nameOf(rest), cookie && { ...rest, cookie });
    },
    *snapshot(cookies) {
      for (const entry of cookies.values()) yield filed(entry);
    },
    tidy(cookies) {
      return takeOut(cookies, abandoned(cookies, now()));
    },
  };
}

// A line is `["in", server, profile, cookie, filedAt]` or `["out", server, profile]`.
function filed({ server, profile, cookie, filedAt }: FiledEntry): string {
  return JSON.stringify(["in", server, profile, cookie, filedAt]);
}

function decode(
  content: unknown,
): Omit<FiledEntry, "cookie"> & { readonly cookie: HeldCookie | undefined } {
  const [kind, server, profile, value, filedAt] = Array.isArray(content) ? content : [];
  const cookie = heldCookie(value);
  const isKnown = kind === "out" || kind === "in" && cookie !== undefined;
  if (!isKnown || typeof server !== "string" || typeof profile !== "string") {
    throw new TypeError("A line must file a cookie or take one out");
  }
  return { server, profile, cookie, filedAt: typeof filedAt === "number" ? filedAt : 0 };
}

function restore(cookies: Cookies, name: string, entry: FiledEntry | undefined) {
  if (entry === undefined) cookies.delete(name);
  else cookies.set(name, entry);
}
