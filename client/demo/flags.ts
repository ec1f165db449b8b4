/**
 * The demo's command line: flags in, settings out.
 *
 * @module
 */

import { ENDPOINT_URL, oneOf } from "../../runtime/flag_types.ts";
import { defineProgram, type FlagValues, type Given, UsageError } from "../../runtime/flags.ts";
import { SERVERS } from "./demo_server.ts";

/** URL of a server that was started with the defaults. */
export const DEFAULT_URL = "http://127.0.0.1:8765/mcp";

export const DEMO = defineProgram({
  name: "demo",
  flags: {
    server: {
      type: { ...oneOf(...SERVERS), name: "NAME" },
      help: `proofs of one server alone: ${SERVERS.join(", ")}`,
    },
    transport: { type: oneOf("stdio", "http"), help: "proofs over one transport alone" },
    url: {
      type: ENDPOINT_URL,
      help: "server that is already running; it is not restarted. With --server and --transport " +
        `http, a server of that name that listens on ${DEFAULT_URL} is taken by itself`,
    },
    verbose: {
      help: "each cookie as JSON, the whole session after each step, whole commands",
    },
  },
  help: () => ({
    about: "Proves what MCP sessions v2 claims, with real clients and real server processes.",
    usage: ["deno task demo [flags]"],
    notes:
      "Exit status: 0 if every proof that was run holds, 1 if one fails, 2 for a wrong command " +
      "line.",
  }),
});

export type Settings = FlagValues<typeof DEMO.flags>;

/** @throws {UsageError} if flags contradict each other. */
export function settingsOf({ flags }: Given<typeof DEMO.flags>): Settings {
  if (flags.url !== undefined && flags.transport === "stdio") {
    throw new UsageError("--url goes with --transport http");
  }
  return flags;
}
