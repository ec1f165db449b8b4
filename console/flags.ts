/**
 * The command line of `console`.
 *
 * @module
 */

import { PORT, text } from "../runtime/flag_types.ts";
import { defineProgram } from "../runtime/flags.ts";

export const CONSOLE = defineProgram({
  name: "console",
  flags: {
    store: {
      type: text("STORE"),
      help:
        "store to look at: its URL, as servers take it, or the path of a file store's file (default: " +
        "$MCP_SESSIONS_STORE)",
    },
    port: {
      type: PORT,
      default: "0",
      help: "port to listen on, 0 for a free one",
    },
  },
  help: () => ({
    about: "A page for operators: the sessions of a store, beside the servers that use it.",
    usage: ["deno task console --store STORE [flags]"],
    notes:
      "It listens on this machine alone, and prints a link that opens once: the browser that opens it may " +
      "see all sessions of the store, end them and fork them, until Ctrl-C stops the console.",
  }),
});
