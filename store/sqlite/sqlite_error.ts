/**
 * SQLite's errors as the store's. Deno gives no result code with them, so their text is what tells.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { closedError, NothingDoneError, RefusedError } from "../errors.ts";
import { StoreError, type StoreErrorCode } from "../session_store.ts";

/** Both are `unavailable`, and nothing was done: `away` may be over at another try, `refused` not. */
type Refusal = readonly [text: RegExp, code: StoreErrorCode | "away" | "refused", remedy?: string];

/** The last two are of a transaction that somebody else has begun on the same connection. */
const LOCKED = [
  "database (?:table |schema )?is locked",
  "locking protocol",
  "cannot start a transaction within a transaction",
  "Safety level may not be changed inside a transaction",
];
const IS_LOCKED = new RegExp(`^(?:${LOCKED.join("|")})`);

const REFUSALS: readonly Refusal[] = [
  [
    IS_LOCKED,
    "locked",
    "another process, or another connection, keeps it locked: find it, and end it if it hangs",
  ],
  [/^database or disk is full/, "full", "there is no room left; free some and try again"],
  [
    /^file is not a database/,
    "corrupt",
    "it is no SQLite database; it was not changed, use another",
  ],
  [
    /^database disk image is malformed/,
    "corrupt",
    "it is damaged; stop all that use it, and save what is good with sqlite3's .recover",
  ],
  [
    /^attempt to write a readonly database/,
    "refused",
    "it is read-only for this user; change the modes of it and its folder, or use another place",
  ],
  [
    /^unable to open database file/,
    "away",
    "the file or those beside it cannot be opened; see that its folder is there, and may be written",
  ],
  [
    /^disk I\/O error/,
    "unavailable",
    "the disk failed or is full, or a quota or the limit on a file's size (ulimit -f) is used up; the last write " +
    "may have been made or not",
  ],
];

const UNKNOWN: Refusal = [/^/, "unavailable"];

/** The {@linkcode StoreError} of what SQLite threw, which is its cause. */
export function sqliteError(place: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const message = messageOf(cause);
  if (isClosed(cause)) return closedError();
  const [, code, remedy] = REFUSALS.find(([text]) => text.test(message)) ?? UNKNOWN;
  const text = `Cannot use ${place}: ${remedy ?? message}`;
  if (code === "refused") return new RefusedError(text, { cause });
  if (code === "away") return new NothingDoneError(text, { cause });
  return new StoreError(code, text, { cause });
}

/** Whether nothing was done, and another try may succeed. */
export function isLocked(error: unknown): boolean {
  return IS_LOCKED.test(messageOf(error));
}

function isClosed(error: unknown): boolean {
  const isInvalid = error instanceof Error && "code" in error && error.code === "ERR_INVALID_STATE";
  return isInvalid && /not open|finalized/.test(error.message);
}
