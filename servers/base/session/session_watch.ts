/**
 * Session watch: the lookups of ids that callers present, with the brake on guesses, and what observers
 * and the operator are told of the lives of sessions.
 *
 * @module
 */

import { RecentSet } from "../../../runtime/recent_set.ts";
import { sha256 } from "../../../runtime/sha256.ts";
import type { SessionRecord, SessionStore } from "../../../store/session_store.ts";
import type { ObservedCaller, Observer, SessionEvent } from "../observer/observer.ts";
import { sessionKey } from "../../../store/state_id.ts";
import { GuessBrake } from "./guess_brake.ts";
import { OpenSessions } from "./open_sessions.ts";
import { type Advise, adviseGuesses, adviseOpenSessions, callerKind } from "./operator_advice.ts";

/** Ids that are known to be live: they are looked up at once, and not told of again. */
const MAX_KNOWN = 10_000;
/** Callers that the operator is warned of. After so many it is clear what goes on. */
const MAX_WARNINGS = 100;

/** What all layers of one store share: with transport sessions, each of them has a layer. */
interface StoreWatch {
  readonly known: RecentSet;
  readonly brake: GuessBrake;
  readonly open: OpenSessions;
  warnings: number;
}

const watchOf = new WeakMap<SessionStore, StoreWatch>();

export interface SessionWatchOptions {
  readonly store: SessionStore;
  /** The local user waits for nobody else, and is not braked. */
  readonly local: boolean;
  readonly advise: Advise;
  readonly observer: Observer | undefined;
}

type Event = Omit<SessionEvent, keyof ObservedCaller | "key"> & {
  readonly record?: SessionRecord | undefined;
};

export class SessionWatch {
  readonly options: SessionWatchOptions;
  readonly shared: StoreWatch;

  constructor(options: SessionWatchOptions) {
    const { store } = options;
    this.options = options;
    this.shared = watchOf.get(store) ?? {
      known: new RecentSet(MAX_KNOWN),
      brake: new GuessBrake(),
      open: new OpenSessions(store),
      warnings: 0,
    };
    watchOf.set(store, this.shared);
  }

  of(caller: ObservedCaller): CallerSessions {
    return new CallerSessions(this, caller);
  }
}

/** The sessions of the caller of one request: looked up for it, and told of. */
export class CallerSessions {
  readonly owner: string | null;
  readonly #caller: ObservedCaller;
  readonly #options: SessionWatchOptions;
  readonly #shared: StoreWatch;

  constructor({ options, shared }: SessionWatch, caller: ObservedCaller) {
    this.owner = caller.owner;
    this.#caller = caller;
    this.#options = options;
    this.#shared = shared;
  }

  /**
   * Gets the live session with this id, whoever owns it.
   *
   * @throws {WireError} -32603 `braked` if the caller has presented too many that lead nowhere.
   */
  get(id: string): Promise<SessionRecord | undefined> {
    const { store, local } = this.#options;
    const { known, brake } = this.#shared;
    return local || known.has(id) ? store.get(id) : brake.run(this.#caller, () => store.get(id));
  }

  /** The session that was got by this id, if it is the caller's own; notes what has come of it. */
  own(record: SessionRecord | undefined, id: string, via: string): SessionRecord | undefined {
    // Another owner's session is the same as none (section 6 of the contract).
    if (record !== undefined && record.owner === this.owner) {
      this.seen(record, via);
      return record;
    }
    if (record === undefined) this.#shared.known.delete(id);
    this.#denied(id, { via, reason: record === undefined ? "unknown" : "foreign", record });
    return undefined;
  }

  /** Notes that the caller has presented something that is no id. */
  malformed(via: string): void {
    this.#denied("", { via, reason: "malformed" });
  }

  /** Notes a session that was found. */
  seen(record: SessionRecord, via: string): void {
    if (this.#shared.known.add(record.id)) {
      this.#tell({ kind: "resumed", record, id: record.id, via });
    }
  }

  /** Notes a new session, that is in the store. */
  created(record: SessionRecord, via: string, replaced?: SessionRecord): void {
    const from = replaced && { from: sessionKey(replaced.stateId) };
    this.#made(record);
    this.#tell({ kind: "created", record, id: record.id, via, ...from });
  }

  forked(record: SessionRecord, via: string, original: SessionRecord): void {
    this.#made(record);
    this.#tell({ kind: "forked", record, id: record.id, via, from: sessionKey(original.stateId) });
  }

  regenerated(record: SessionRecord, via: string, deadId: string): void {
    this.#shared.known.delete(deadId);
    this.#shared.known.add(record.id);
    this.#tell({ kind: "regenerated", record, id: deadId, via });
  }

  deleted(record: SessionRecord, via: string): void {
    this.#shared.known.delete(record.id);
    this.#shared.open.ended(this.owner);
    this.#tell({ kind: "deleted", record, id: record.id, via });
  }

  #made({ id }: SessionRecord): void {
    const { advise, local } = this.#options;
    const kind = callerKind(local, this.owner);
    this.#shared.known.add(id);
    this.#shared.open.made(
      this.owner,
      (sessions) => adviseOpenSessions(advise, kind, this.owner, sessions),
    );
  }

  #denied(id: string, event: Omit<Event, "kind" | "id">): void {
    const miss = this.#shared.brake.miss(this.#caller, id, event.record?.owner);
    const { count, isWarning, isTold } = miss;
    if (isWarning && this.#shared.warnings++ < MAX_WARNINGS) {
      adviseGuesses(this.#options.advise, this.#caller, count);
    }
    if (isTold) this.#tell({ kind: "denied", id: id || undefined, count, ...event });
  }

  #tell({ record, id, ...event }: Event): void {
    const { observer } = this.#options;
    observer?.session?.({
      ...event,
      ...this.#caller,
      key: record && sessionKey(record.stateId),
      id: id === undefined ? undefined : sha256(id).slice(0, 16),
    });
  }
}
