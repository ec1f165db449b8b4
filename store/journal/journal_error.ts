/**
 * - `corrupt`: a line that may have been acknowledged is damaged, or the file is another program's.
 * - `locked`: another process has held the lock for too long.
 * - `full`: no room is left on the disk, in the quota, or up to `ulimit -f`. It may pass.
 * - `unavailable`: the system refuses the file, or the file is not what it was.
 * - `closed`: the journal was closed.
 */
export type JournalErrorCode = "corrupt" | "locked" | "full" | "unavailable" | "closed";

/** The place of damage in a file: a line from 1, and its bytes from `start` to before `end`. */
export interface DamagedPlace {
  readonly line: number;
  readonly start: number;
  readonly end: number;
}

/** A journal that fails. The message says what happened, where, and what to do next. */
export class JournalError extends Error {
  readonly code: JournalErrorCode;
  /** The damage, if the code is `corrupt`. */
  readonly damage: DamagedPlace | undefined;

  constructor(
    code: JournalErrorCode,
    message: string,
    { damage, ...options }: ErrorOptions & { readonly damage?: DamagedPlace } = {},
  ) {
    super(message, options);
    this.name = "JournalError";
    this.code = code;
    this.damage = damage;
  }
}
