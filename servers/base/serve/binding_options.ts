/**
 * The options of session binding, from a server's definition, its command line and its environment.
 *
 * @module
 */

import { conversationKeys, HOST_SESSION_VARIABLES } from "../../../protocol/host_conversations.ts";
import type { SessionBindingOptions } from "../session/session_binding.ts";

/** The bindings that are on by default. */
export const BINDS = ["conversation", "environment"] as const;

/** The bindings of calls that present no session: `all`, `none`, or a list. */
export type SessionBind = "all" | "none" | readonly ("conversation" | "environment")[];

/** The settings that decide the binding of calls. */
export interface BindSettings {
  readonly bind: SessionBind;
  /** Keys of `_meta`, or `KEY/FIELD…`, that come before the known ones. */
  readonly conversationKeys: readonly string[];
  /** The name of each user's own session for calls that nothing else binds. */
  readonly sessionName: string | undefined;
  /** Whether the server's only client is the user of its process. */
  readonly local: boolean;
}

/** Parses the value of `--bind`; `undefined` if invalid. */
export function parseBind(text: string): SessionBind | undefined {
  if (text === "all" || text === "none") return text;
  const names = text.split(",").map((name) => BINDS.find((known) => known === name));
  return names.every((name) => name !== undefined) ? names : undefined;
}

/** Makes the options of the session layer. */
export function bindingOptions(settings: BindSettings): SessionBindingOptions {
  const { bind, sessionName, local } = settings;
  const isBound = (by: (typeof BINDS)[number]) =>
    bind === "all" || (bind !== "none" && bind.includes(by));
  return {
    conversationKeys: isBound("conversation") ? conversationKeys(settings.conversationKeys) : [],
    sessionName,
    hostSessionId: local && isBound("environment") ? hostSessionId() : undefined,
  };
}

/** The host's session id in the environment. A variable that may not be read counts as unset. */
function hostSessionId(): SessionBindingOptions["hostSessionId"] {
  for (const variable of HOST_SESSION_VARIABLES) {
    const { state } = Deno.permissions.querySync({ name: "env", variable });
    const id = state === "granted" ? Deno.env.get(variable) : undefined;
    if (id) return { variable, id };
  }
  return undefined;
}
