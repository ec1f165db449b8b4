/**
 * Changes of one session: each is decided from the session as it is known, and committed if it still is
 * so; otherwise decided again.
 *
 * @module
 */

import { KnownSession, type KnownSessions } from "./known_sessions.ts";
import { type Mark, type Marker, textOf, wasLast } from "./marks.ts";
import { isUnsure, type Operation, RETRY } from "./operation.ts";
import type { At, Commit, Committed, Row, Rows, Snapshot } from "./rows.ts";
import { at, foundIn, type FoundSession, liveAt, type SessionRow } from "./session_rows.ts";
import { Mutex } from "../../runtime/mutex.ts";
import type { EncodedWrite, StoreError } from "../session_store.ts";

/** What a change does, decided from a session that is live. */
export interface Decided<T> {
  readonly result: T;
  /** What is committed, beside the check of the session; `undefined` if nothing changes. */
  readonly commit?: Omit<Commit, "mark" | "checks" | "orElse">;
  /** The versions that other rows must have. */
  readonly checks?: Commit["checks"];
  /** The session's row after the commit, and the writes to its state; absent if it is gone by then. */
  readonly after?: { readonly row: SessionRow; readonly writes: readonly EncodedWrite[] };
  /** Whether the session stays as it is. */
  readonly keeps?: boolean;
}

/** Keys of the session's state whose values are needed for a decision too. */
export interface Needed {
  readonly needs: readonly string[];
}

export interface SessionChange<T> {
  /** The keys of the session's state whose values are needed. */
  readonly keys: readonly string[];
  /**
   * Decides the change from a session that is live. May be called again; after an error at once, if the
   * session was known from before.
   */
  decide(session: KnownSession, mark: Mark, isFresh: boolean): Decided<T> | Needed;
  /** Called when the change has failed: as this counter cannot grow, or other rows are in the way. */
  makeRoom?(counter: string): Promise<void>;
  clear?(): Promise<void>;
  /**
   * Whether the commit with this mark was made, for a change that does not leave it in the row of its
   * session, which may be gone or have another id; `undefined` if that cannot be told.
   */
  wasMade?(mark: Mark, session: KnownSession | undefined): Promise<boolean | undefined>;
}

/** A commit of which it is not known whether it was made. */
interface Unsure<T> {
  readonly mark: Mark;
  /** The session that it was made for. */
  readonly found: FoundSession;
  readonly result: T;
  readonly error: StoreError;
}

/** What a change has come to. */
type Outcome<T> = { readonly result: T | undefined } | { readonly error: StoreError };

/** A turn that this operation has. */
interface Turn {
  readonly place: At;
  readonly version: string;
}

/** After so many lost races the turn is taken. */
const LOST_BEFORE_TURN = 3;
/** A turn that is held for longer is that of a process that has died, in milliseconds. */
const TURN_MS = 500;
/** Round trips of a holder that are waited for, if those take longer: it needs one and a half. */
const TURN_ROUND_TRIPS = 3;
/** The most that is waited, as a part of an operation's timeout. */
const TURN_PART = 1 / 4;
/** A read of more rows may be of more than one moment, so that what it says has to be checked. */
const READ_AT_ONCE = 8;

export interface SessionChangesOptions {
  readonly rows: Rows;
  readonly known: KnownSessions;
  readonly marker: Marker;
  readonly now: () => number;
}

export class SessionChanges {
  readonly #options: SessionChangesOptions;
  /** So that the changes of one session in this process do not race. */
  readonly #mutexes = new Map<string, { readonly mutex: Mutex; users: number }>();

  constructor(options: SessionChangesOptions) {
    this.#options = options;
  }

  /** Makes a change. @returns Its result; `undefined` if there is no live session with this id. */
  make<T>(operation: Operation, id: string, change: SessionChange<T>): Promise<T | undefined> {
    return this.exclusively(id, () => this.attempt(operation, id, change));
  }

  /** The same within {@linkcode exclusively}. */
  attempt<T>(operation: Operation, id: string, change: SessionChange<T>): Promise<T | undefined> {
    return new Attempts(operation, id, change, this.#options).run();
  }

  /** Works when all earlier changes of the session in this process have ended. */
  async exclusively<T>(id: string, work: () => Promise<T>): Promise<T> {
    const shared = this.#mutexes.get(id) ?? { mutex: new Mutex(), users: 0 };
    this.#mutexes.set(id, shared);
    shared.users++;
    try {
      return await shared.mutex.run(work);
    } finally {
      if (--shared.users === 0) this.#mutexes.delete(id);
    }
  }
}

class Attempts<T> {
  readonly #operation: Operation;
  readonly #id: string;
  readonly #change: SessionChange<T>;
  readonly #options: SessionChangesOptions;
  #unsure: readonly Unsure<T>[] = [];
  readonly #keys: Set<string>;
  /** The session as it is known, and whether that was read in this operation. */
  #session: KnownSession | undefined;
  #isFresh = false;
  #lost = 0;
  /** The longest that a lost commit took, in milliseconds. */
  #roundTripMs = 0;
  #turn: Turn | undefined;
  /** The turn of another, and since when it was seen. */
  #others: { readonly version: string; readonly since: number } | undefined;

  constructor(
    operation: Operation,
    id: string,
    change: SessionChange<T>,
    options: SessionChangesOptions,
  ) {
    this.#operation = operation;
    this.#id = id;
    this.#change = change;
    this.#options = options;
    this.#keys = new Set(change.keys);
    this.#session = options.known.get(id);
  }

  async run(): Promise<T | undefined> {
    try {
      const outcome = await this.#operation.retry(() => this.#attempt());
      if ("error" in outcome) throw outcome.error;
      return outcome.result;
    } catch (error) {
      this.#options.known.delete(this.#id);
      throw this.#unsure[0]?.error ?? error;
    } finally {
      if (this.#turn !== undefined) await this.#leaveTurn(this.#turn);
    }
  }

  async #attempt(): Promise<Outcome<T> | typeof RETRY> {
    if (!this.#knowsAll() || this.#unsure.length > 0) {
      await this.#read();
      const unseen = await this.#unseen();
      if (unseen !== undefined) return unseen;
    }
    const session = this.#session;
    if (session === undefined) return GONE;
    const { now, marker } = this.#options;
    // What is only known from before is no reason to fail, or to say that there is nothing.
    if (liveAt(now(), session.found) === undefined) {
      return this.#isFresh ? this.#unsure[0] ?? GONE : this.#forget();
    }
    if (this.#lost >= LOST_BEFORE_TURN && this.#turn === undefined) await this.#takeTurn();
    const mark = marker.next();
    let decided: Decided<T> | Needed;
    try {
      decided = this.#change.decide(session, mark, this.#isFresh);
    } catch (error) {
      if (this.#isFresh) throw error;
      return this.#forget();
    }
    if ("needs" in decided) {
      for (const key of decided.needs) this.#keys.add(key);
      return RETRY;
    }
    if (decided.commit === undefined && this.#isFresh && this.#keys.size < READ_AT_ONCE) {
      return { result: decided.result };
    }
    return await this.#commit(session, mark, decided);
  }

  async #commit(
    session: KnownSession,
    mark: Mark,
    decided: Decided<T>,
  ): Promise<Outcome<T> | typeof RETRY> {
    const { found } = session;
    const { commit = {}, checks = [], after } = decided;
    const turn = at.turn(found.record.stateId);
    const isWrite = decided.commit !== undefined;
    const deletes = [
      ...commit.deletes ?? [],
      ...(isWrite && this.#turn !== undefined ? [turn] : []),
    ];
    const places = checks.map(([place]) => place);
    const wanted = [at.session(this.#id), turn, ...places, ...this.#values(found, decided)];
    const begin = performance.now();
    let committed: Committed;
    try {
      committed = await this.#operation.call(() =>
        this.#options.rows.commit({
          ...commit,
          mark: textOf(mark),
          checks: [
            [at.session(this.#id), found.version],
            // One who only looks waits for nobody.
            ...(isWrite ? [[turn, this.#turn?.version ?? null] as const] : []),
            ...checks,
          ],
          ...(deletes.length > 0 && { deletes }),
          orElse: { at: wanted },
        })
      );
    } catch (error) {
      if (isWrite && isUnsure(error)) {
        this.#unsure = [...this.#unsure, { mark, found, result: decided.result, error }];
        this.#operation.setUnsure(error);
      }
      this.#forget();
      throw error;
    }
    switch (committed.kind) {
      case "made":
        if (isWrite) {
          this.#turn = undefined;
          if (!decided.keeps) this.#remember(session, after, committed.version);
        }
        return { result: decided.result };
      case "full":
        this.#forget();
        await this.#change.makeRoom?.(committed.counter);
        return RETRY;
      case "lost":
        this.#roundTripMs = Math.max(this.#roundTripMs, performance.now() - begin);
        return await this.#learn(found, committed.snapshot, wanted, checks);
    }
  }

  /** Takes in what another has changed. */
  async #learn(
    found: FoundSession,
    snapshot: Snapshot,
    wanted: readonly At[],
    checks: Commit["checks"],
  ): Promise<Outcome<T> | typeof RETRY> {
    const [row, turn, ...rest] = snapshot.at;
    this.#see(row && found.record.stateId, turn);
    const isSame = row?.version === found.version;
    const isInTheWay = checks.some(([, version], i) => (rest[i]?.version ?? null) !== version);
    const values = wanted.slice(2 + checks.length).map((place) => place[1]);
    const now = foundIn(row);
    if (now === undefined || now.record.stateId !== found.record.stateId) this.#forget();
    else {
      const texts = values.map((key, index) => [key, rest[index + checks.length]?.text] as const);
      const before = isSame ? this.#session?.values ?? [] : [];
      this.#session = new KnownSession(now, [...before, ...texts]);
      this.#isFresh = true;
    }
    const unseen = await this.#unseen();
    if (unseen !== undefined) return unseen;
    if (isSame && isInTheWay) {
      await this.#change.clear?.().catch(async (error) => {
        // Only if the session has not changed meanwhile, it was in the way of this change.
        await this.#read();
        if (this.#session?.found.version === found.version) throw error;
      });
    } else if (!isSame) this.#lost++;
    return RETRY;
  }

  /** The outcome of commits whose answer was lost; `undefined` if none of them was made by now. */
  async #unseen(): Promise<Outcome<T> | undefined> {
    for (const { mark, found, result, error } of this.#unsure) {
      const isSame = this.#session?.found.record.stateId === found.record.stateId;
      const session = isSame ? this.#session : undefined;
      const isMade = this.#change.wasMade === undefined
        ? session && wasLast(session.found.marks, mark)
        : await this.#change.wasMade(mark, session);
      if (isMade === true) return { result };
      // It may be, and another has ended the session, or many have written to it since.
      if (isMade === undefined) return { error };
    }
    // One that is still under way may be made as long as the session has the version that it checks.
    const version = this.#session?.found.version;
    this.#unsure = this.#unsure.filter(({ found }) => found.version === version);
    this.#operation.setUnsure(this.#unsure[0]?.error);
    return undefined;
  }

  #knowsAll(): boolean {
    const { values } = this.#session ?? {};
    return values !== undefined && this.#keys.values().every((key) => values.has(key));
  }

  /** Reads the session, and those of its values that are needed. */
  async #read(): Promise<void> {
    const { rows, known } = this.#options;
    let stateId = (this.#session ?? known.get(this.#id))?.found.record.stateId;
    for (;;) {
      const values = stateId === undefined ? [] : [...this.#keys];
      const places = [at.session(this.#id), ...values.map((key) => at.value(stateId!, key))];
      const snapshot = await this.#operation.call(() => rows.read({ at: places }));
      const [row, ...texts] = snapshot.at;
      const found = foundIn(row);
      if (found === undefined || this.#keys.size === 0 || found.record.stateId === stateId) {
        const entries = values.map((key, index) => [key, texts[index]?.text] as const);
        this.#session = found && new KnownSession(found, entries);
        this.#isFresh = true;
        return;
      }
      // The values are those of another session.
      stateId = found.record.stateId;
    }
  }

  /** The places of values that the change needs, or writes. */
  #values({ record }: FoundSession, { after }: Decided<T>): At[] {
    const keys = new Set([...this.#keys, ...(after?.writes ?? []).map(([key]) => key)]);
    return Array.from(keys, (key) => at.value(record.stateId, key));
  }

  #remember(session: KnownSession, after: Decided<T>["after"], version: string): void {
    const { known } = this.#options;
    if (after === undefined) return known.delete(this.#id);
    session.advance({ ...after.row, version }, after.writes);
    known.set(this.#id, session);
  }

  #forget(): typeof RETRY {
    this.#options.known.delete(this.#id);
    this.#session = undefined;
    this.#isFresh = false;
    return RETRY;
  }

  /** Looks whose turn it is. */
  #see(stateId: string | undefined, turn: Row | undefined): void {
    // Another may have taken it over meanwhile.
    if (turn?.version !== this.#turn?.version) this.#turn = undefined;
    if (turn === undefined || this.#turn !== undefined) this.#others = undefined;
    else if (turn.version !== this.#others?.version) {
      this.#others = { version: turn.version, since: performance.now() };
    } else if (
      performance.now() - this.#others.since > this.#turnMs(turn) && stateId !== undefined
    ) {
      // Its holder has died: the next commit is made in its place.
      this.#turn = { place: at.turn(stateId), version: turn.version };
      this.#others = undefined;
    }
  }

  /** How long another may have its turn, whose text says what it needs. */
  #turnMs({ text }: Row): number {
    return Math.min(Math.max(TURN_MS, Number(text) || 0), this.#operation.timeoutMs * TURN_PART);
  }

  async #takeTurn(): Promise<void> {
    const stateId = this.#session?.found.record.stateId;
    if (stateId === undefined || this.#others !== undefined) return;
    const place = at.turn(stateId);
    const mark = textOf(this.#options.marker.next());
    const committed = await this.#operation.call(() =>
      this.#options.rows.commit({
        mark,
        checks: [[place, null]],
        sets: [[place, String(Math.ceil(this.#roundTripMs * TURN_ROUND_TRIPS))]],
        durable: false,
        orElse: { at: [place] },
      })
    );
    if (committed.kind === "made") this.#turn = { place, version: committed.version };
    else if (committed.kind === "lost") this.#see(stateId, committed.snapshot.at[0]);
  }

  /** Leaves a turn that no commit has left. */
  async #leaveTurn({ place, version }: Turn): Promise<void> {
    const mark = textOf(this.#options.marker.next());
    const checks = [[place, version] as const];
    // Others take it over when this fails.
    await this.#operation.call(() =>
      this.#options.rows.commit({ mark, checks, deletes: [place], durable: false })
    ).catch(() => {});
  }
}

const GONE = { result: undefined };
