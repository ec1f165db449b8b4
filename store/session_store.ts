/**
 * The contract of a session store: what every backend keeps, and the one way to change it.
 *
 * @module
 */

import type { Json } from "../runtime/json.ts";
import { utf8Length } from "../runtime/utf8.ts";
import { abandon, describe, encodeJson, isPlain } from "./json_text.ts";

/** One session as a store keeps it. All times are milliseconds since 1970, UTC. */
export interface SessionRecord {
  /** The public id, as in the cookie. Whoever presents it has the session: never log it whole. */
  readonly id: string;
  /**
   * What the session's state hangs on: outlives a change of `id`, and sorts by age, so that "oldest
   * first" is the order of this string. It opens nothing: whoever knows it has no session by it.
   */
  readonly stateId: string;
  /** The principal whose session it is, or `null` for nobody's (section 6 of the contract). */
  readonly owner: string | null;
  /** A name that this owner can find the session by, or `null`. */
  readonly alias: string | null;
  /** Its lifetime without use, in milliseconds. */
  readonly ttlMs: number;
  /** When it ends if nobody uses it; never later than `endsAt`. */
  readonly expiresAt: number;
  /** When it ends however much it is used, or `null` for never. */
  readonly endsAt: number | null;
  /** How many `tools/call` it has served. */
  readonly toolCalls: number;
  /** What its cookie shows as `data`. */
  readonly data: Readonly<Record<string, string>>;
}

/** Another way to name a session: the alias that its owner gave it. */
export interface SessionAlias {
  /** The principal, or `null` for nobody's sessions. */
  readonly owner: string | null;
  /** The name, unique among this owner's live sessions. */
  readonly alias: string;
}

/** Which sessions {@linkcode SessionStore.list} gives. */
export interface SessionListOptions {
  /** Whose sessions: one principal's, or with `null` nobody's. */
  readonly owner: string | null;
  /** Only sessions whose `stateId` sorts after this one. */
  readonly after?: string | undefined;
  /** At most this many. */
  readonly limit: number;
}

/** Which of a session's entries {@linkcode SessionStore.entries} gives. */
export interface StateEntriesOptions {
  /** Only keys that begin with this. @default "" */
  readonly prefix?: string | undefined;
  /** Only keys that sort after this one. */
  readonly after?: string | undefined;
  /** At most this many. */
  readonly limit: number;
}

/** What a transaction's function gives back. */
export interface StateUpdate<T> {
  /** What the caller of the transaction gets. */
  readonly value: T;
  /** The keys to write; `undefined` deletes. They need not be among the keys that were read. */
  readonly set?: Iterable<readonly [key: string, value: Json | undefined]>;
}

/** One change of one session, all of it or none. */
export interface StateTransaction<T> {
  /** The keys of the session's state whose values `update` gets. @default [] */
  readonly keys?: readonly string[];
  /**
   * Decides what to write. Synchronous and pure: it runs under the store's lock, and on a backend
   * with optimistic commits it may run again. If it throws, nothing is written.
   *
   * `state` has the named keys that exist; `session` is the record with this transaction's `calls`
   * and `expiresAt` already in it. Both are the caller's own copies.
   */
  readonly update: (state: ReadonlyMap<string, Json>, session: SessionRecord) => StateUpdate<T>;
  /** Added to `toolCalls`: merges with what others add at the same time. @default 0 */
  readonly calls?: number;
  /**
   * A later expiry than the stored one replaces it, but never goes past `endsAt`; an earlier one
   * changes nothing.
   */
  readonly expiresAt?: number | undefined;
  /**
   * Must it be on disk when the promise resolves? If not, it has been handed to the operating
   * system: it survives a kill of the process, not a power cut. @default true
   */
  readonly durable?: boolean;
}

/** What a transaction did. */
export interface CommittedTransaction<T> {
  /** The session as it is after the transaction. */
  readonly session: SessionRecord;
  /** What the transaction's function gave. */
  readonly value: T;
}

/**
 * What a store keeps at the most, beside what its disk has room for. Hidden sessions count in none
 * of it: where they and the live ones are too many, those that expired first are deleted early.
 */
export interface StoreLimits {
  /**
   * How many live sessions the store keeps of this server in all, whoever's they are.
   *
   * On Deno KV it is less exact, so that sessions can be made at once without waiting for each
   * other. Those that are made at the same moment may all take the last place: there can be as many
   * more. A `create` that finds the store full looks at 100 to 200 of its sessions for hidden ones,
   * the next one at those after them, and frees a hundredth of the limit at once.
   *
   * @default 2_000_000
   */
  readonly sessions: number;
  /**
   * How many live sessions a principal may have. Nobody's sessions, which any caller may make, are
   * not limited by it. @default 10_000
   */
  readonly sessionsPerOwner: number;
  /**
   * How large a session's state may be, in bytes of UTF-8: its keys, and its values as JSON. A write
   * that would make it larger is `too_large`. @default 16 MiB
   */
  readonly bytesPerSession: number;
  /**
   * How large the states of all sessions of this server may be together, counted in the same way. A
   * write that would make it larger is `full`. For the stores that hold their sessions in memory:
   * Deno KV keeps them on disk alone, and does not count. @default 1 GiB
   */
  readonly bytes: number;
}

/** The limits of a store that is told of none. */
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
 * - What a resolved promise says was written, was: it survives `kill -9`, but for `durable: false`
 *   also a power cut, and other processes on the same store see it from then on.
 * - A session past its `expiresAt` is hidden at once: nothing returns it, lists it or writes to it,
 *   and its names are free. It is deleted when as long again as its `ttlMs` has passed, a day at
 *   least; until then it is live again if the clock was wrong, and comes back. A new session that
 *   takes its alias keeps it; one that takes its id or `stateId` takes its place for good.
 * - Values are JSON, copied on the way in and on the way out. Absent is `undefined`; a stored
 *   `null`, `0`, `false` or `""` comes back as itself.
 * - Keys sort by their UTF-8 bytes.
 * - A key or value past the limits is a `RangeError` or `TypeError` (see {@linkcode checkKey} and
 *   {@linkcode encodeUpdate}), and what the store itself cannot do is a {@linkcode StoreError}.
 *   Either way nothing was written, but for `unavailable`: a remote that stopped answering, or a
 *   disk that failed to sync, may have taken the write.
 */
export interface SessionStore extends AsyncDisposable {
  /**
   * Writes a new session. If another live session of this owner has its `alias`, that one stays,
   * and nothing is written.
   *
   * @returns The session that now stands: `session`, or the one that already has the alias.
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
   * Gives a live session another id, in one step: its state and all else about it stay, and the old
   * id is dead at once.
   *
   * @returns The session under its new id; `undefined` if there is no live one with this id.
   * @throws {StoreError} `conflict` if a live session has the new id.
   */
  regenerate(id: string, newId: string): Promise<SessionRecord | undefined>;

  /**
   * Makes a further session whose state is a copy of a live session's, as it was at one moment. From
   * then on they have nothing to do with each other.
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

  /** Finishes what was accepted and lets go of files and connections. Closing twice is harmless. */
  close(): Promise<void>;
}

/** Why a store could not do what it was asked. */
export type StoreErrorCode =
  | "conflict"
  | "too_large"
  | "corrupt"
  | "locked"
  | "full"
  | "unavailable"
  | "closed";

/** A store that fails. Its message says what happened, where, and what to do next; never an id. */
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
/** The most that the keys which one transaction writes or deletes have together, in bytes. */
export const MAX_TRANSACTION_KEY_BYTES = 24 * 1024;
/** The most that one transaction writes, keys and values, in bytes. */
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
 * Checks what a transaction's function gave, as every backend does before it uses it.
 *
 * @throws {TypeError} if that is no plain object of `value` and `set`, such as the promise that an
 * `async` function gives.
 */
export function checkUpdate<T>(update: StateUpdate<T>): StateUpdate<T> {
  const names = isPlain(update) ? Object.keys(update) : [];
  const other = names.find((name) => name !== "value" && name !== "set");
  if (names.length > 0 && other === undefined) return update;
  const then: unknown = Reflect.get(Object(update), "then");
  if (typeof then === "function") {
    abandon(update);
    throw new TypeError(
      "A transaction's function must not be async, as it runs under the store's lock: it gave a " +
        "promise, so nothing was written. Await what it needs before the transaction",
    );
  }
  throw new TypeError(
    "A transaction's function must give a plain { value, set? }: it gave " +
      `${other === undefined ? describe(update) : `an object with ${JSON.stringify(other)}`}, so ` +
      "nothing was written",
  );
}

/**
 * Checks what a transaction writes and turns it into JSON text, as every backend does; a key that
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
  for (const [key, value] of checkSet(set ?? [])) {
    const json = value === undefined ? undefined : encodeValue(value);
    writes.set(checkKey(key), json);
    keyBytes += utf8Length(key);
    total += utf8Length(key) + utf8Length(json ?? "");
  }
  checkCount(writes.size, "writes");
  checkBytes("write", total, MAX_TRANSACTION_BYTES);
  checkBytes("write keys of", keyBytes, MAX_TRANSACTION_KEY_BYTES);
  return [...writes];
}

function* checkSet(
  set: Exclude<StateUpdate<unknown>["set"], undefined>,
): Generator<readonly [string, Json | undefined]> {
  const isList = typeof set === "object" && typeof set[Symbol.iterator] === "function";
  if (!isList) {
    abandon(set);
    throw new TypeError(
      "A transaction's set must be a list of pairs, [key, value]: it is " + describe(set),
    );
  }
  for (const pair of set) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new TypeError(
        "A transaction's set must be a list of pairs, [key, value]: one of them is no pair. To " +
          "delete a key, its value is undefined",
      );
    }
    yield pair;
  }
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
