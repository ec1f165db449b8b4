/**
 * Session binding: the session of a call that presents none, as its host knows no sessions. It is found
 * by the host's conversation, by the caller's name for it, or by the environment of the process.
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
} from "../../../protocol/host_conversations.ts";
import { isObject } from "../../../runtime/json.ts";
import { utf8Length } from "../../../runtime/utf8.ts";
import { ownerOf } from "./session_owner.ts";
import { isFromModern } from "../era/caller.ts";
import type { AuthInfo, MessageExtraInfo } from "../sdk.ts";

/**
 * The way in which a call's session was found:
 *
 * - `cookie`, `handle`: the caller presented it;
 * - `conversation`: by the conversation that the caller's host names;
 * - `name`: by the name that the server was given, as the caller's own session of that name;
 * - `environment`: by the id that the host gave the server's process;
 * - `created`: not at all; the policy `auto` made it for this call.
 */
export type SessionVia = "cookie" | "handle" | "conversation" | "name" | "environment" | "created";

/** Options for the session of calls that present none. */
export interface SessionBindingOptions {
  /**
   * Where hosts put the id of a conversation in `_meta`; the first that is found counts, `[]` is none. A
   * call that presents no session has that of its conversation, if its caller is known: such an id is
   * no secret. Known are the local user (`local`) and authenticated callers.
   *
   * An array is the exact path: a key of `_meta`, then fields. A string is `KEY/FIELD…`, as
   * `--conversation-key` takes it: keys contain `/` too, so the longest beginning that is found counts
   * as the key, the whole first, and so on at each level. @default {@linkcode CONVERSATION_KEYS}
   */
  readonly conversationKeys?: readonly (string | readonly string[])[];
  /**
   * Name of the caller's own session for calls that present none and belong to no conversation; the same
   * session in every run. Each principal has one of that name, and the local user another; anonymous
   * callers of a transport that is not `local` have none.
   *
   * A function chooses the name for each such call. It gets what `authenticate` gave, `undefined` for the
   * local user, and returns `undefined` for no session by name. It must be synchronous, and may run
   * several times for one call, and for `tools/list` too. If it throws, or returns a promise or
   * anything but a name of 1 to 256 bytes, the call ends in -32603, `onerror` gets the reason, and no
   * session is made or used.
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
   * Id that the host gave this process for its conversation: as `sessionName`, which counts first, but
   * kept only as a hash. `variable` is the environment variable of the id, so that the ids of two hosts
   * never meet; a string alone is the id in `CLAUDE_CODE_SESSION_ID`. Requires `local`.
   */
  readonly hostSessionId?: string | { readonly variable: string; readonly id: string } | undefined;
}

type HostSession = Exclude<SessionBindingOptions["hostSessionId"], string | undefined>;

export interface Binding {
  /** The alias by which the store finds the session of its owner. */
  readonly alias: string;
  readonly via: SessionVia;
  /** For the cookie of the session, if it has to be made. */
  readonly title: string;
  readonly reason: string;
}

export const MAX_NAME_BYTES = 256;

export function isSessionName(name: unknown): name is string {
  return typeof name === "string" && name !== "" && name.isWellFormed() &&
    utf8Length(name) <= MAX_NAME_BYTES;
}

export class SessionBinder {
  readonly #local: boolean;
  readonly #keys: readonly ConversationKey[];
  readonly #sessionName: SessionBindingOptions["sessionName"];
  readonly #host: HostSession | undefined;

  /** @throws {TypeError} if `sessionName` is no name, or a `hostSessionId` comes without `local`. */
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

  /** Whether a call names a conversation that does not count, as its caller is anonymous. */
  ignoresConversation(params: unknown, owner: string | null): boolean {
    return !this.#local && owner === null && isObject(conversationOf(params, this.#keys));
  }

  /** Whether a call that presents no session is bound to one; `false` if that cannot be told. */
  isBound(params: unknown, extra: MessageExtraInfo | undefined): boolean {
    try {
      return this.bindingOf(params, ownerOf(extra?.authInfo), extra) !== undefined;
    } catch {
      return false;
    }
  }

  /**
   * The binding of a call without a cookie or a handle. `owner` is the principal of `extra`.
   *
   * @throws {TypeError} if the function that chooses the name returns none; whatever it throws.
   */
  bindingOf(
    params: unknown,
    owner: string | null,
    extra: MessageExtraInfo | undefined,
  ): Binding | undefined {
    // A made-up id of a conversation must not lead to another caller's session.
    if (!this.#local && owner === null) return undefined;
    const conversation = conversationOf(params, this.#keys);
    if (conversation === "unreadable") return undefined;
    if (conversation !== undefined) return byConversation(conversation);
    const name = this.#nameFor(extra?.authInfo);
    if (name !== undefined) {
      return { alias: `name:${name}`, via: "name", title: name, reason: "host/name" };
    }
    // In the modern era a process is no conversation.
    if (this.#host === undefined || isFromModern(extra)) return undefined;
    return byEnvironment(this.#host);
  }

  #nameFor(authInfo: AuthInfo | undefined): string | undefined {
    const sessionName = this.#sessionName;
    if (typeof sessionName !== "function") return sessionName;
    const name: unknown = sessionName(authInfo);
    if (name === undefined) return undefined;
    // A promise that rejects later would end the process.
    if (name instanceof Promise) name.catch(() => {});
    checkName(name);
    return name;
  }
}

/** Names the type alone: the value may be a secret in the wrong place. */
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
    // Hashed, as the store must not reveal conversations.
    alias: `conversation:${sha256(JSON.stringify([key, id]))}`,
    via: "conversation",
    title: `conversation by ${key}`,
    reason: "host/conversation",
  };
}

function byEnvironment({ variable, id }: HostSession): Binding {
  // Without a name for the first variable: sessions of older versions must be found again.
  const name = variable === HOST_SESSION_VARIABLES[0] ? "" : `${variable}:`;
  return {
    alias: `environment:${name}${sha256(id)}`,
    via: "environment",
    title: "session of the host's environment",
    reason: "host/environment",
  };
}
