/**
 * Session ids (section 2 of the contract): generated, and read from a peer's message.
 *
 * @module
 */

import { randomHex } from "../runtime/random_hex.ts";

// Our ids have 37 characters; the bound keeps a long made-up id from being carried around.
const MAX_ID_LENGTH = 256;
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** A new session id: `sess-` and 128 random bits in lowercase hex. */
export function newSessionId(): string {
  return `sess-${randomHex(16)}`;
}

/** Whether a value has the form of {@linkcode newSessionId}. */
export function isOurSessionId(value: unknown): boolean {
  return typeof value === "string" && /^sess-[0-9a-f]{32}$/.test(value);
}

/** Reads a session id from a peer; `undefined` if the value cannot be one. */
export function readSessionId(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > MAX_ID_LENGTH) return undefined;
  return VISIBLE_ASCII.test(value) ? value : undefined;
}
