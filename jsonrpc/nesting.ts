/**
 * Nesting depth of objects and arrays in a JSON text.
 *
 * @module
 */

/** Deepest nesting in a client's message: later code recurses into it. */
export const MAX_NESTING = 128;

/** Whether objects and arrays are nested deeper than `most`. */
export function isNestedDeeper(json: string, most: number): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') at = endOfString(json, at);
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    if (depth > most) return true;
  }
  return false;
}

/** Index of the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  for (let at = start + 1;; at++) {
    at = json.indexOf('"', at);
    if (at === -1) return json.length;
    let escapes = 0;
    while (json[at - 1 - escapes] === "\\") escapes++;
    if (escapes % 2 === 0) return at;
  }
}
