/**
 * Session ids as people see and type them. Who has a whole id has the session.
 *
 * @module
 */

import { shortId } from "../../runtime/redaction.ts";

/** What looks like a session's id in anybody's text; the reference's have twelve digits. */
const LIKE_AN_ID = /sess-[0-9a-f]{12,}/g;
/** The beginning of such an id, which can't be a whole one. */
const BEGINNING = /^sess-[0-9a-f]{0,11}$/;

/** A shorter id is no secret, and stands in many a word. */
const LEAST_LENGTH = 12;

/** Shortens ids in what people read. */
export class Ids {
  readonly #full: boolean;
  /** By how they begin. */
  readonly #known = new Map<string, Set<string>>();

  /** With `full` it leaves them as they are. */
  constructor(full: boolean) {
    this.#full = full;
  }

  /** Lets an id be found in texts, whatever it looks like. */
  know(id: string): string {
    if (id.length >= LEAST_LENGTH) {
      const start = id.slice(0, LEAST_LENGTH);
      this.#known.set(start, (this.#known.get(start) ?? new Set()).add(id));
    }
    return id;
  }

  /** The text with all ids in it shortened. */
  shorten(text: string): string {
    if (this.#full) return text;
    let shown = "";
    for (let at = 0; at < text.length;) {
      const alike = this.#known.get(text.slice(at, at + LEAST_LENGTH));
      const id = alike?.values().find((id) => text.startsWith(id, at));
      shown += id === undefined ? text[at] : shortId(id);
      at += id?.length ?? 1;
    }
    return shown.replace(LIKE_AN_ID, shortId);
  }
}

/**
 * The id among `ids` that is `typed`, or begins with it. What none begins with is taken for a whole
 * id, unless it is too short for one.
 *
 * @throws {Error} if there is more than one, or none.
 */
export function findId(typed: string, ids: Iterable<string>): string {
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
