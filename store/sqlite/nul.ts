/**
 * Texts without NUL, at which drivers of SQLite end a text that they read. The order of escaped texts is
 * that of the plain ones, and a prefix stays one.
 *
 * @module
 */

// deno-lint-ignore no-control-regex
const RARE = /[\0\x01]/g;

export function escapeNul(text: string): string {
  // Hardly any text has one: to look for it is faster than to replace none.
  if (!text.includes("\0") && !text.includes("\x01")) return text;
  return text.replace(RARE, (found) => found === "\0" ? "\x01\x01" : "\x01\x02");
}

export function unescapeNul(text: string): string {
  if (!text.includes("\x01")) return text;
  // deno-lint-ignore no-control-regex
  return text.replace(/\x01[\x01\x02]/g, (found) => found === "\x01\x01" ? "\0" : "\x01");
}
