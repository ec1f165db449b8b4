/**
 * Texts without NUL, at which drivers of SQLite end a text that they read. The order of escaped texts is
 * that of the plain ones, and a prefix stays one.
 *
 * @module
 */

/** The first of both characters that stand for one of these two. */
const ESCAPE = "\x01";
const ESCAPED_NUL = "\x01\x01";
const ESCAPED_ESCAPE = "\x01\x02";

export function escapeNul(text: string): string {
  return text.replaceAll(ESCAPE, ESCAPED_ESCAPE).replaceAll("\0", ESCAPED_NUL);
}

export function unescapeNul(text: string): string {
  // In a row of these characters a pair begins with the first, so that none is taken for half of two.
  return text.replaceAll(ESCAPED_NUL, "\0").replaceAll(ESCAPED_ESCAPE, ESCAPE);
}
