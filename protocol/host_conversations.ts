/**
 * Conversation ids of hosts (section 11 of the contract): the keys of `_meta` and the environment
 * variables that hosts use, in order, and the lookup of the id under a key. No I/O and no state. To
 * support another host, add its key at the end of {@linkcode CONVERSATION_KEYS}.
 *
 * @module
 */

import { member } from "../runtime/json.ts";

/** Keys of `_meta` in which known hosts put the id of a conversation; the first one found counts. */
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
 * Environment variables in which known hosts give a server that they start the id of a conversation;
 * the first one that is set counts.
 */
export const HOST_SESSION_VARIABLES = [
  "CLAUDE_CODE_SESSION_ID",
  "QWEN_CODE_SESSION_ID",
  "GROK_SESSION_ID",
  "ANTIGRAVITY_CONVERSATION_ID",
] as const;

/**
 * A place in `_meta`. An array is the exact path: a key, then fields. A string is `KEY/FIELD…` as a
 * person types it; keys contain `/` too, so `_meta` decides where the key ends ({@linkcode pathIn}).
 */
export type ConversationKey = string | readonly string[];

/** A conversation as a host names it. */
export interface Conversation {
  /** Key and fields under which the id was found, so that two hosts' ids never meet. */
  readonly key: string;
  readonly id: string;
}

/** The order of keys, for server and bridge alike: those of `--conversation-key` first. */
export function conversationKeys(own: readonly ConversationKey[]): readonly ConversationKey[] {
  return [...own, ...CONVERSATION_KEYS];
}

/**
 * The conversation that a request belongs to, if its host names one; the first of `keys` found
 * counts. A value that identifies no conversation is `"unreadable"`: its call must not get a session
 * that others have.
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
 * The path of a key in `meta`, whether or not its end exists. In a string, the longest beginning that
 * exists counts as the name, at each level, the whole first.
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
