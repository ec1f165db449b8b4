/** What must not reach a program that a test starts from whoever runs the tests. */

import { HOST_SESSION_VARIABLES } from "../../protocol/host_conversations.ts";

/** The variables that decide which store and which session a program uses. */
export const DECIDING_VARIABLES: readonly string[] = [
  "MCP_SESSIONS_STORE",
  ...HOST_SESSION_VARIABLES,
];

/** An environment without them: an empty variable is the same as none. */
export const CLEAN_ENV: Readonly<Record<string, string>> = Object.fromEntries(
  DECIDING_VARIABLES.map((name) => [name, ""]),
);
