/**
 * What an operator does with one session: find it by its `stateId`, end it, fork it.
 *
 * @module
 */

import { newSessionId } from "../protocol/session_id.ts";
import { Mutex } from "../runtime/mutex.ts";
import type { InspectedSession, StoreInspector } from "../store/inspection.ts";
import type { SessionRecord, SessionStore } from "../store/session_store.ts";
import { newStateId } from "../store/state_id.ts";
import { justBefore } from "../store/utf8_order.ts";

/** A session's server and `stateId`. */
export interface SessionName {
  readonly namespace: string;
  readonly stateId: string;
}

export class Operator implements AsyncDisposable {
  readonly #inspector: Pick<StoreInspector, "sessions">;
  readonly #openStore: (namespace: string) => Promise<SessionStore>;
  readonly #mutex = new Mutex();
  /** The store of the last change, kept for the next one: a large file takes a second to open. */
  #last: { readonly namespace: string; readonly store: SessionStore } | undefined;

  /** `openStore` opens one server's store. */
  constructor(
    inspector: Pick<StoreInspector, "sessions">,
    openStore: (namespace: string) => Promise<SessionStore>,
  ) {
    this.#inspector = inspector;
    this.#openStore = openStore;
  }

  /** The live session of this name. */
  async find({ namespace, stateId }: SessionName): Promise<InspectedSession | undefined> {
    const after = justBefore(stateId);
    const [found] = await this.#inspector.sessions({ namespace, after, limit: 1 });
    return found?.record.stateId === stateId ? found : undefined;
  }

  /** Ends a session. `false` if it was not live any more. */
  async end(name: SessionName): Promise<boolean> {
    const session = await this.find(name);
    if (session === undefined) return false;
    const { id } = session.record;
    return await this.#change(name, (store) => store.delete(id));
  }

  /**
   * Makes a session with a copy of this one's state, for the same owner.
   *
   * @returns `undefined` if it was not live any more.
   */
  async fork(name: SessionName): Promise<SessionRecord | undefined> {
    const session = await this.find(name);
    if (session === undefined) return undefined;
    const { record } = session;
    const fork = forkOf(record, Date.now());
    return await this.#change(name, (store) => store.fork(record.id, fork));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mutex.run(() => this.#close());
  }

  #change<T>(
    { namespace }: SessionName,
    change: (store: SessionStore) => Promise<T>,
  ): Promise<T> {
    return this.#mutex.run(async () => {
      if (this.#last?.namespace !== namespace) await this.#close();
      this.#last ??= { namespace, store: await this.#openStore(namespace) };
      try {
        return await change(this.#last.store);
      } catch (error) {
        // A store whose file was replaced refuses all that comes: the next change opens the new one.
        await this.#close();
        throw error;
      }
    });
  }

  async #close(): Promise<void> {
    const store = this.#last?.store;
    this.#last = undefined;
    await store?.close();
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
