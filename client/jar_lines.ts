/**
 * What the lines of a jar's file mean: cookies that were filed, and that were taken out.
 *
 * @module
 */

import { type HeldCookie, heldCookie } from "../protocol.ts";
import type { Entry, Meaning } from "../store/journal.ts";
import type { JarKey } from "./jar.ts";

/** The name of the format, in the first line of the file. */
export const JAR_FORMAT = "mcp-sessions-jar";

/** A cookie, and what it is filed under. */
export interface JarEntry extends JarKey {
  /** The cookie. */
  readonly cookie: HeldCookie;
}

/** The cookies in a file, each under the name of its key. */
export type Cookies = Map<string, JarEntry>;

/** The cookie under `key` that has not expired. */
export function findEntry(cookies: Cookies, key: JarKey, now: number): JarEntry | undefined {
  const entry = cookies.get(nameOf(key));
  return entry && !isExpired(entry, now) ? entry : undefined;
}

/** Has this cookie's session ended, by what the server said of it? */
export function isExpired({ cookie }: JarEntry, now: number): boolean {
  return cookie.expiry !== undefined && Date.parse(cookie.expiry) <= now;
}

/** Files a cookie, in place of any other. */
export function file(cookies: Cookies, entry: JarEntry): Entry {
  const name = nameOf(entry);
  const before = cookies.get(name);
  cookies.set(name, entry);
  return { contents: [filed(entry)], undo: () => restore(cookies, name, before) };
}

/** Takes out these cookies. */
export function takeOut(cookies: Cookies, entries: readonly JarEntry[]): Entry {
  for (const entry of entries) cookies.delete(nameOf(entry));
  return {
    contents: entries.map(({ server, profile }) => JSON.stringify(["out", server, profile])),
    undo: () => entries.forEach((entry) => restore(cookies, nameOf(entry), entry)),
  };
}

/** What a jar's file means, by this clock. */
export function jarMeaning(now: () => number): Meaning<Cookies> {
  return {
    format: JAR_FORMAT,
    version: 1,
    empty: () => new Map(),
    apply(cookies, content) {
      const { server, profile, cookie } = decode(content);
      const name = nameOf({ server, profile });
      restore(cookies, name, cookie && { server, profile, cookie });
    },
    *snapshot(cookies) {
      for (const entry of cookies.values()) yield filed(entry);
    },
    tidy(cookies) {
      return takeOut(cookies, [...cookies.values()].filter((entry) => isExpired(entry, now())));
    },
  };
}

// One line is `["in", server, profile, cookie]` or `["out", server, profile]`.
function filed({ server, profile, cookie }: JarEntry): string {
  return JSON.stringify(["in", server, profile, cookie]);
}

function decode(content: unknown): JarKey & { readonly cookie: HeldCookie | undefined } {
  const [kind, server, profile, value] = Array.isArray(content) ? content : [];
  const cookie = heldCookie(value);
  const isKnown = kind === "out" || kind === "in" && cookie !== undefined;
  if (!isKnown || typeof server !== "string" || typeof profile !== "string") {
    throw new TypeError("A line must file a cookie or take one out");
  }
  return { server, profile, cookie };
}

function restore(cookies: Cookies, name: string, entry: JarEntry | undefined) {
  if (entry === undefined) cookies.delete(name);
  else cookies.set(name, entry);
}

function nameOf({ server, profile }: JarKey): string {
  return JSON.stringify([server, profile]);
}
