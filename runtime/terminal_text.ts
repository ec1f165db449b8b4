/**
 * Texts and JSON of others, without what a terminal would act on.
 *
 * @module
 */

// Control and format characters (those that turn the direction of what follows are among them),
// line and paragraph separators, and lone surrogates.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;
/**
 * A text that others wrote, without what a terminal would act on or what would hide in a log, but
 * for the characters in `allowed`. Each such character becomes U+FFFD, or what `mark` makes of it.
 */
export function printable(
  text: string,
  allowed = "",
  mark: (character: string) => string = () => "\ufffd",
): string {
  return text.replace(
    UNPRINTABLE,
    (character) => allowed.includes(character) ? character : mark(character),
  );
}

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
