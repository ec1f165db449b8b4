import { member } from "./json.ts";

/** The message of what was thrown. An object without one may hold secrets, so it is not shown. */
export function messageOf(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : member(thrown, "message");
  if (typeof message === "string") return message;
  const isShown = typeof thrown !== "object" || thrown === null;
  return isShown ? String(thrown) : "an error without a message";
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown), { cause: thrown });
}
