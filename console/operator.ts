/**
 * What an operator does with one session: find it by its `stateId`, end it, fork it.
 *
 * @module
 */

import { newSessionId } from "../protocol/session_id.ts";
import type { InspectedSession, StoreInspector } from "../store/inspection.ts";
import type { SessionRecord, SessionStore } from "../store/session_store.ts";
import { newStateId } from "../store/state_id.ts";

/** A session's server and `stateId`. */
export interface SessionName {
  readonly namespace: string;
  readonly stateId: string;
}

/** Sessions that may share all but the last letter of their `stateId`. */
const NEIGHBOURS = 100;

export class Operator {
  readonly #inspector: Pick<StoreInspector, "sessions">;
  readonly #open: (namespace: string) => Promise<SessionStore>;

  /** `open` opens one server's store. */
  constructor(
    inspector: Pick<StoreInspector, "sessions">,
    open: (namespace: string) => Promise<SessionStore>,
  ) {
    this.#inspector = inspector;
    this.#open = open;
  }

  /** The live session of this name. */
  async find({ namespace, stateId }: SessionName): Promise<InspectedSession | undefined> {
    // The beginning of a text sorts before the text.
    const after = stateId.slice(0, -1) || undefined;
    const page = await this.#inspector.sessions({ namespace, after, limit: NEIGHBOURS });
    return page.find(({ record }) => record.stateId === stateId);
  }

  /** Ends a session. `false` if it was not live any more. */
  async end(name: SessionName): Promise<boolean> {
    const session = await this.find(name);
    if (session === undefined) return false;
    await using store = await this.#open(name.namespace);
    return await store.delete(session.record.id);
  }

  /**
   * Makes a session with a copy of this one's state, for the same owner.
   *
   * @returns `undefined` if it was not live any more.
   */
  async fork(name: SessionName): Promise<SessionRecord | undefined> {
    const session = await this.find(name);
    if (session === undefined) return undefined;
    await using store = await this.#open(name.namespace);
    return await store.fork(session.record.id, forkOf(session.record, Date.now()));
  }
}

function forkOf(record: SessionRecord, now: number): SessionRecord {
  const { ttlMs, endsAt, data } = record;
  return {
    ...record,
    id: newSessionId(),
    stateId: newStateId(now),
    // An alias has one session.
    alias: null,
    // A fork must not outlive the maximum age of its original.
    expiresAt: Math.min(now + ttlMs, endsAt ?? Infinity),
    toolCalls: 0,
    data: {
      ...data,
      title: `Fork of ${data["title"] ?? "a session"}`,
      reason: "console/fork",
      createdAt: new Date(now).toISOString(),
    },
  };
}
