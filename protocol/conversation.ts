/**
 * How hosts tell which conversation a call belongs to: the keys of `_meta` and the environment
 * variables that they use, and how the id under a key is found. No I/O and no state.
 *
 * @module
 */

import { member } from "../runtime/json.ts";

/** The keys of `_meta` in which hosts are known to put the id of a conversation, in order. */
export const CONVERSATION_KEYS: readonly (readonly string[])[] = [
  ["vscode.conversationId"],
  ["threadId"],
  ["x-codex-turn-metadata", "session_id"],
  ["openai/session"],
  ["ai.opencode/sessionID"],
  ["agent-session-id"],
  ["antigravity.google/conversation_id"],
  ["com.zcode/request-context", "session_id"],
];

/**
 * The environment variables in which hosts are known to give the servers that they start an id of
 * what these are to serve, in order.
 */
export const HOST_SESSION_VARIABLES = [
  "CLAUDE_CODE_SESSION_ID",
  "QWEN_CODE_SESSION_ID",
  "GROK_SESSION_ID",
  "ANTIGRAVITY_CONVERSATION_ID",
] as const;

/**
 * A place in `_meta`. An array is the path to it: a key, then the fields that lead on from there. A
 * string is `KEY/FIELD…` as a person types it; keys contain `/` too, so what stands in `_meta`
 * decides where the key ends ({@linkcode pathIn}).
 */
export type ConversationKey = string | readonly string[];

/** A conversation as a host names it. */
export interface Conversation {
  /** The key and fields that its id was found by, so that two hosts' ids never meet. */
  readonly key: string;
  /** The host's id of it. */
  readonly id: string;
}

/**
 * Reads which conversation a request belongs to, if its host says so; the first of `keys` that is
 * there counts. An id that cannot be told from others is `"unreadable"`: its call must not get a
 * session that others have.
 */
export function conversationOf(
  params: unknown,
  keys: readonly ConversationKey[] = CONVERSATION_KEYS,
): Conversation | "unreadable" | undefined {
  const meta = member(params, "_meta");
  let isThere = false;
  for (const key of keys) {
    const path = pathIn(meta, key);
    const id = path.reduce((value, name) => member(parsed(value), name), meta);
    if ((typeof id === "string" && id !== "") || Number.isSafeInteger(id)) {
      return { key: path.join("."), id: String(id) };
    }
    isThere ||= !isAbsent(id);
  }
  return isThere ? "unreadable" : undefined;
}

/**
 * The path that a key takes in `meta`, whether or not there is something at its end. Of a string,
 * the longest beginning that is there counts as the name, at each level, the whole first.
 */
export function pathIn(meta: unknown, key: ConversationKey): readonly string[] {
  if (typeof key !== "string") return key;
  const object = parsed(meta);
  const parts = key.split("/");
  for (let count = parts.length; count > 0; count--) {
    const name = parts.slice(0, count).join("/");
    const value = member(object, name);
    if (isAbsent(value)) continue;
    const fields = parts.slice(count);
    return fields.length === 0 ? [name] : [name, ...pathIn(value, fields.join("/"))];
  }
  return [key];
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

/** Some hosts write JSON into a string. */
function parsed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
