/**
 * The options of session binding, from a server's definition, its command line and its environment.
 *
 * @module
 */

import { conversationKeys, HOST_SESSION_VARIABLES } from "../../../protocol/host_conversations.ts";
import type { SessionBindingOptions } from "../session/session_binding.ts";
import { variable } from "./variables.ts";

export const BINDS = ["conversation", "environment"] as const;

/** The bindings of calls that present no session: `all`, `none`, or a list. */
export type SessionBind = "all" | "none" | readonly ("conversation" | "environment")[];

interface BindSettings {
  readonly bind: SessionBind;
  readonly conversationKeys: readonly string[];
  /** The name of each user's own session for calls that nothing else binds. */
  readonly sessionName: string | undefined;
  /** Whether the server's only client is the user of its process. */
  readonly local: boolean;
}

export function parseBind(text: string): SessionBind | undefined {
  if (text === "all" || text === "none") return text;
  const names = text.split(",").map((name) => BINDS.find((known) => known === name));
  return names.every((name) => name !== undefined) ? names : undefined;
}

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

/** The host's session id in the environment. */
function hostSessionId(): SessionBindingOptions["hostSessionId"] {
  for (const name of HOST_SESSION_VARIABLES) {
    const id = variable(name);
    if (id !== undefined) return { variable: name, id };
  }
  return undefined;
}
