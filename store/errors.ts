/**
 * The errors that every backend throws in the same words.
 *
 * @module
 */

import { JournalError } from "./journal/journal_error.ts";
import { StoreError } from "./session_store.ts";

/** Throws a journal's error as the store's, with the same code and message; any other as it is. */
export function rethrow(error: unknown): never {
  if (!(error instanceof JournalError)) throw error;
  const { code, message, cause } = error;
  throw new StoreError(code, message, { cause });
}

export function closedError(): StoreError {
  return new StoreError("closed", "The store is closed: open it again to go on");
}

export function ownerFull(limit: number): StoreError {
  return new StoreError(
    "full",
    `This owner has ${limit} sessions, which is the limit: end some, or wait until some expire`,
  );
}

export function storeFull(limit: number): StoreError {
  return new StoreError(
    "full",
    `The store has ${limit} sessions of this server, which is the limit: end some, wait until some ` +
      `expire, or open it with a higher limit of sessions`,
  );
}

export function stateFull(limit: number): StoreError {
  return new StoreError(
    "full",
    `The sessions of this server can hold at most ${limit} bytes of keys and values: remove some, end ` +
      `sessions, or open the store with a higher limit of bytes`,
  );
}

export function sessionTooLarge(limit: number): StoreError {
  return new StoreError(
    "too_large",
    `A session can hold at most ${limit} bytes of keys and values: remove some first`,
  );
}

/** For an id or stateId that a live session has. */
export function conflictError(): StoreError {
  return new StoreError("conflict", "There is a session with this id or stateId already");
}

/** `unavailable`, and nothing was done: another try may succeed, as with a connection that comes back. */
export class NothingDoneError extends StoreError {
  constructor(message: string, options?: ErrorOptions) {
    super("unavailable", message, options);
  }
}

/** `unavailable`, and no other try helps: somebody has to change a right, a setting or an address first. */
export class RefusedError extends StoreError {
  constructor(message: string, options?: ErrorOptions) {
    super("unavailable", message, options);
  }
}
