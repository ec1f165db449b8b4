/**
 * PostgreSQL's errors as the store's. The server's own words are not passed on: they may have a user's
 * name in them, and their details rows.
 *
 * @module
 */

import { NothingDoneError, RefusedError } from "../errors.ts";
import { certificateFault } from "../certificate_fault.ts";
import { StoreError, type StoreErrorCode } from "../session_store.ts";

/** Both are `unavailable`, and nothing was done: `away` may be over at another try, `refused` not. */
type Meaning = readonly [code: StoreErrorCode | "away" | "refused", why: string];

/** How an authority of one's own is named. */
const AUTHORITY = "sslmode=verify-full&sslrootcert=PATH at the end of the URL";

/** The message of an error for what waited too long to be sent. */
export const TIMEOUT_IN_QUEUE = "timeout in the queue";

const GONE = "its schema mcp_sessions was removed or changed: open the store again";

/** By SQLSTATE, by its class, or by the code of a system's error. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  "40001": ["locked", "another transaction was in the way: try again"],
  "40P01": ["locked", "it and another transaction waited for each other: try again"],
  "55P03": ["locked", "a lock was not free within its lock_timeout: try again"],
  "53200": [
    "locked",
    "it has no memory for more locks: try again, or raise its max_locks_per_transaction",
  ],
  "53100": ["full", "its disk is full: make room there"],
  "53300": [
    "away",
    "it has too many connections: raise its max_connections, or put a pooler before it",
  ],
  "57014": ["away", "it cancelled the statement, perhaps for its statement_timeout"],
  "57P01": ["unavailable", "it was shut down, or ended the connection: see whether it runs"],
  "57P02": ["unavailable", "it crashed, and starts again: wait until it takes connections"],
  "57P03": ["away", "it is starting or shutting down: wait until it takes connections"],
  "25006": [
    "refused",
    "it is read-only, or a replica: connect to the primary, or turn default_transaction_read_only off",
  ],
  "42501": [
    "refused",
    "its user may not connect to the database, or has lost a right that it needs: docs/stores.md lists " +
    "them, and opening the store says which one it is",
  ],
  "28": ["refused", "it refuses the user or the password: see the URL, and its pg_hba.conf"],
  "3D000": ["refused", "it has no such database: make it with createdb, or see the URL"],
  "3F000": ["refused", GONE],
  "42P01": ["refused", GONE],
  "42883": ["refused", GONE],
  "54": ["too_large", "a name or a row is larger than it takes: use shorter ones"],
  "XX001": ["corrupt", "its data is damaged: see its log"],
  "XX002": ["corrupt", "an index of its is damaged: REINDEX it, and see its log"],
  ECONNREFUSED: ["away", "nothing listens there: start it, or see the URL's host and port"],
  ENOENT: ["away", "there is no such socket: start it, or see the URL's host and port"],
  ENOTFOUND: ["away", "its host has no address: see the URL"],
};

/**
 * The error of a call. If it is `unavailable`, the call may have been made.
 *
 * @param name The database, as it begins a sentence.
 */
export function postgresError(name: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code: unknown = Reflect.get(Object(error), "code");
  const state = typeof code === "string" ? code : "";
  // The system's codes begin with an E.
  const isState = /^[\dA-DF-Z][\dA-Z]{4}$/.test(state);
  const found = MEANINGS[state] ?? (isState ? MEANINGS[state.slice(0, 2)] : undefined);
  const [meaning, why] = found ??
    (isState ? ["unavailable", "see its log"] : clientsMeaning(error));
  const message = `${name} failed as ${why}${isState ? ` (SQLSTATE ${state})` : ""}`;
  if (meaning === "away") return new NothingDoneError(message);
  return meaning === "refused" ? new RefusedError(message) : new StoreError(meaning, message);
}

/** What the client or the system says, in which there is neither user nor password. */
function clientsMeaning(error: unknown): Meaning {
  // Of a host with several addresses, each has an error of its own.
  const [first] = error instanceof AggregateError ? error.errors : [error];
  const { name = "", message = "" } = first instanceof Error ? first : {};
  if (name === "NotCapable") return ["refused", `Deno forbids it: ${message}`];
  const fault = certificateFault(first, AUTHORITY);
  if (fault !== undefined) return ["refused", fault];
  if (/not support SSL/.test(message)) {
    return ["refused", "it speaks no TLS: set its ssl to on, or leave sslmode out of the URL"];
  }
  if (/timeout/i.test(message)) {
    const isUnsent = message === TIMEOUT_IN_QUEUE || /connect/i.test(message);
    return [isUnsent ? "away" : "unavailable", "it does not answer: see whether it can be reached"];
  }
  return ["unavailable", `there is no connection (${message}): see whether it can be reached`];
}
