/** What the cases of the rows' suite have in common. */

import { assert, assertEquals } from "@std/assert";
import type { At, Commit, Committed, Rows, Snapshot, Want } from "../../../store/rows/rows.ts";
import { StoreError } from "../../../store/mod.ts";

/** Opens rows in a folder: the same ones for the same namespace. */
export type OpenRows = (
  options: { readonly folder: string; readonly namespace: string },
) => Promise<Rows>;

/** A promise of the contract. */
export interface RowsCase {
  readonly name: string;
  /** `open` opens rows of one place, which are closed after the test. */
  readonly test: (open: (namespace?: string) => Promise<Rows>) => Promise<void>;
}

let marks = 0;

/** A commit with a mark of its own. */
export function commitOf(commit: Partial<Commit>): Commit {
  return { mark: `mark-${++marks}`, checks: [], ...commit };
}

/** Commits, and again while the backend says that it is locked. */
export function commit(rows: Rows, wanted: Partial<Commit>): Promise<Committed> {
  const whole = commitOf(wanted);
  return unlocked(() => rows.commit(whole));
}

/** Makes a commit that must be made, and returns the version of its rows. */
export async function make(rows: Rows, wanted: Partial<Commit>): Promise<string> {
  const committed = await commit(rows, wanted);
  assert(committed.kind === "made", `It should be made: ${JSON.stringify(committed)}`);
  return committed.version;
}

/** Makes a commit that must lose, and returns what it got instead. */
export async function lose(rows: Rows, wanted: Partial<Commit>): Promise<Snapshot> {
  const committed = await commit(rows, wanted);
  assert(committed.kind === "lost", `It should be lost: ${JSON.stringify(committed)}`);
  return committed.snapshot;
}

/** Makes a commit that a counter must refuse, and returns that one's name. */
export async function refuse(rows: Rows, wanted: Partial<Commit>): Promise<string> {
  const committed = await commit(rows, wanted);
  assert(committed.kind === "full", `It should be full: ${JSON.stringify(committed)}`);
  return committed.counter;
}

export function read(rows: Rows, want: Want): Promise<Snapshot> {
  return unlocked(() => rows.read(want));
}

/** The text at a place. */
export async function textAt(rows: Rows, at: At): Promise<string | undefined> {
  return (await read(rows, { at: [at] })).at[0]?.text;
}

/** The version at a place that has a row. */
export async function versionAt(rows: Rows, at: At): Promise<string> {
  const version = (await read(rows, { at: [at] })).at[0]?.version;
  assert(version !== undefined, "A row should be there");
  return version;
}

/** The value of a counter. */
export async function count(rows: Rows, name: string): Promise<number | undefined> {
  return (await read(rows, { counts: [name] })).counts[0];
}

/** The names and texts of a part. */
export async function contents(rows: Rows, part: string): Promise<[string, string][]> {
  const { page } = await read(rows, { page: { part, limit: 10_000 } });
  return page.map(([name, { text }]) => [name, text]);
}

/** Expects nothing in a part. */
export async function assertEmpty(rows: Rows, part: string) {
  assertEquals(await contents(rows, part), []);
}

/** How many commits had each outcome. */
export function kindsOf(all: readonly Committed[]): Record<Committed["kind"], number> {
  const kinds = { made: 0, lost: 0, full: 0 };
  for (const { kind } of all) kinds[kind]++;
  return kinds;
}

export function range<T>(length: number, item: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => item(index));
}

async function unlocked<T>(action: () => Promise<T>): Promise<T> {
  const deadline = AbortSignal.timeout(30_000);
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "locked") throw error;
      deadline.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
    }
  }
}
