/**
 * Rows: what a backend gives to the engine of a store. It knows rows of text in parts, and nothing of
 * sessions.
 *
 * @module
 */

/** The place of a row: its part, and its name there. Rows of a part sort by the UTF-8 bytes of names. */
export type At = readonly [part: string, name: string];

export interface Row {
  readonly text: string;
  /** Another one after each change. */
  readonly version: string;
}

/** A page of a part's rows, in the order of their names. */
export interface RowPage {
  readonly part: string;
  /** Only names that begin with this. @default "" */
  readonly prefix?: string | undefined;
  /** Only names that sort after this one. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** What to read. */
export interface Want {
  readonly at?: readonly At[];
  readonly page?: RowPage | undefined;
  /** Names of counters. */
  readonly counts?: readonly string[];
}

/** What was read, in the order of the wish; a missing row is `undefined`, a missing counter 0. */
export interface Snapshot {
  readonly at: readonly (Row | undefined)[];
  readonly page: readonly (readonly [name: string, row: Row])[];
  readonly counts: readonly number[];
}

/** A sum that merges with others of the same moment; one at 0 takes no room. */
export interface CountChange {
  readonly name: string;
  readonly by: number;
  /**
   * The commit is refused if the counter would grow past this. A backend may let commits of the same
   * moment pass it together.
   */
  readonly most?: number | undefined;
}

/** A change of many rows, all of it or none. */
export interface Commit {
  /** Unique: what a backend without versions of its own takes for the version of the rows that are set. */
  readonly mark: string;
  /** The versions that rows must have; `null` if a row must not exist. At most {@linkcode MAX_CHECKS}. */
  readonly checks: readonly (readonly [at: At, version: string | null])[];
  readonly sets?: readonly (readonly [at: At, text: string])[];
  readonly deletes?: readonly At[];
  readonly counts?: readonly CountChange[];
  /** A part whose rows all go: at once, or unseen by and by. No row of it is read or set again. */
  readonly drop?: string | undefined;
  /** A part whose rows are copied to another, which has none, in the moment of the commit. */
  readonly copy?: { readonly from: string; readonly to: string } | undefined;
  /** Whether it must survive a power cut, as far as the backend promises that. @default true */
  readonly durable?: boolean | undefined;
  /** What to read if a check fails. @default nothing */
  readonly orElse?: Want | undefined;
}

/** A commit that changes nothing: no part has this row. */
export const NO_CHANGE: Commit = { mark: "", checks: [], deletes: [["", ""]] };

/** Denokv takes ten in a commit; its backend adds two of its own. */
export const MAX_CHECKS = 8;

export type Committed =
  /** Made: the rows that are set have this version. */
  | { readonly kind: "made"; readonly version: string }
  /** Not made as a check failed: what `orElse` wants. */
  | { readonly kind: "lost"; readonly snapshot: Snapshot }
  /** Not made as this counter, the first of them in the commit's order, would pass its `most`. */
  | { readonly kind: "full"; readonly counter: string };

/**
 * Rows in a database, of one namespace. All operations may be called at once, and are linearizable: each
 * sees every commit that had resolved before it was called, from whichever process.
 *
 * An operation rejects with a `StoreError`: `locked` if nothing was done and another try may succeed at
 * once; `unavailable` if a commit may have been made, or may still be (a `NothingDoneError`: it was not, and
 * will not be, as the database is away; a `RefusedError`: another try would not succeed, as it takes no
 * writes, or the user has no right to them); `full`, `too_large`, `corrupt` or `closed` if nothing was done
 * and another try would not succeed. It need not have a timeout of its own.
 */
export interface Rows {
  /** Reads in one moment; where the backend cannot do that, single rows last, after the page. */
  read(want: Want): Promise<Snapshot>;
  commit(commit: Commit): Promise<Committed>;
  /** Goes the way of a commit, and changes nothing. */
  checkWritable(): Promise<void>;
  /** Finishes what was accepted, and closes what it has opened itself. */
  close(): Promise<void>;
}
