// Control and format characters (those that turn the direction of what follows are among them),
// line and paragraph separators, and lone surrogates.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/**
 * A text of others without the characters that a terminal acts on or that hide in a log. Each but
 * those in `allowed` becomes U+FFFD, or what `mark` makes of it.
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

/** A value as equivalent JSON in which a terminal acts on nothing. */
export function printableJson(value: unknown, space?: number): string {
  return printable(JSON.stringify(value, null, space), "\n", escaped);
}

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");
}
