/** Variables of the developer's environment that must not reach a program under test. */

import { HOST_SESSION_VARIABLES } from "../../protocol/host_conversations.ts";

/** Variables that select a program's store or session. */
export const DECIDING_VARIABLES: readonly string[] = [
  "MCP_SESSIONS_STORE",
  "MCP_SESSIONS_KEYS",
  ...HOST_SESSION_VARIABLES,
];

/** An environment without them: an empty variable counts as none. */
export const CLEAN_ENV: Readonly<Record<string, string>> = Object.fromEntries(
  DECIDING_VARIABLES.map((name) => [name, ""]),
);
