/**
 * Errors as they were thrown: anything may be.
 *
 * @module
 */

import { isObject, member } from "./json.ts";

/** The message of what was thrown. An object without one may hold secrets, so it is not shown. */
export function messageOf(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : member(thrown, "message");
  if (typeof message === "string") return message;
  return isObject(thrown) ? "an error without a message" : String(thrown);
}

/** An error for whatever was thrown. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown), { cause: thrown });
}
