/**
 * New sessions: made at once if nothing is in their way, and otherwise after it was looked at.
 *
 * @module
 */

import { conflictError } from "../errors.ts";
import { copyRecord } from "../validation.ts";
import { type Mark, type Marker, NO_MARKS, textOf } from "./marks.ts";
import { isUnsure, type Operation, RETRY } from "./operation.ts";
import type { Room } from "./room.ts";
import type { At, Commit, Committed, CountChange, Rows, Snapshot } from "./rows.ts";
import type { SessionChange, SessionChanges } from "./session_changes.ts";
import {
  at,
  counter,
  foundIn,
  type FoundSession,
  growth,
  liveAt,
  part,
  rowsOf,
  writtenRow,
} from "./session_rows.ts";
import {
  INTERNAL_OWNER,
  type SessionRecord,
  type StoreError,
  type StoreLimits,
} from "../session_store.ts";

export interface NewSessionsOptions {
  readonly rows: Rows;
  readonly room: Room;
  readonly changes: SessionChanges;
  readonly marker: Marker;
  readonly now: () => number;
  readonly limits: StoreLimits;
  readonly countsBytes: boolean;
}

/** What has the alias of a new session. */
interface AliasHolder {
  /** The version of the alias row. */
  readonly version: string | null;
  /** The hidden session that the row points to. */
  readonly namesake: FoundSession | undefined;
}

const NOBODY: AliasHolder = { version: null, namesake: undefined };

export class NewSessions {
  readonly #options: NewSessionsOptions;

  constructor(options: NewSessionsOptions) {
    this.#options = options;
  }

  /**
   * Makes a session. If the answer to its commit is lost, and another ends the session before the next
   * try, that makes it again: nothing is left that has the mark. To prevent that, each session that ends
   * would have to leave a row until all who may have made it have given up. A commit that is still under way
   * when a session with its alias is given may be made once that has ended.
   *
   * @returns It, or the live one of this owner that has its alias.
   */
  async create(operation: Operation, record: SessionRecord): Promise<SessionRecord> {
    let unsure: StoreError | undefined;
    let holder = NOBODY;
    const attempt = async () => {
      const mark = this.#options.marker.next();
      let committed: Committed;
      try {
        const commit = this.#commitOf(record, mark, 0, holder);
        const orElse = { at: placesOf(record) };
        committed = await operation.call(() =>
          this.#options.rows.commit({ ...commit, mark: textOf(mark), orElse })
        );
      } catch (error) {
        if (isUnsure(error)) operation.setUnsure(unsure = error);
        throw error;
      } finally {
        holder = NOBODY;
      }
      switch (committed.kind) {
        case "made":
          return copyRecord(record);
        case "full":
          await this.#options.room.make(operation, committed.counter, record, 0);
          return RETRY;
        case "lost": {
          const [, byStateId] = committed.snapshot.at;
          if (unsure !== undefined && byStateId !== undefined) {
            // Nobody else knows its stateId. By now it may be used, and have another id.
            const own = await this.#options.room.find(operation, byStateId.text);
            if (own?.record.stateId === record.stateId) return copyRecord(own.record);
          }
          const [live, hidden] = await this.#clear(operation, record, committed.snapshot);
          // One that has its id too has come since the last look: that is a conflict.
          if (live !== undefined && live.id !== record.id) return copyRecord(live);
          holder = hidden;
          return RETRY;
        }
      }
    };
    try {
      return await operation.retry(attempt);
    } catch (error) {
      // Whatever keeps this one from being made, an earlier one may have been, or may be by and by.
      throw unsure ?? error;
    }
  }

  /** Makes a copy of a live session; `undefined` if there is none with this id. */
  async fork(
    operation: Operation,
    id: string,
    record: SessionRecord,
  ): Promise<SessionRecord | undefined> {
    const { changes, room, rows } = this.#options;
    let bytes = 0;
    let holder = NOBODY;
    const change: SessionChange<SessionRecord> = {
      keys: [],
      decide: ({ found }, mark) => {
        if (record.id === id) throw conflictError();
        bytes = found.bytes;
        const values = {
          from: part.values(found.record.stateId),
          to: part.values(record.stateId),
        };
        const { checks, ...made } = this.#commitOf(record, mark, bytes, holder);
        holder = NOBODY;
        const commit = { ...made, ...(bytes > 0 && { copy: values }) };
        return { result: copyRecord(record), commit, checks, keeps: true };
      },
      makeRoom: (counter) => room.make(operation, counter, record, bytes),
      clear: async () => {
        const want = { at: placesOf(record) };
        const found = await operation.call(() => rows.read(want));
        const [live, hidden] = await this.#clear(operation, record, found);
        if (live !== undefined) throw conflictError();
        holder = hidden;
      },
      wasMade: async (_, session) => {
        // As after create().
        if (await room.findState(operation, record.stateId) !== undefined) return true;
        return session === undefined ? undefined : false;
      },
    };
    return await changes.make(operation, id, change);
  }

  /** The rows of a new session with a state of `bytes`, what it counts for, and what it is made beside. */
  #commitOf(record: SessionRecord, mark: Mark, bytes: number, { version, namesake }: AliasHolder) {
    const { limits, countsBytes } = this.#options;
    const { owner } = record;
    const row = writtenRow({ record, bytes, due: record.expiresAt, marks: NO_MARKS }, mark);
    const sets = rowsOf(row);
    const checks: [At, string | null][] = placesOf(record).map((
      place,
      index,
    ) => [place, index === 2 ? version : null]);
    if (namesake !== undefined) {
      // It may come back, without the alias.
      const unnamed = { ...namesake, record: { ...namesake.record, alias: null } };
      checks.push([at.session(namesake.record.id), namesake.version]);
      sets.push([at.session(namesake.record.id), writtenRow(unnamed).text]);
    }
    const counts: CountChange[] = [];
    if (owner !== null && owner !== INTERNAL_OWNER) {
      counts.push(growth(counter.owner(owner), 1, limits.sessionsPerOwner));
    }
    counts.push(growth(counter.sessions(owner), 1, limits.sessions));
    if (countsBytes && bytes > 0) counts.push(growth(counter.bytes, bytes, limits.bytes));
    return { checks, sets, counts } satisfies Partial<Commit>;
  }

  /**
   * Removes what is hidden in the way of a new session; what is live there is a conflict.
   *
   * @returns The live session that has the alias, or what is hidden and has it.
   */
  async #clear(
    operation: Operation,
    record: SessionRecord,
    { at: [byId, byStateId, byAlias] }: Snapshot,
  ): Promise<[live: SessionRecord | undefined, hidden: AliasHolder]> {
    const hidden = await this.#inTheWay(operation, record, foundIn(byId), byStateId?.text);
    const namesake = await this.#holderOf(operation, record, byAlias?.text);
    const live = this.#live(namesake);
    if (live !== undefined) return [live, NOBODY];
    for (const each of hidden) await this.#options.room.remove(operation, each);
    // Among those it may have been.
    if (hidden.length > 0) return [undefined, NOBODY];
    return [undefined, { version: byAlias?.version ?? null, namesake }];
  }

  /** The hidden sessions that have the id or the stateId; one that is live is a conflict. */
  async #inTheWay(
    operation: Operation,
    { stateId }: SessionRecord,
    byId: FoundSession | undefined,
    idOfStateId: string | undefined,
  ): Promise<FoundSession[]> {
    const { room } = this.#options;
    const byStateId = idOfStateId === undefined
      ? undefined
      : await room.find(operation, idOfStateId);
    const holders = [byId, byStateId?.record.stateId === stateId ? byStateId : undefined]
      .filter((holder) => holder !== undefined);
    if (holders.some((holder) => this.#live(holder) !== undefined)) throw conflictError();
    return holders;
  }

  /** The session that has the alias, live or hidden. */
  async #holderOf(
    operation: Operation,
    { owner, alias }: SessionRecord,
    id: string | undefined,
  ): Promise<FoundSession | undefined> {
    const holder = id === undefined ? undefined : await this.#options.room.find(operation, id);
    return holder?.record.owner === owner && holder.record.alias === alias ? holder : undefined;
  }

  #live(found: FoundSession | undefined): SessionRecord | undefined {
    return liveAt(this.#options.now(), found);
  }
}

/** The rows that nobody else may have: by id, by stateId and by alias. */
function placesOf({ id, stateId, owner, alias }: SessionRecord): At[] {
  const places = [at.session(id), at.id(stateId)];
  if (alias !== null) places.push(at.alias({ owner, alias }));
  return places;
}
