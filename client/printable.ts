/**
 * What others have written, as people may safely see it.
 *
 * @module
 */

/** Control characters, and those that turn the direction of what follows. */
const ACTING = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;
/** Enough of an id to tell sessions apart: `sess-` and eight digits. */
const SHORT_LENGTH = 13;

/** A text without what a terminal would act on, but for the characters in `allowed`. */
export function printable(text: string, allowed = ""): string {
  return text.replace(ACTING, (character) => allowed.includes(character) ? character : "�");
}

/** A value as JSON in which nothing is what a terminal would act on. */
export function printableJson(value: unknown, space?: number): string {
  return JSON.stringify(value, null, space).replace(
    ACTING,
    (character) =>
      character === "\n"
        ? character
        : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The beginning of an id: who has a whole one has the session. */
export function shortId(id: string): string {
  return id.slice(0, id.length > SHORT_LENGTH ? SHORT_LENGTH : Math.floor(id.length / 2));
}
