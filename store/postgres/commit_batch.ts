/**
 * A batch of commits as the arguments of one function call in PostgreSQL.
 *
 * @module
 */

import type { At, Commit, Committed, CountChange, Row } from "../rows/rows.ts";
import { byteArray, type Bytes, int4Array, int8Array } from "./arrays.ts";
import { rowOf } from "./read_batch.ts";
import { OPERATION } from "./schema.ts";

export const COMMIT_SQL =
  "SELECT * FROM mcp_sessions.commit_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

/** The most rows and units of text that go in one call, if they are of more than one commit. */
const MOST_ROWS = 1_000;
const MOST_TEXT = 1_000_000;

/** A commit and its place among those that were given. */
export interface Numbered {
  readonly commit: Commit;
  readonly number: number;
  readonly locks: readonly number[];
}

/**
 * Parts a batch into groups of commits that have no row in common, as the function takes them; those of
 * one row keep their order.
 */
export function groupsOf(commits: readonly Commit[], namespace: string): Numbered[][] {
  const groups: { readonly members: Numbered[]; rows: number; text: number }[] = [];
  const groupOf = new Map<number, number>();
  let isAlone = false;
  let first = 0;
  for (const [number, commit] of commits.entries()) {
    const locks = [...new Set(placesOf(commit).map((at) => lockOf(namespace, at)))];
    const text = (commit.sets ?? []).reduce((sum, [, text]) => sum + text.length, 0);
    // A copy has the rows of one moment: no commit of its own call may change them.
    if (isAlone || commit.copy !== undefined) first = groups.length;
    isAlone = commit.copy !== undefined;
    let index = locks.reduce(
      (least, lock) => Math.max(least, (groupOf.get(lock) ?? -1) + 1),
      first,
    );
    while (isFull(groups[index], locks.length, text)) index++;
    const group = groups[index] ??= { members: [], rows: 0, text: 0 };
    group.members.push({ commit, number, locks });
    group.rows += locks.length;
    group.text += text;
    for (const lock of locks) groupOf.set(lock, index);
  }
  return groups.map(({ members }) => members);
}

function isFull(
  group: { readonly rows: number; readonly text: number } | undefined,
  rows: number,
  text: number,
): boolean {
  return group !== undefined && (group.rows + rows > MOST_ROWS || group.text + text > MOST_TEXT);
}

/** One call of {@linkcode COMMIT_SQL}, in which commits have their index in the group. */
export class CommitCall {
  readonly #group: readonly Numbered[];
  readonly #namespace: string;
  readonly #commits: number[] = [];
  readonly #kinds: number[] = [];
  readonly #parts: Bytes[] = [];
  readonly #names: Bytes[] = [];
  readonly #versions: Bytes[] = [];
  readonly #texts: Bytes[] = [];
  /** The number of operations before the first that only reads, by commit. */
  readonly #wants: number[] = [];

  constructor(group: readonly Numbered[], namespace: string) {
    this.#group = group;
    this.#namespace = namespace;
    for (const [index, { commit }] of group.entries()) this.#add(index, commit);
  }

  arguments(): unknown[] {
    const locks = new Set(this.#group.flatMap(({ locks }) => locks));
    const counts = this.#counts();
    return [
      String(this.#group.some(({ commit }) => commit.durable !== false)),
      int8Array([...locks].sort((a, b) => a - b)),
      int4Array(this.#commits),
      int4Array(this.#kinds),
      byteArray(this.#parts),
      byteArray(this.#names),
      byteArray(this.#versions),
      byteArray(this.#texts),
      int4Array(counts.map(({ index }) => index)),
      byteArray(counts.map(({ name }) => this.#namespace + name)),
      int8Array(counts.map(({ by }) => by)),
      int8Array(counts.map(({ most }) => limitOf(most))),
    ];
  }

  /** The outcome of each commit, of the function's rows: commit, kind, index, version, value. */
  outcomes(rows: readonly unknown[]): Committed[] {
    const outcomes = this.#group.map(({ commit }): Committed => {
      return { kind: "made", version: commit.mark };
    });
    const counts = rows.length === 0 ? [] : this.#counts();
    const found = new Map<number, (Row | undefined)[]>();
    for (const [commit, kind, place, version, value] of rows as readonly (readonly string[])[]) {
      const index = Number(commit);
      if (kind === "1") {
        outcomes[index] = { kind: "full", counter: counts[Number(place) - 1]!.name };
        continue;
      }
      const at = found.get(index) ?? wantedAt(this.#group[index]!.commit).map(() => undefined);
      found.set(index, at);
      outcomes[index] = { kind: "lost", snapshot: { at, page: [], counts: [] } };
      if (Number(place) > 0) at[Number(place) - 1 - this.#wants[index]!] = rowOf(version!, value!);
    }
    return outcomes;
  }

  #add(index: number, commit: Commit) {
    const { mark, checks, sets, deletes, drop, copy } = commit;
    for (const [at, version] of checks) this.#push(index, OPERATION.check, at, version);
    // The same row twice would be an error in one statement: the last one counts.
    const keyed = sets?.map((set) => [`${set[0][0].length} ${set[0].join("")}`, set] as const);
    for (const [at, text] of new Map(keyed).values()) {
      this.#push(index, OPERATION.set, at, mark, text);
    }
    for (const at of deletes ?? []) this.#push(index, OPERATION.delete, at);
    if (drop !== undefined) this.#push(index, OPERATION.drop, [drop, ""]);
    if (copy !== undefined) {
      const to = this.#namespace + copy.to;
      this.#push(index, OPERATION.copy, [copy.from, to], mark);
    }
    this.#wants.push(this.#kinds.length);
    for (const at of wantedAt(commit)) this.#push(index, OPERATION.want, at);
  }

  #push(index: number, kind: number, [part, name]: At, version?: Bytes, text?: Bytes) {
    this.#commits.push(index);
    this.#kinds.push(kind);
    this.#parts.push(this.#namespace + part);
    this.#names.push(name);
    this.#versions.push(version ?? null);
    this.#texts.push(text ?? null);
  }

  #counts(): (CountChange & { readonly index: number })[] {
    return this.#group.flatMap(({ commit }, index) =>
      (commit.counts ?? []).map((count) => ({ ...count, index }))
    );
  }
}

/** Whether what a lost commit wants takes a read of its own. */
export function needsRead({ orElse }: Commit): boolean {
  return orElse?.page !== undefined || (orElse?.counts ?? []).length > 0;
}

function wantedAt(commit: Commit): readonly At[] {
  return needsRead(commit) ? [] : commit.orElse?.at ?? [];
}

function limitOf(most: number | undefined): number | null {
  return most === undefined || most > Number.MAX_SAFE_INTEGER ? null : Math.floor(most);
}

function placesOf({ checks, sets, deletes }: Commit): At[] {
  return [
    ...checks.map(([at]) => at),
    ...(sets ?? []).map(([at]) => at),
    ...(deletes ?? []),
  ];
}

/** A row's lock: a safe integer, of 53 bits of a hash. Two rows of one lock only wait for each other. */
function lockOf(namespace: string, [part, name]: At): number {
  let a = 0x9e3779b9;
  let b = 0x85ebca6b;
  for (const text of [namespace, part, name]) {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x9e3779b1);
      b = Math.imul(b ^ unit, 0x5f356495);
      a ^= b >>> 15;
    }
    a = Math.imul(a ^ text.length, 0x85ebca77);
    b = Math.imul(b ^ (a >>> 13), 0xc2b2ae3d);
  }
  return ((b ^ (b >>> 16)) >>> 11) * 2 ** 32 + ((a ^ (a >>> 15)) >>> 0);
}
