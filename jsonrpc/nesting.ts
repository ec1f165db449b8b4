/**
 * How deep objects and arrays stand in one another.
 *
 * @module
 */

/** How deep they may in a message of a client's: what comes after recurses into them. */
export const MAX_NESTING = 128;

/** Do objects and arrays stand deeper in one another than `most`? */
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

/** Where the string ends that begins here. */
function endOfString(json: string, start: number): number {
  for (let at = start + 1;; at++) {
    at = json.indexOf('"', at);
    if (at === -1) return json.length;
    let escapes = 0;
    while (json[at - 1 - escapes] === "\\") escapes++;
    if (escapes % 2 === 0) return at;
  }
}
