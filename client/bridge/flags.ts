/**
 * The bridge's command line: flags in, settings out.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { LOG_LEVELS, type LogLevel } from "../../runtime/log.ts";

/** The server behind the bridge. */
export type Behind =
  | { readonly kind: "url"; readonly url: URL; readonly headers: readonly [string, string][] }
  | { readonly kind: "command"; readonly command: string; readonly args: readonly string[] };

/** What the bridge was asked to do. */
export type Command =
  | { readonly kind: "help" }
  | {
    readonly kind: "bridge";
    readonly behind: Behind;
    /** The name of the one session for everything, if there is to be one. */
    readonly session: string | undefined;
    /** Whether what belongs to no conversation has one session for as long as the bridge runs. */
    readonly perProcess: boolean;
    /** Further keys of `_meta`, or `KEY/FIELD…`, that have the id of a conversation. */
    readonly conversationKeys: readonly string[];
    readonly logLevel: LogLevel;
  };

/** A command line that makes no sense. The message is for whoever typed it. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The text of `--help`. */
export const HELP = `Gives any MCP host sessions with a server that has them.

The host starts the bridge and talks to it over stdin and stdout; the bridge talks to the server.
Each conversation that the host tells of has a session of its own, and finds it again later. Where the
host does not tell, the model makes sessions itself, with the tool session_create, and names one in the
argument "session" of any tool; that works in the next conversation, and after a restart, too.

Usage: deno run -A client/bridge.ts [flags] --url URL
       deno run -A client/bridge.ts [flags] -- COMMAND [ARGUMENT…]

  --url URL              a server that is reached over Streamable HTTP
  --header 'NAME: VALUE' sent to that URL with every request, such as
                         'Authorization: Bearer …'; can be given more than once
  -- COMMAND …           a server that the bridge starts and talks to over stdio
  --session NAME         use the session of this name for everything, conversations too, now
                         and next time; two users of the server need two names
  --per-process          no tools and arguments for the model: calls that belong to no conversation
                         share one session, which ends with the bridge
  --conversation-key KEY[/FIELD…]
                         a further key of _meta, or a path from one, with the id of a
                         conversation; counts before the known ones, and can be given more
                         than once
  --log-level LEVEL      what goes to stderr: ${LOG_LEVELS.join(", ")} (default: warn)
  --help                 show this

The exit status is 0 at the end of the input, 1 if the server could not be reached, or ended before
it was connected, 2 for a wrong flag.`;

const STRING_FLAGS = ["url", "header", "session", "conversation-key", "log-level"] as const;

/**
 * Reads the bridge's command line.
 *
 * @throws {UsageError} naming the flag that is wrong, and what it takes.
 */
export function parseFlags(args: readonly string[]): Command {
  const end = args.indexOf("--");
  const own = end === -1 ? [...args] : args.slice(0, end);
  const [command, ...rest] = end === -1 ? [] : args.slice(end + 1);
  const flags = parseArgs(own, {
    string: STRING_FLAGS,
    boolean: ["help", "per-process"],
    collect: ["header", "conversation-key"],
    alias: { help: "h" },
    unknown: (arg) => {
      throw unknownArgument(arg);
    },
  });
  if (flags._.length > 0) throw unknownArgument(flags._.join(" "));
  if (flags.help) return { kind: "help" };
  for (const name of STRING_FLAGS) {
    if ([flags[name]].flat().includes("")) throw new UsageError(`--${name} needs a value`);
  }
  if (flags.session !== undefined && flags["per-process"]) {
    throw new UsageError("Which session? Give either --session NAME or --per-process");
  }
  if ((flags.url === undefined) === (command === undefined || command === "")) {
    throw new UsageError(
      "Which server? Give either --url URL, or -- and the command that starts it",
    );
  }
  if (flags.url === undefined && flags.header.length > 0) {
    throw new UsageError("--header goes with --url");
  }
  return {
    kind: "bridge",
    behind: flags.url === undefined
      ? { kind: "command", command: command ?? "", args: rest }
      : { kind: "url", url: serverUrl(flags.url), headers: flags.header.map(header) },
    session: flags.session,
    perProcess: flags["per-process"],
    conversationKeys: flags["conversation-key"],
    logLevel: logLevel(flags["log-level"] ?? "warn"),
  };
}

function unknownArgument(arg: string): UsageError {
  if (arg === "") return new UsageError("An argument is empty: a flag needs a value");
  // What it was given may be a secret.
  const shown = JSON.stringify(arg.replace(/=.*/s, "=…"));
  return new UsageError(
    `Unknown argument ${shown}: --help lists the flags, and a server's command ` +
      "stands after --",
  );
}

function serverUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    // The URL is not shown, as there may be a password in it.
    throw new UsageError(
      "--url takes the URL of an MCP endpoint, such as http://127.0.0.1:8765/mcp",
    );
  }
  // fetch refuses such a URL, and it would stand in every message.
  if (url.username !== "" || url.password !== "") {
    throw new UsageError("--url takes no user and password: give them with --header");
  }
  return url;
}

/** A wrong header is not shown, as there is most likely a secret in it. */
function header(text: string): [string, string] {
  const [, name = "", value = ""] = /^([^:]+):(.*)$/s.exec(text) ?? [];
  try {
    new Headers([[name, value.trim()]]);
  } catch {
    throw new UsageError("--header takes NAME: VALUE, such as 'Authorization: Bearer …'");
  }
  return [name, value.trim()];
}

function logLevel(level: string): LogLevel {
  const known = LOG_LEVELS.find((name) => name === level);
  if (known !== undefined) return known;
  throw new UsageError(`--log-level takes ${LOG_LEVELS.join(", ")}, not "${level}"`);
}
