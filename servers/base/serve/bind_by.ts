/**
 * What a server binds calls by, from its definition, its command line and its environment.
 *
 * @module
 */

import { conversationKeys, HOST_SESSION_VARIABLES } from "../../../protocol/host_conversations.ts";
import type { SessionBindingOptions } from "../session/session_binding.ts";

/** What a call that presents no session can be bound by without being told to. */
export const BINDS = ["conversation", "environment"] as const;

/** `all`, `none`, or some of what a call can be bound by. */
export type SessionBind = "all" | "none" | readonly ("conversation" | "environment")[];

/** What decides what a server binds calls by. */
export interface BindSettings {
  readonly bind: SessionBind;
  /** Keys of `_meta`, or `KEY/FIELD…`, that count before those that are known. */
  readonly conversationKeys: readonly string[];
  /** The name of each user's own session for calls that nothing else binds. */
  readonly sessionName: string | undefined;
  /** Does the server talk only to the user whose process it is? */
  readonly local: boolean;
}

/** Reads the value of `--bind`; `undefined` if it is none. */
export function parseBind(text: string): SessionBind | undefined {
  if (text === "all" || text === "none") return text;
  const names = text.split(",").map((name) => BINDS.find((known) => known === name));
  return names.every((name) => name !== undefined) ? names : undefined;
}

/** What the session layer is to bind calls by. */
export function bindingOptions(settings: BindSettings): SessionBindingOptions {
  const { bind, sessionName, local } = settings;
  const binds = (by: (typeof BINDS)[number]) =>
    bind === "all" || (bind !== "none" && bind.includes(by));
  return {
    conversationKeys: binds("conversation") ? conversationKeys(settings.conversationKeys) : [],
    sessionName,
    hostSessionId: local && binds("environment") ? hostSessionId() : undefined,
  };
}

/** The id that the host gave this process. A variable that may not be read is absent. */
function hostSessionId(): SessionBindingOptions["hostSessionId"] {
  for (const variable of HOST_SESSION_VARIABLES) {
    const { state } = Deno.permissions.querySync({ name: "env", variable });
    const id = state === "granted" ? Deno.env.get(variable) : undefined;
    if (id) return { variable, id };
  }
  return undefined;
}
