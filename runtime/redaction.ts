/**
 * Redaction of session ids: a whole id is a bearer token, its beginning tells sessions apart.
 *
 * @module
 */

/** `sess-` and eight digits. */
const SHORT_LENGTH = 13;

/** Session ids in any text; those of other servers have twelve digits. */
export const SESSION_IDS: RegExp = /sess-[0-9a-f]{8}[\w-]+/g;

export function shortId(id: string): string {
  return id.slice(0, id.length > SHORT_LENGTH ? SHORT_LENGTH : Math.floor(id.length / 2));
}

/** A text in which no session id stands whole. */
export function redact(text: string): string {
  return text.replaceAll(SESSION_IDS, (id) => `${shortId(id)}…`);
}
