/**
 * What an operator reads of a store, beside {@linkcode SessionStore}: the servers in it, the owners of
 * their sessions, and the sessions of all owners. Changes go through the store itself.
 *
 * @module
 */

import type { Json } from "../runtime/json.ts";
import type { SessionRecord, StateEntriesOptions } from "./session_store.ts";

/** A server with sessions in a store. */
export interface ServerSummary {
  /** The server's name, as {@linkcode OpenStoreOptions} of `openStore` has it. */
  readonly namespace: string;
  /** The number of its live sessions. */
  readonly sessions: number;
  /**
   * The size of all states that the store keeps for it, those of hidden sessions too, as
   * {@linkcode StoreLimits.bytes} limits it. Absent where the store does not count it.
   */
  readonly bytes?: number;
}

/** An owner with sessions of one server. */
export interface OwnerSummary {
  /** The principal, or `null` for anonymous sessions. */
  readonly owner: string | null;
  /** The number of its live sessions. */
  readonly sessions: number;
}

/** A live session as an operator sees it. */
export interface InspectedSession {
  /** The session. Its `id` gives access to it: show its `stateId` in place of it. */
  readonly record: SessionRecord;
  /** The size of its state, in bytes of UTF-8: its keys, and its values as JSON. */
  readonly bytes: number;
}

/** The owners that {@linkcode StoreInspector.owners} returns. */
export interface InspectOwnersOptions {
  /** The server's name. */
  readonly namespace: string;
  /** Only owners that sort after this one; `null` is the first of all. */
  readonly after?: string | null | undefined;
  /** The most owners to return. */
  readonly limit: number;
}

/** The sessions that {@linkcode StoreInspector.sessions} returns. */
export interface InspectSessionsOptions {
  /** The server's name. */
  readonly namespace: string;
  /** Only sessions of this principal, or anonymous ones for `null`. @default of all */
  readonly owner?: string | null | undefined;
  /** Only sessions whose `stateId` sorts after this one. */
  readonly after?: string | undefined;
  /** The most sessions to return. */
  readonly limit: number;
}

/** The entries of a state that {@linkcode StoreInspector.entries} returns. */
export interface InspectEntriesOptions extends StateEntriesOptions {
  /** The server's name. */
  readonly namespace: string;
  /** The session's internal id, which gives no access to it. */
  readonly stateId: string;
}

/**
 * Reads a whole store, of all its servers, beside those that use it. It changes nothing there: no
 * expired session is dropped, no table made, no unfinished line set aside.
 *
 * Expired sessions are hidden, as from every caller of a store, and so are a server's own records
 * ({@linkcode INTERNAL_OWNER}) unless they are asked for as that owner's.
 *
 * Pages are each of one moment. Whoever walks along them, `after` after `after`, gets all that stays
 * meanwhile once; what is made or ends meanwhile may be there or not.
 *
 * Every method rejects with a {@linkcode StoreError}: `corrupt` if the store is damaged,
 * `unavailable` if it cannot be read, `closed` after `close()`.
 */
export interface StoreInspector extends AsyncDisposable {
  /** The servers with live sessions, in the order of the UTF-8 of their names. */
  servers(): Promise<ServerSummary[]>;

  /** A page of the owners with live sessions of one server, in the order of UTF-8, `null` first. */
  owners(options: InspectOwnersOptions): Promise<OwnerSummary[]>;

  /** A page of one server's live sessions, oldest first. */
  sessions(options: InspectSessionsOptions): Promise<InspectedSession[]>;

  /** A page of one live session's state in the order of its keys; `undefined` if there is none. */
  entries(options: InspectEntriesOptions): Promise<[key: string, value: Json][] | undefined>;

  /** Closes files and connections. Closing twice is harmless. */
  close(): Promise<void>;
}
