/**
 * Redacts session ids in texts for people: who has a whole id has the session.
 *
 * @module
 */

import { SESSION_IDS, shortId } from "../../runtime/redaction.ts";

/** The length from which an id is a secret. Shorter ones occur in ordinary words. */
const MIN_LENGTH = 12;

export class IdRedactor {
  readonly #full: boolean;
  /** Known ids, by their first {@linkcode MIN_LENGTH} characters. */
  readonly #known = new Map<string, Set<string>>();

  /** With `full`, texts stay as they are. */
  constructor(full: boolean) {
    this.#full = full;
  }

  /** Adds an id to those that are redacted, and returns it. */
  add(id: string): string {
    if (id.length >= MIN_LENGTH) {
      const start = id.slice(0, MIN_LENGTH);
      this.#known.set(start, (this.#known.get(start) ?? new Set()).add(id));
    }
    return id;
  }

  /** The text with every known id, and what looks like one, cut to its beginning. */
  redact(text: string): string {
    if (this.#full) return text;
    let shown = "";
    for (let at = 0; at < text.length;) {
      const alike = this.#known.get(text.slice(at, at + MIN_LENGTH));
      const id = alike?.values().find((id) => text.startsWith(id, at));
      shown += id === undefined ? text[at] : shortId(id);
      at += id?.length ?? 1;
    }
    return shown.replace(SESSION_IDS, shortId);
  }
}
