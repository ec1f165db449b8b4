/**
 * The log line that says how calls find their session with a server, or that none has one.
 *
 * @module
 */

import type { SessionCapability } from "../session/capability.ts";
import type { LogLevel } from "../../runtime/log.ts";

/** The log line for a server with this capability, in front of the one session `session` if any. */
export function sessionReport(
  capability: SessionCapability | undefined,
  server: string,
  session: string | undefined,
  hasHandles: boolean,
): [LogLevel, string] {
  if (capability === undefined) {
    const what = `${server} has no sessions (MCP session v2), so its tools keep nothing apart`;
    const next = "Put the bridge in front of a server that has them, or use this one without it.";
    return session === undefined
      ? ["warn", `${what} for each conversation. ${next}`]
      : ["error", `--session ${session} has no effect: ${what} under that name. ${next}`];
  }
  if (session !== undefined) {
    return ["info", `sessions: every call runs in the session of the name ${session}`];
  }
  if (!hasHandles) {
    return [
      "warn",
      "--per-process: calls that belong to no conversation share one session, and what is kept in " +
      "it ends with this process. Without the flag the model names its sessions, and keeps them",
    ];
  }
  if (!capability.features.includes("create")) {
    return [
      "warn",
      `${server} makes no sessions when asked, so calls that belong to no conversation ` +
      "can name none: --session NAME or --per-process gives them one",
    ];
  }
  return [
    "info",
    "sessions: a call runs in the session of its handle, or else of its conversation",
  ];
}
