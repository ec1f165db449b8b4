/**
 * The contract of a session store, which every backend holds to.
 *
 * @module
 */

import type { Json } from "../runtime/json.ts";
import { utf8Length } from "../runtime/utf8.ts";
import { abandon, describe, encodeJson, isPlain } from "./json_text.ts";

/** One session as a store keeps it. All times are milliseconds since 1970, UTC. */
export interface SessionRecord {
  /** The public id, as in the cookie. It gives access to the session: never log it whole. */
  readonly id: string;
  /**
   * The internal id, which the state belongs to. It outlives a change of `id`, and sorts by age: "oldest
   * first" is the order of this string. It gives no access to the session.
   */
  readonly stateId: string;
  /** The principal that owns the session, or `null` if it is anonymous (PROTOCOL.md, section 6). */
  readonly owner: string | null;
  /** A name that this owner can find the session by, or `null`. */
  readonly alias: string | null;
  /** The lifetime without use, in milliseconds. */
  readonly ttlMs: number;
  /** The end of the session unless it is used; never later than `endsAt`. */
  readonly expiresAt: number;
  /** The end of the session however much it is used, or `null` for none. */
  readonly endsAt: number | null;
  /** The number of `tools/call` that it has served. */
  readonly toolCalls: number;
  /** The `data` of its cookie. */
  readonly data: Readonly<Record<string, string>>;
}

/**
 * The owner of records that are no sessions: a server's own, such as of what may be used once. No
 * principal has this name, so no caller finds or lists them. They count in no quota of sessions, and may
 * be as many as {@linkcode StoreLimits.sessions} in all.
 */
export const INTERNAL_OWNER = "mcp-sessions/internal";

/** Another name of a session: the alias that its owner gave it. */
export interface SessionAlias {
  /** The principal, or `null` for anonymous sessions. */
  readonly owner: string | null;
  /** The name, unique among this owner's live sessions. */
  readonly alias: string;
}

/** The sessions that {@linkcode SessionStore.list} returns. */
export interface SessionListOptions {
  /** The principal that owns them, or `null` for anonymous sessions. */
  readonly owner: string | null;
  /** Only sessions whose `stateId` sorts after this one. */
  readonly after?: string | undefined;
  /** The most sessions to return. */
  readonly limit: number;
}

/** The entries of a session's state that {@linkcode SessionStore.entries} returns. */
export interface StateEntriesOptions {
  /** Only keys that begin with this. @default "" */
  readonly prefix?: string | undefined;
  /** Only keys that sort after this one. */
  readonly after?: string | undefined;
  /** The most entries to return. */
  readonly limit: number;
}

/** The result of a transaction's function. */
export interface StateUpdate<T> {
  /** The result for the caller of the transaction. */
  readonly value: T;
  /** The keys to write; `undefined` deletes. They need not be among the keys that were read. */
  readonly set?: Iterable<readonly [key: string, value: Json | undefined]>;
}

/** One change of one session, all of it or none. */
export interface StateTransaction<T> {
  /** The keys of the session's state whose values `update` gets. @default [] */
  readonly keys?: readonly string[];
  /**
   * Decides the writes. Synchronous and pure: it runs under the store's lock, and on a backend with
   * optimistic commits it may run again. If it throws, nothing is written.
   *
   * `state` has the named keys that exist; `session` is the record with this transaction's `calls`
   * and `expiresAt` already in it. Both are the caller's own copies.
   */
  readonly update: (state: ReadonlyMap<string, Json>, session: SessionRecord) => StateUpdate<T>;
  /** Added to `toolCalls`; concurrent transactions merge. @default 0 */
  readonly calls?: number;
  /**
   * A later expiry than the stored one replaces it, but never goes past `endsAt`; an earlier one
   * changes nothing.
   */
  readonly expiresAt?: number | undefined;
  /**
   * Whether it is fsynced when the promise resolves. If not, the operating system has it: it survives a
   * kill of the process, not a power cut. @default true
   */
  readonly durable?: boolean;
}

/** The outcome of a transaction. */
export interface CommittedTransaction<T> {
  /** The session after the transaction. */
  readonly session: SessionRecord;
  /** The `value` of the transaction's function. */
  readonly value: T;
}

/**
 * The quotas of a store, beside the room on its disk. Hidden sessions count in no quota: where they and
 * the live ones are too many, those that expired first are deleted early.
 */
export interface StoreLimits {
  /**
   * Live sessions of this server, of all owners.
   *
   * On Deno KV it is less exact, so that creates need not wait for each other: sessions that are created
   * at the same moment may all take the last place.
   *
   * @default 2_000_000
   */
  readonly sessions: number;
  /** Live sessions of one principal. Anonymous sessions are not limited by it. @default 10_000 */
  readonly sessionsPerOwner: number;
  /**
   * The size of a session's state, in bytes of UTF-8: its keys, and its values as JSON. A write past it
   * is `too_large`. @default 16 MiB
   */
  readonly bytesPerSession: number;
  /**
   * The size of the states of all sessions of this server, counted in the same way. A write past it is
   * `full`. Deno KV, which keeps no session in memory, does not count it. @default 1 GiB
   */
  readonly bytes: number;
}

/** The default limits of a store. */
export const DEFAULT_LIMITS: StoreLimits = {
  sessions: 2_000_000,
  sessionsPerOwner: 10_000,
  bytesPerSession: 16 * 1024 * 1024,
  bytes: 1024 * 1024 * 1024,
};

/**
 * Keeps the sessions of one server, each with a state of keys and JSON values.
 *
 * Every backend holds to the same contract:
 *
 * - A write whose promise resolved is durable: it survives `kill -9` and, unless `durable: false`, a
 *   power cut. Other processes on the same store see it from then on.
 * - A session past its `expiresAt` is hidden at once: nothing returns it, lists it or writes to it,
 *   and its names are free. It is deleted when as long again as its `ttlMs` has passed, a day at
 *   least (but for those of {@linkcode INTERNAL_OWNER}); until then it is live again if the clock was wrong and is set back. A new session that
 *   takes its alias keeps it; one that takes its id or `stateId` replaces it for good.
 * - Values are JSON, copied on the way in and on the way out. Absent is `undefined`; a stored
 *   `null`, `0`, `false` or `""` comes back as itself.
 * - Keys sort by their UTF-8 bytes.
 * - A key or value past the limits is a `RangeError` or `TypeError` (see {@linkcode checkKey} and
 *   {@linkcode encodeUpdate}), a failure of the store a {@linkcode StoreError}. In both cases nothing
 *   was written, except with `unavailable`: a remote that stopped answering, or a disk whose fsync
 *   failed, may have taken the write.
 */
export interface SessionStore extends AsyncDisposable {
  /**
   * Writes a new session, unless a live session of this owner has its `alias`.
   *
   * @returns `session`, or the one that already has the alias.
   * @throws {StoreError} `conflict` if a live session has its `id` or `stateId`; `full` if its owner,
   * or the store, has as many sessions as {@linkcode StoreLimits} allow.
   */
  create(session: SessionRecord): Promise<SessionRecord>;

  /** The live session with this id or alias. */
  get(by: string | SessionAlias): Promise<SessionRecord | undefined>;

  /** A page of one owner's live sessions, oldest first. */
  list(options: SessionListOptions): Promise<SessionRecord[]>;

  /** Ends a session and takes its state along. `false` if there was no live one. */
  delete(id: string): Promise<boolean>;

  /**
   * Gives a live session another id, in one step: all else about it stays, and the old id is dead at
   * once.
   *
   * @returns The session under its new id; `undefined` if there is no live one with this id.
   * @throws {StoreError} `conflict` if a live session has the new id.
   */
  regenerate(id: string, newId: string): Promise<SessionRecord | undefined>;

  /**
   * Creates a session whose state is a copy of a live session's at one moment. From then on the two are
   * independent.
   *
   * @returns The new session; `undefined` if there is no live one with this id.
   * @throws {StoreError} as {@linkcode SessionStore.create} does, and `conflict` if another live
   * session of its owner has its alias.
   */
  fork(id: string, session: SessionRecord): Promise<SessionRecord | undefined>;

  /** Changes one live session; `undefined` if there is none with this id. */
  transact<T>(
    id: string,
    transaction: StateTransaction<T>,
  ): Promise<CommittedTransaction<T> | undefined>;

  /** A page of one live session's state in the order of its keys; `undefined` if there is none. */
  entries(
    id: string,
    options: StateEntriesOptions,
  ): Promise<[key: string, value: Json][] | undefined>;

  /**
   * Resolves if a write could be made now, as far as that can be seen without one: it goes the way of a
   * write, through locks and rights, and changes nothing.
   *
   * @throws {StoreError} with the reason why a write would fail.
   */
  checkWritable(): Promise<void>;

  /** Finishes what was accepted and closes files and connections. Closing twice is harmless. */
  close(): Promise<void>;
}

/** The reason of a {@linkcode StoreError}. */
export type StoreErrorCode =
  | "conflict"
  | "too_large"
  | "corrupt"
  | "locked"
  | "full"
  | "unavailable"
  | "closed";

/** A failure of a store. The message says what happened, where, and what to do next; never an id. */
export class StoreError extends Error {
  /** The stable name of the condition. */
  readonly code: StoreErrorCode;

  /** Makes an error with its stable code and a message for people. */
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreError";
    this.code = code;
  }
}

/** The longest key of a session's state, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024;
/** The largest value of a session's state, in bytes of its JSON in UTF-8. */
export const MAX_VALUE_BYTES = 60 * 1024;
/** The most keys that one transaction reads, and that it writes. */
export const MAX_TRANSACTION_KEYS = 500;
/** The most bytes of all keys that one transaction writes or deletes. */
export const MAX_TRANSACTION_KEY_BYTES = 24 * 1024;
/** The most bytes of all keys and values that one transaction writes. */
export const MAX_TRANSACTION_BYTES = 512 * 1024;

/** One write of a transaction: a key and its value as JSON text, or `undefined` to delete it. */
export type EncodedWrite = readonly [key: string, json: string | undefined];

/**
 * Checks a key of a session's state.
 *
 * @throws {TypeError} if it is no string, or has a lone surrogate, which UTF-8 cannot hold.
 * @throws {RangeError} if it has more than {@linkcode MAX_KEY_BYTES}.
 */
export function checkKey(key: string): string {
  if (typeof key !== "string") {
    throw new TypeError(`A key must be a string: it is ${describe(key)}`);
  }
  if (!key.isWellFormed()) {
    throw new TypeError("A key must be well-formed Unicode: it has a lone surrogate");
  }
  const bytes = utf8Length(key);
  if (bytes > MAX_KEY_BYTES) {
    throw new RangeError(`A key can have at most ${MAX_KEY_BYTES} bytes of UTF-8: it has ${bytes}`);
  }
  return key;
}

/**
 * Checks the keys that a transaction reads, as every backend does first.
 *
 * @throws {TypeError} if they are no array of keys.
 * @throws {RangeError} if they are more than {@linkcode MAX_TRANSACTION_KEYS}.
 */
export function checkKeys(keys: readonly string[]): readonly string[] {
  if (!Array.isArray(keys)) {
    throw new TypeError(`The keys of a transaction must be an array: they are ${describe(keys)}`);
  }
  checkCount(keys.length, "reads");
  return keys.map(checkKey);
}

/**
 * Checks the result of a transaction's function, as every backend does before it uses it.
 *
 * @throws {TypeError} if it is no plain object of `value` and `set`, such as the promise of an `async`
 * function.
 */
export function checkUpdate<T>(update: StateUpdate<T>): StateUpdate<T> {
  const names = isPlain(update) ? Object.keys(update) : [];
  let other: string | undefined;
  for (const name of names) if (name !== "value" && name !== "set") other ??= name;
  if (names.length > 0 && other === undefined) return update;
  const then: unknown = Reflect.get(Object(update), "then");
  if (typeof then === "function") {
    abandon(update);
    throw new TypeError(
      "A transaction's function must not be async, as it runs under the store's lock: it returned a " +
        "promise, so nothing was written. Await what it needs before the transaction",
    );
  }
  throw new TypeError(
    "A transaction's function must return a plain { value, set? }: it returned " +
      `${other === undefined ? describe(update) : `an object with ${JSON.stringify(other)}`}, so ` +
      "nothing was written",
  );
}

/**
 * Checks the writes of a transaction and encodes them as JSON text, as every backend does; a key that
 * is written twice keeps the last value.
 *
 * @throws {TypeError} if `set` has no pairs of keys and values, or if a value is not JSON: it has a
 * number that is not finite, `undefined` in an array, an object of a class, a lone surrogate.
 * @throws {RangeError} if a key, a value or the whole is too large.
 */
export function encodeUpdate(set: StateUpdate<unknown>["set"]): EncodedWrite[] {
  const writes = new Map<string, string | undefined>();
  let keyBytes = 0;
  let total = 0;
  // Each write of every store runs this loop: as a generator it took a fifth of a write in memory.
  for (const pair of checkSet(set ?? [])) {
    const [key, value] = checkPair(pair);
    const json = value === undefined ? undefined : encodeValue(value);
    writes.set(checkKey(key), json);
    const ofKey = utf8Length(key);
    keyBytes += ofKey;
    total += ofKey + (json === undefined ? 0 : utf8Length(json));
  }
  checkCount(writes.size, "writes");
  checkBytes("write", total, MAX_TRANSACTION_BYTES);
  checkBytes("write keys of", keyBytes, MAX_TRANSACTION_KEY_BYTES);
  return [...writes];
}

function checkSet(
  set: Exclude<StateUpdate<unknown>["set"], undefined>,
): Exclude<StateUpdate<unknown>["set"], undefined> {
  if (typeof set === "object" && typeof set[Symbol.iterator] === "function") return set;
  abandon(set);
  throw new TypeError(
    "A transaction's set must be a list of pairs, [key, value]: it is " + describe(set),
  );
}

function checkPair(pair: readonly [string, Json | undefined]): typeof pair {
  if (Array.isArray(pair) && pair.length === 2) return pair;
  throw new TypeError(
    "A transaction's set must be a list of pairs, [key, value]: one of them is no pair. To " +
      "delete a key, its value is undefined",
  );
}

function checkBytes(verb: string, bytes: number, most: number) {
  if (bytes > most) {
    throw new RangeError(`A transaction can ${verb} at most ${most} bytes: this one has ${bytes}`);
  }
}

function checkCount(count: number, verb: "reads" | "writes") {
  if (count > MAX_TRANSACTION_KEYS) {
    throw new RangeError(
      `A transaction ${verb} at most ${MAX_TRANSACTION_KEYS} keys: this one ${verb} ${count}`,
    );
  }
}

function encodeValue(value: Json): string {
  const json = encodeJson(value);
  const bytes = utf8Length(json);
  if (bytes > MAX_VALUE_BYTES) {
    throw new RangeError(
      `A value can have at most ${MAX_VALUE_BYTES} bytes of UTF-8 JSON: it has ${bytes}`,
    );
  }
  return json;
}
