/**
 * The session as a tool sees it.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Cookie } from "../../../protocol/cookie.ts";
import type { Json } from "../../../runtime/json.ts";
import type { StateUpdate } from "../../../store/mod.ts";
import type { SessionVia } from "./session_binding.ts";

/**
 * The session of the call that is running, handed out by {@linkcode currentSession}.
 *
 * Its state is a map of keys to JSON values that outlives the connection and the process. A write
 * is on disk when its promise resolves; nothing is kept back until the end of the call. Once the
 * call's reply is sent, the handle is closed, and using it throws a {@linkcode SessionError}.
 *
 * Keys have at most 1 KiB of UTF-8, values at most 60 KiB of UTF-8 JSON; past that a `RangeError`
 * names the limit. A value that JSON text would not give back as itself is a `TypeError`: `NaN`, a
 * `Date`, a promise, `undefined` in an array. Members of objects that are `undefined` are left out.
 */
export interface Session {
  /** The session's id: a bearer token, so show it to nobody but the caller. */
  readonly id: string;
  /** The session's cookie as the store has it. */
  readonly cookie: Cookie;
  /** How this call's session was found. */
  readonly via: SessionVia;
  /** Which `tools/call` of this session this one is, from 1. Exact over parallel calls. */
  count(): Promise<number>;
  /** A value, or `undefined` if there is none. */
  get(key: string): Promise<Json | undefined>;
  /** Writes a value. */
  set(key: string, value: Json): Promise<void>;
  /** Removes a value. `false` if there was none. */
  delete(key: string): Promise<boolean>;
  /**
   * Reads the named keys and writes others in one step that no other call gets between. `update`
   * is synchronous and may run more than once; see the store's contract. If it is `async`, or gives
   * anything but a plain `{ value, set? }`, that is a `TypeError`, and nothing is written.
   */
  update<T>(
    keys: readonly string[],
    update: (state: ReadonlyMap<string, Json>) => StateUpdate<T>,
  ): Promise<T>;
  /** All keys and values, or those whose key begins with `prefix`, in the order of the keys. */
  entries(options?: { readonly prefix?: string }): AsyncGenerator<[key: string, value: Json]>;
  /** Ends the session: its state is gone, and the reply tells the client to forget the cookie. */
  revoke(): Promise<void>;
  /**
   * Goes on as a fresh session with an id of its own and nothing in it; the old one is gone at
   * once. The reply carries the new cookie.
   */
  replace(names: SessionLabel): Promise<void>;
  /**
   * Goes on under a new id with everything that is in it; the old id is dead at once. For when
   * somebody else may know the old one. The reply carries the new cookie.
   */
  regenerate(): Promise<void>;
  /**
   * Makes a further session with a copy of all that is in this one, for somebody who goes on from
   * here by themselves, such as a subagent. @returns its cookie.
   */
  fork(names: SessionLabel): Promise<Cookie>;
}

/** What the cookie of a session that a tool makes says of it. */
export interface SessionLabel {
  /** For people to recognise it by. */
  readonly title: string;
  /** What made it, such as `tool/new`. */
  readonly reason: string;
}

/** Why a session could not be used. */
export type SessionErrorCode = "none" | "ended" | "closed";

/** A session that cannot be used: the call has none, or it ended, or its reply is sent. */
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

/** A session that is told when a tool first asks for it. */
export interface CallersSession extends Session {
  /** Notes that the tool has asked for the session. */
  use(): void;
}

/** A session that could not be looked up: only a request that asks for it fails. */
export class FailedLookup {
  /** Why. */
  readonly error: Error;
  /** Whether the request has asked. */
  isAsked = false;

  /** Keeps the error for whoever asks. */
  constructor(error: Error) {
    this.error = error;
  }
}

const calls = new AsyncLocalStorage<CallersSession | FailedLookup | undefined>();

/**
 * Runs `deliver` so that what it starts finds `session` as the current one, or why it could not be
 * looked up.
 */
export function runWithSession(
  session: CallersSession | FailedLookup | undefined,
  deliver: () => void,
): void {
  calls.run(session, deliver);
}

/**
 * The session of the `tools/call`, or of another request, that this code runs for. Under the
 * policies `required` and `auto` every tool call has one.
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
  const session = calls.getStore();
  if (session instanceof FailedLookup) {
    session.isAsked = true;
    throw session.error;
  }
  session?.use();
  return session;
}
