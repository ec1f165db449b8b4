/**
 * The rows of sessions: their places, and a session's record as the text of one.
 *
 * - `s`, id: the record
 * - `i`, stateId: the id
 * - `o` and owner, stateId: the id, so that an owner's sessions are listed by age
 * - `a` and owner, alias: the id
 * - `x`, time and stateId: the id, so that the sessions that expire first are found; `y` for a server's own
 * - `t`, stateId: whose turn it is, where many write to one session
 * - `v` and stateId, key: a value of the session's state
 *
 * And the counters `sessions`, `internal`, `owner` with each owner, and `bytes`.
 *
 * @module
 */

import { INTERNAL_OWNER, type SessionAlias, type SessionRecord } from "../session_store.ts";
import type { At, CountChange, Row } from "./rows.ts";
import { type Mark, type Marks, marksAfter } from "./marks.ts";

export const at = {
  session: (id: string): At => ["s", id],
  id: (stateId: string): At => [part.ids, stateId],
  owned: (owner: string | null, stateId: string): At => [part.owned(owner), stateId],
  alias: ({ owner, alias }: SessionAlias): At => [named("a", owner), alias],
  due: ({ record: { owner, stateId }, due }: SessionRow): At => [
    part.due(owner),
    `${String(due).padStart(TIME_DIGITS, "0")}${stateId}`,
  ],
  turn: (stateId: string): At => ["t", stateId],
  value: (stateId: string, key: string): At => [part.values(stateId), key],
};

export const part = {
  ids: "i",
  owned: (owner: string | null): string => named("o", owner),
  due: (owner: string | null): string => owner === INTERNAL_OWNER ? "y" : "x",
  values: (stateId: string): string => `v${stateId}`,
};

export const counter = {
  sessions: (owner: string | null): string => owner === INTERNAL_OWNER ? "internal" : "sessions",
  owner: (owner: string): string => `owner ${owner}`,
  bytes: "bytes",
};

/** The owner of a counter's name, see {@linkcode counter.owner}. */
export function ownerOf(name: string): string {
  return name.slice(counter.owner("").length);
}

/** The digits of the largest safe integer. */
const TIME_DIGITS = 16;

/** The time in the name of a row of {@linkcode at.due}. */
export function dueTime(name: string): number {
  return Number(name.slice(0, TIME_DIGITS));
}

/** The part of a session's values, which begins with its row of {@linkcode at.id}. */
export function newPart([name, stateId]: At): string | undefined {
  return name === part.ids ? part.values(stateId) : undefined;
}

function named(prefix: string, owner: string | null): string {
  return owner === null ? prefix : `${prefix}:${owner}`;
}

/** A session as its row has it. */
export interface SessionRow {
  readonly record: SessionRecord;
  /** The size of its state. */
  readonly bytes: number;
  /** The time of its row in the order of expiry: when it expired as that row was written, or earlier. */
  readonly due: number;
  readonly marks: Marks;
}

/** A session's row as it was read. */
export interface FoundSession extends SessionRow {
  readonly version: string;
}

export function foundIn(row: Row | undefined): FoundSession | undefined {
  if (row === undefined) return undefined;
  const { bytes, due, by, others, ...record } = JSON.parse(row.text) as
    & SessionRecord
    & Marks
    & { readonly bytes: number; readonly due: number };
  return { record, bytes, due, marks: { by, others }, version: row.version };
}

/** The record, unless it has expired. */
export function liveAt(now: number, found: SessionRow | undefined): SessionRecord | undefined {
  return found !== undefined && found.record.expiresAt > now ? found.record : undefined;
}

/** A session's row and its text. */
export interface WrittenRow extends SessionRow {
  readonly text: string;
}

/** A session's row as a commit writes it: without a mark one that may as well be made twice. */
export function writtenRow({ record, bytes, due, marks }: SessionRow, mark?: Mark): WrittenRow {
  const after = mark === undefined ? marks : marksAfter(marks, mark);
  const text = JSON.stringify({ ...record, bytes, due, ...after });
  return { record, bytes, due, marks: after, text };
}

/** All rows of a session, which point to its id. */
export function rowsOf(row: WrittenRow): [At, string][] {
  const { id, stateId, owner, alias } = row.record;
  const sets: [At, string][] = [
    [at.session(id), row.text],
    [at.id(stateId), id],
    [at.owned(owner, stateId), id],
    [at.due(row), id],
  ];
  if (alias !== null) sets.push([at.alias({ owner, alias }), id]);
  return sets;
}

/** A counter that grows up to a limit. */
export function growth(name: string, by: number, limit: number): CountChange {
  return { name, by, most: limit === Infinity ? undefined : limit };
}

/** What a commit that ends a session does. */
export function removal(found: SessionRow, countsBytes: boolean) {
  const { id, stateId, owner, alias } = found.record;
  const deletes = [
    at.session(id),
    at.id(stateId),
    at.owned(owner, stateId),
    at.due(found),
  ];
  if (alias !== null) deletes.push(at.alias({ owner, alias }));
  const counts: CountChange[] = [{ name: counter.sessions(owner), by: -1 }];
  if (owner !== null && owner !== INTERNAL_OWNER) {
    counts.push({ name: counter.owner(owner), by: -1 });
  }
  if (countsBytes && found.bytes > 0) counts.push({ name: counter.bytes, by: -found.bytes });
  return { deletes, counts, drop: part.values(stateId) };
}
