/**
 * JSON and ids of others, as people may safely see them.
 *
 * @module
 */

import { printable } from "../protocol.ts";

/** Enough of an id to tell sessions apart: `sess-` and eight digits. */
const SHORT_LENGTH = 13;

/** A value as JSON that says the same with nothing in it that a terminal would act on. */
export function printableJson(value: unknown, space?: number): string {
  return printable(JSON.stringify(value, null, space), "\n", escaped);
}

/** A character as JSON escapes it: a surrogate at a time. */
function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");
}

/** The beginning of an id: who has a whole one has the session. */
export function shortId(id: string): string {
  return id.slice(0, id.length > SHORT_LENGTH ? SHORT_LENGTH : Math.floor(id.length / 2));
}
