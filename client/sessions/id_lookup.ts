/**
 * Looks up a session id by its beginning.
 *
 * @module
 */

/** The beginning of an id of our form, too short for a whole one. */
const BEGINNING = /^sess-[0-9a-f]{0,11}$/;

/**
 * The one of `ids` that is `typed`, or begins with it. Without one, `typed` counts as a whole id,
 * unless it is too short for that.
 *
 * @throws {Error} If several begin with it, or none does and it is too short.
 */
export function lookUpId(typed: string, ids: Iterable<string>): string {
  const found = new Set([...ids].filter((id) => id.startsWith(typed)));
  if (found.has(typed)) return typed;
  const [id, another] = found;
  if (another !== undefined) {
    throw new Error(`${found.size} sessions begin with ${typed}: type more of the id`);
  }
  if (id === undefined && BEGINNING.test(typed)) {
    throw new Error(`No session that is known here begins with ${typed}: type the whole id`);
  }
  return id ?? typed;
}
