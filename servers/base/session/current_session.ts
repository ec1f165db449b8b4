/**
 * Current session: the session of the running call, as a tool sees it.
 *
 * @module
 */

import type { Cookie } from "../../../protocol/cookie.ts";
import type { Json } from "../../../runtime/json.ts";
import type { StateUpdate } from "../../../store/mod.ts";
import { currentRequest } from "./current_request.ts";
import type { SessionVia } from "./session_binding.ts";

/**
 * The session of the running call, as {@linkcode currentSession} returns it.
 *
 * Its state is a map of keys to JSON values that outlives the connection and the process. A write
 * is on disk when its promise resolves; nothing is kept back until the end of the call. Once the
 * call's reply is sent, the session is closed for the call: using it throws a
 * {@linkcode SessionError}.
 *
 * Keys have at most 1 KiB of UTF-8, values at most 60 KiB of UTF-8 JSON; past that a `RangeError`
 * names the limit. A value that JSON text does not preserve is a `TypeError`: `NaN`, a `Date`, a
 * promise, `undefined` in an array. Members of objects that are `undefined` are left out.
 */
export interface Session {
  /** The session's id: a bearer token, to be shown to the caller alone. */
  readonly id: string;
  /** The session's cookie, as stored. */
  readonly cookie: Cookie;
  /** The way in which this call's session was found. */
  readonly via: SessionVia;
  /** Number of this `tools/call` in the session, from 1. Exact over parallel calls. */
  count(): Promise<number>;
  /** A value, or `undefined` if there is none. */
  get(key: string): Promise<Json | undefined>;
  /** Writes a value. */
  set(key: string, value: Json): Promise<void>;
  /** Removes a value. `false` if there was none. */
  delete(key: string): Promise<boolean>;
  /**
   * Reads the named keys and writes others in one atomic step. `update` is synchronous and may run more
   * than once; see the store's contract. If it is `async`, or returns anything but a plain
   * `{ value, set? }`, that is a `TypeError`, and nothing is written.
   */
  update<T>(
    keys: readonly string[],
    update: (state: ReadonlyMap<string, Json>) => StateUpdate<T>,
  ): Promise<T>;
  /** All keys and values, or those whose key begins with `prefix`, in key order. */
  entries(options?: { readonly prefix?: string }): AsyncGenerator<[key: string, value: Json]>;
  /** Ends the session: its state is gone, and the reply tells the client to forget the cookie. */
  revoke(): Promise<void>;
  /**
   * Replaces the session by a fresh, empty one with an id of its own; the old one is gone at once. The
   * reply carries the new cookie.
   */
  replace(label: SessionLabel): Promise<void>;
  /**
   * Gives the session a new id and keeps its state; the old id is dead at once. For an old id that
   * others may know. The reply carries the new cookie.
   */
  regenerate(): Promise<void>;
  /**
   * Makes a further session with a copy of this one's state, for one that goes on from here alone,
   * such as a subagent. @returns its cookie.
   */
  fork(label: SessionLabel): Promise<Cookie>;
}

/** Title and reason in the cookie of a session that a tool makes. */
export interface SessionLabel {
  /** For people to recognise it by. */
  readonly title: string;
  /** The method or tool that made it, such as `tool/new`. */
  readonly reason: string;
}

/** Why a session cannot be used: the call has `none`, it has `ended`, or the call's reply is sent. */
export type SessionErrorCode = "none" | "ended" | "closed";

/** The error of a session that cannot be used. */
export class SessionError extends Error {
  /** The stable name of the condition. */
  readonly code: SessionErrorCode;

  /** Makes an error with its stable code and a message for people. */
  constructor(code: SessionErrorCode, message: string) {
    super(message);
    this.name = "SessionError";
    this.code = code;
  }
}

/** The failed lookup of a request's session: the request fails only if it asks for the session. */
export class LookupFailure {
  readonly error: Error;
  isUsed = false;

  constructor(error: Error) {
    this.error = error;
  }
}

/**
 * The session of the `tools/call`, or of another request, that this code runs for. Under the policies
 * `required` and `auto` every tool call has one.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { currentSession } from "@mcp-sessions/deno/server";
 *
 * // In a tool:
 * async function visits(): Promise<number> {
 *   return await currentSession().update(["visits"], (state) => {
 *     const value = Number(state.get("visits") ?? 0) + 1;
 *     return { value, set: [["visits", value]] };
 *   });
 * }
 *
 * // Anywhere else there is none:
 * await assertRejects(visits, Error, "none");
 * ```
 *
 * @throws {SessionError} `none` if there is no session.
 */
export function currentSession(): Session {
  const session = optionalSession();
  if (session === undefined) {
    throw new SessionError("none", "Cannot use a session as this call has none");
  }
  return session;
}

/** As {@linkcode currentSession}, but `undefined` if there is none: for the policy `optional`. */
export function optionalSession(): Session | undefined {
  const { resolved, lookupFailure } = currentRequest() ?? {};
  if (lookupFailure !== undefined) {
    lookupFailure.isUsed = true;
    throw lookupFailure.error;
  }
  resolved?.session?.markUsed();
  return resolved?.session;
}
