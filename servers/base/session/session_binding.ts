/**
 * Binding: which session a call has that presents none, because its host knows nothing of sessions.
 *
 * @module
 */

import { sha256 } from "../../../runtime/sha256.ts";
import {
  type Conversation,
  CONVERSATION_KEYS,
  type ConversationKey,
  conversationOf,
  HOST_SESSION_VARIABLES,
} from "../../../protocol/conversation.ts";
import { isObject } from "../../../runtime/json.ts";
import { utf8Length } from "../../../runtime/utf8.ts";
import { ownerOf } from "./session_lookup.ts";
import type { AuthInfo } from "../sdk.ts";

/**
 * How a call's session was found:
 *
 * - `cookie`, `handle`: the caller presented it;
 * - `conversation`: by the conversation that the caller's host tells of;
 * - `name`: it is the caller's own session of the name that the server was given;
 * - `environment`: by the id that the host gave the server's process;
 * - `created`: it was not; the policy `auto` made one for this call.
 */
export type SessionVia =
  | "cookie"
  | "handle"
  | "conversation"
  | "name"
  | "environment"
  | "created";

/** What calls are bound by. */
export interface SessionBindingOptions {
  /**
   * Where hosts put the id of a conversation. An array is the exact path to it: a key of `_meta`,
   * then fields. A string is what `--conversation-key` takes, `KEY/FIELD…`: as keys contain `/` too,
   * the longest beginning that is there counts as the key, the whole first, and so on at each level.
   * A call of a known caller that presents no session has that of its conversation. A caller is known
   * if the layer is `local`, or if it is authenticated: such an id is no secret. The first that is
   * there counts; `[]` for none. @default {@linkcode CONVERSATION_KEYS}
   */
  readonly conversationKeys?: readonly (string | readonly string[])[];
  /**
   * The name of the caller's own session for calls that present none and belong to no conversation:
   * the same today and tomorrow. Each principal has one of that name, and the local user another;
   * anonymous callers of a transport that is not `local` have none.
   *
   * A function chooses the name for each such call: it is given what `authenticate` gave, `undefined`
   * for the local user, and gives `undefined` for no session by name. It must not wait, and may be
   * asked several times for one call, and for `tools/list` too. If it throws, or gives a promise or
   * what is no name of 1 to 256 bytes, the call ends in -32603, `onerror` is told why, and no session
   * is made or used.
   *
   * @example One session for each team that a user works in, and none for guests
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import type { AuthInfo, SessionBindingOptions } from "@mcp-sessions/deno/server";
   *
   * const sessionName = (principal: AuthInfo | undefined) =>
   *   principal?.scopes.find((scope) => scope.startsWith("team:"));
   * export const binding: SessionBindingOptions = { sessionName };
   *
   * assertEquals(sessionName({ token: "t", clientId: "app", scopes: ["team:red"] }), "team:red");
   * assertEquals(sessionName({ token: "t", clientId: "app", scopes: ["guest"] }), undefined);
   * ```
   */
  readonly sessionName?:
    | string
    | ((principal: AuthInfo | undefined) => string | undefined)
    | undefined;
  /**
   * The id that the host gave this process for what it is to serve: as `sessionName`, which counts
   * first, but kept only as a hash. With the name of the environment variable that it stood in, so
   * that the ids of two hosts never meet; a string alone is that of `CLAUDE_CODE_SESSION_ID`. Goes
   * with `local`.
   */
  readonly hostSessionId?: string | { readonly variable: string; readonly id: string } | undefined;
}

type HostSession = Exclude<SessionBindingOptions["hostSessionId"], string | undefined>;

/** What a call is bound to. */
export interface Binding {
  /** What its owner's store finds the session by. */
  readonly alias: string;
  readonly via: SessionVia;
  /** What the session's cookie says if it is made. */
  readonly title: string;
  readonly reason: string;
}

/** The longest name of a session, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 256;

/** Is this a name that a session can have? */
export function isSessionName(name: unknown): name is string {
  return typeof name === "string" && name !== "" && name.isWellFormed() &&
    utf8Length(name) <= MAX_NAME_BYTES;
}

/** Tells what calls are bound to. */
export class Bindings {
  readonly #local: boolean;
  readonly #keys: readonly ConversationKey[];
  readonly #sessionName: SessionBindingOptions["sessionName"];
  readonly #host: HostSession | undefined;

  /**
   * Checks the options and copies them.
   *
   * @throws {TypeError} if a session's name is none, or callers whom nobody knows are to share one.
   */
  constructor(options: SessionBindingOptions & { readonly local: boolean }) {
    const { local, conversationKeys = CONVERSATION_KEYS, sessionName, hostSessionId } = options;
    if (!local && hostSessionId !== undefined) {
      throw new TypeError(
        "Cannot make a session layer as hostSessionId goes with local: current value is false",
      );
    }
    if (typeof sessionName !== "function" && sessionName !== undefined) checkName(sessionName);
    this.#local = local;
    this.#keys = conversationKeys.map((key) => typeof key === "string" ? key : [...key]);
    this.#sessionName = sessionName;
    this.#host = typeof hostSessionId === "string"
      ? { variable: HOST_SESSION_VARIABLES[0], id: hostSessionId }
      : hostSessionId && { ...hostSessionId };
  }

  /** Whether a call tells a conversation that does not count, as nobody knows its caller. */
  leavesOut(params: unknown, owner: string | null): boolean {
    return !this.#local && owner === null && isObject(conversationOf(params, this.#keys));
  }

  /** Whether a call that presents nothing is bound to something; not if that cannot be told. */
  binds(params: unknown, authInfo: AuthInfo | undefined): boolean {
    try {
      return this.of(params, ownerOf(authInfo), authInfo) !== undefined;
    } catch {
      return false;
    }
  }

  /**
   * What a call without a cookie or a handle is bound to, if to anything. `owner` is the principal
   * that `authInfo` describes.
   *
   * @throws {TypeError} if the function that chooses the name gives none, or what it throws.
   */
  of(
    params: unknown,
    owner: string | null,
    authInfo: AuthInfo | undefined,
  ): Binding | undefined {
    // Whoever makes up the id of a conversation must not come upon somebody else's session.
    if (!this.#local && owner === null) return undefined;
    const conversation = conversationOf(params, this.#keys);
    if (conversation === "unreadable") return undefined;
    if (conversation !== undefined) return byConversation(conversation);
    const name = this.#nameFor(authInfo);
    if (name !== undefined) return byName(name);
    return this.#host === undefined ? undefined : byEnvironment(this.#host);
  }

  #nameFor(authInfo: AuthInfo | undefined): string | undefined {
    const sessionName = this.#sessionName;
    if (typeof sessionName !== "function") return sessionName;
    const name: unknown = sessionName(authInfo);
    if (name === undefined) return undefined;
    // One that fails later would end the process.
    if (name instanceof Promise) name.catch(() => {});
    checkName(name);
    return name;
  }
}

/** The name itself may be a secret in the wrong place. */
function checkName(name: unknown): asserts name is string {
  if (isSessionName(name)) return;
  const type = name instanceof Promise ? "a promise" : `of type ${typeof name}`;
  throw new TypeError(
    `Cannot use a named session as sessionName must be 1 to ${MAX_NAME_BYTES} bytes of UTF-8, or ` +
      `undefined: current value is ${type}`,
  );
}

function byConversation({ key, id }: Conversation): Binding {
  return {
    // The store is to tell nobody which conversations there were.
    alias: `conversation:${sha256(JSON.stringify([key, id]))}`,
    via: "conversation",
    title: `conversation by ${key}`,
    reason: "host/conversation",
  };
}

function byName(name: string): Binding {
  return { alias: `name:${name}`, via: "name", title: name, reason: "host/name" };
}

function byEnvironment({ variable, id }: HostSession): Binding {
  // The first was the only one once, and its sessions are to be found again.
  const name = variable === HOST_SESSION_VARIABLES[0] ? "" : `${variable}:`;
  return {
    alias: `environment:${name}${sha256(id)}`,
    via: "environment",
    title: "session of the host's environment",
    reason: "host/environment",
  };
}
