/**
 * The bridge's command line: flags in, settings out.
 *
 * @module
 */

import { ENDPOINT_URL, type FlagType, HEADER, oneOf, text } from "../../runtime/flag_types.ts";
import { defineProgram, type FlagValues, type Given, UsageError } from "../../runtime/flags.ts";
import { LOG_LEVELS } from "../../runtime/log.ts";

export type Behind =
  | {
    readonly kind: "url";
    readonly url: URL;
    readonly headers: readonly [name: string, value: string][];
  }
  | { readonly kind: "command"; readonly command: string; readonly args: readonly string[] };

const URL_WITHOUT_USER: FlagType<URL> = {
  ...ENDPOINT_URL,
  parse: (text) => {
    const url = ENDPOINT_URL.parse(text);
    // The jar leaves them out of a server's name: two users would share their sessions.
    if (url && (url.username !== "" || url.password !== "")) {
      throw new UsageError("--url takes no user and password: give them with --header");
    }
    return url;
  },
};

export const BRIDGE = defineProgram({
  name: "bridge",
  command: "a server's command",
  flags: {
    url: { type: URL_WITHOUT_USER, help: "server over Streamable HTTP" },
    header: {
      type: HEADER,
      many: true,
      goesWith: "--url",
      help: "header of every request to it, such as 'Authorization: Bearer …'",
    },
    session: {
      type: text("NAME"),
      help: "one session of this name for everything, conversations too, now and next time; two " +
        "users of the server need two names",
    },
    "per-process": {
      help:
        "no tools and arguments for the model: calls that belong to no conversation share one " +
        "session, which ends with the bridge",
    },
    "conversation-key": {
      type: text("KEY[/FIELD…]"),
      many: true,
      help: "further key of _meta, or a path from one, with the id of a conversation; counts " +
        "before the known keys",
    },
    "log-level": {
      type: oneOf(...LOG_LEVELS),
      default: "warn",
      help: "log lines on stderr, up to this level",
    },
  },
  help: () => ({
    about: "Gives any MCP host sessions with a server that has them.\n\n" +
      "The host starts the bridge and talks to it over stdin and stdout; the bridge talks to the " +
      "server, at a URL, or over stdio to a command that it starts. Each conversation that the host " +
      "names has a session of its own, and finds it again later. If the host names none, the model " +
      'makes sessions with the tool session_create, and names one in the argument "session" of any ' +
      "tool; that works in the next conversation, and after a restart, too.",
    usage: [
      "deno run -A client/bridge.ts [flags] --url URL",
      "deno run -A client/bridge.ts [flags] -- COMMAND [ARGUMENT…]",
    ],
    notes:
      "Exit status: 0 at the end of the input; 1 if the server could not be reached, or ended " +
      "before it was connected; 2 for a wrong command line.",
  }),
});

export type Settings = FlagValues<typeof BRIDGE.flags> & { readonly behind: Behind };

/** @throws {UsageError} if flags contradict each other, or name no server. */
export function settingsOf({ flags, command }: Given<typeof BRIDGE.flags>): Settings {
  if (flags.session !== undefined && flags["per-process"]) {
    throw new UsageError("Which session? Give either --session NAME or --per-process");
  }
  return { ...flags, behind: behind(flags, command ?? []) };
}

function behind(
  { url, header }: FlagValues<typeof BRIDGE.flags>,
  [command, ...args]: readonly string[],
): Behind {
  if (url !== undefined && !command) return { kind: "url", url, headers: header };
  if (url === undefined && command) return { kind: "command", command, args };
  throw new UsageError("Which server? Give either --url URL, or -- and the command that starts it");
}
