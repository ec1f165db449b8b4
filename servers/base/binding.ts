/**
 * Binding: which session a call has that presents none, because its host knows nothing of sessions.
 *
 * @module
 */

import {
  CONVERSATION_KEYS,
  type ConversationKey,
  conversationOf,
  HOST_SESSION_VARIABLES,
} from "../../conversation.ts";
import { isObject, utf8Length } from "../../protocol.ts";

/**
 * How a call's session was found:
 *
 * - `cookie`, `handle`: the caller presented it;
 * - `conversation`: by the conversation that the caller's host tells of;
 * - `name`: it is the named session that the server was started with;
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
export interface BindingOptions {
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
   * The name of the local user's session for calls that present none and belong to no conversation:
   * the same today and tomorrow. Goes with `local`.
   */
  readonly sessionName?: string | undefined;
  /**
   * The id that the host gave this process for what it is to serve: as `sessionName`, which counts
   * first, but kept only as a hash. With the name of the environment variable that it stood in, so
   * that the ids of two hosts never meet; a string alone is that of `CLAUDE_CODE_SESSION_ID`. Goes
   * with `local`.
   */
  readonly hostSessionId?: string | { readonly variable: string; readonly id: string } | undefined;
}

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

const encoder = new TextEncoder();

/** Is this a name that a session can have? */
export function isSessionName(name: string): boolean {
  return name !== "" && name.isWellFormed() && utf8Length(name) <= MAX_NAME_BYTES;
}

/** Tells what calls are bound to. */
export class Bindings {
  readonly #local: boolean;
  readonly #keys: readonly ConversationKey[];
  readonly #hasFallback: boolean;
  readonly #fallback: () => Promise<Binding | undefined>;

  /**
   * Checks the options and copies them.
   *
   * @throws {TypeError} if a session is to be shared by callers whom nobody knows, or has no name.
   */
  constructor(options: BindingOptions & { readonly local: boolean }) {
    const { local, conversationKeys = CONVERSATION_KEYS, sessionName, hostSessionId } = options;
    if (!local && (sessionName ?? hostSessionId) !== undefined) {
      throw new TypeError(
        "Cannot make a session layer as a named session goes with local: current value is false",
      );
    }
    if (sessionName !== undefined && !isSessionName(sessionName)) {
      throw new TypeError(
        `Cannot make a session layer as sessionName has not 1 to ${MAX_NAME_BYTES} bytes of UTF-8`,
      );
    }
    this.#local = local;
    this.#keys = conversationKeys.map((key) => typeof key === "string" ? key : [...key]);
    const named = sessionName === undefined ? undefined : byName(sessionName);
    this.#hasFallback = (sessionName ?? hostSessionId) !== undefined;
    this.#fallback = async () =>
      named ?? (hostSessionId === undefined ? undefined : await byEnvironment(hostSessionId));
  }

  /** Whether a call that presents nothing is bound to something. */
  binds(params: unknown, owner: string | null): boolean {
    if (!this.#local && owner === null) return false;
    const conversation = conversationOf(params, this.#keys);
    return conversation === undefined ? this.#hasFallback : conversation !== "unreadable";
  }

  /** Whether a call tells a conversation that does not count, as nobody knows its caller. */
  leavesOut(params: unknown, owner: string | null): boolean {
    return !this.#local && owner === null && isObject(conversationOf(params, this.#keys));
  }

  /** What a call without a cookie or a handle is bound to, if to anything. */
  async of(params: unknown, owner: string | null): Promise<Binding | undefined> {
    // Whoever makes up the id of a conversation must not come upon somebody else's session.
    if (!this.#local && owner === null) return undefined;
    const conversation = conversationOf(params, this.#keys);
    if (conversation === undefined) return await this.#fallback();
    if (conversation === "unreadable") return undefined;
    const { key, id } = conversation;
    return {
      // The store is to tell nobody which conversations there were.
      alias: `conversation:${await sha256(JSON.stringify([key, id]))}`,
      via: "conversation",
      title: `conversation by ${key}`,
      reason: "host/conversation",
    };
  }
}

function byName(name: string): Binding {
  return { alias: `name:${name}`, via: "name", title: name, reason: "host/name" };
}

async function byEnvironment(host: string | { variable: string; id: string }): Promise<Binding> {
  const { variable, id } = typeof host === "string"
    ? { variable: HOST_SESSION_VARIABLES[0], id: host }
    : host;
  // The first was the only one once, and its sessions are to be found again.
  const name = variable === HOST_SESSION_VARIABLES[0] ? "" : `${variable}:`;
  return {
    alias: `environment:${name}${await sha256(id)}`,
    via: "environment",
    title: "session of the host's environment",
    reason: "host/environment",
  };
}

async function sha256(text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text))).toHex();
}
