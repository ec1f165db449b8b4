/**
 * The command line of `sessions`: arguments in, what is to be done out.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { isObject } from "../../runtime/json.ts";
import { expandHome } from "../jar/file_jar.ts";
import { commandKey } from "../jar/server_key.ts";
import type { Target } from "./server_connection.ts";

/** What is to be done with a server. */
export type ServerAction =
  | { readonly kind: "create"; readonly title: string | undefined }
  | { readonly kind: "list" }
  | { readonly kind: "resume"; readonly id: string | undefined }
  | { readonly kind: "delete"; readonly id: string | undefined }
  | { readonly kind: "call"; readonly tool: string; readonly args: Record<string, unknown> };

/** What is to be done with the jar alone. */
export type JarAction =
  | { readonly kind: "jar list" }
  | { readonly kind: "jar use"; readonly server: string; readonly id: string }
  | { readonly kind: "jar clear"; readonly server: string | undefined };

/** Where the cookies are, and how to answer. */
export interface Settings {
  /** The jar's file; `undefined` for the default one. */
  readonly jar: string | undefined;
  /** `undefined` if none was named. */
  readonly profile: string | undefined;
  readonly json: boolean;
  readonly full: boolean;
}

/** A command line that was understood. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "jar"; readonly action: JarAction; readonly settings: Settings }
  | {
    readonly kind: "server";
    readonly action: ServerAction;
    readonly target: Target;
    readonly settings: Settings;
  };

/** A command line that makes no sense. The message is for whoever typed it. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The text of `--help`. */
export const HELP = `Looks after the sessions of MCP servers, and keeps their cookies in a jar.

Usage: deno task sessions COMMAND [flags] --url URL
       deno task sessions COMMAND [flags] -- SERVER-COMMAND [ARGS]
       deno task sessions jar list|use|clear [flags]

With a server:
  create [--title TITLE]   makes a session, and files it in the jar
  list                     the sessions that the server shows; * is the one in the jar
  resume [ID]              checks that the session is live, and files it in the jar
  delete [ID]              ends the session
  call TOOL [JSON]         calls a tool in the jar's session, or in a new one

With the jar alone:
  jar list                 what is in it
  jar use SERVER ID        files an id under a server: a URL, or a command line as jar list has it;
                           an id that is not yet filed there is to be whole
  jar clear [SERVER]       takes the cookies out; the servers' sessions live on

Flags:
  --url URL                a server over Streamable HTTP
  --header 'NAME: VALUE'   sent to it with every request; may be given more than once
  --jar PATH               the jar's file (default: cookies.jsonl in the state directory)
  --profile NAME           tells your sessions with one server apart (default: default; jar list
                           and jar clear: all)
  --json                   one JSON document on stdout, with whole ids
  --full                   whole ids: who has one has the session, so take care where they go
  --help                   show this

ID is an id or its beginning, where that leads to one session; without one it is the jar's. The
exit status is 1 for what failed, 2 for a command that makes no sense.`;

const VALUE_FLAGS = ["url", "title", "jar", "profile"] as const;

/**
 * Reads the arguments.
 *
 * @throws {UsageError} saying what is wrong with them.
 */
export function parseCommand(args: readonly string[]): Command {
  const end = args.indexOf("--");
  const argv = end < 0 ? undefined : args.slice(end + 1);
  const flags = parseArgs(end < 0 ? [...args] : args.slice(0, end), {
    string: [...VALUE_FLAGS, "header", "_"],
    boolean: ["json", "full", "help"],
    collect: ["header"],
    alias: { help: "h" },
    unknown: (arg) => {
      if (!arg.startsWith("-")) return;
      // What follows "=" may be a secret.
      throw new UsageError(`There is no flag ${arg.replace(/=.*/s, "")}: --help lists them`);
    },
  });
  if (flags.help) return { kind: "help" };
  for (const name of [...VALUE_FLAGS, "header"] as const) {
    if ([flags[name]].flat().includes("")) throw new UsageError(`--${name} needs a value`);
  }
  const { title, url, jar, profile, json, full } = flags;
  const settings = { jar: jar === undefined ? undefined : jarPath(jar), profile, json, full };
  const [name, ...rest] = flags._.map(String);
  if (title !== undefined && name !== "create") throw new UsageError("--title goes with create");
  if (name === "jar") {
    if (url !== undefined || argv !== undefined || flags.header.length > 0) {
      throw new UsageError("jar commands reach no server: leave out --url, --header and --");
    }
    return { kind: "jar", action: jarAction(rest), settings };
  }
  const action = serverAction(name, rest, title);
  return { kind: "server", action, target: target(url, flags.header, argv), settings };
}

function jarPath(path: string): string {
  try {
    return expandHome(path);
  } catch (error) {
    throw new UsageError(`--jar: ${error instanceof Error ? error.message : error}`);
  }
}

function jarAction([name, ...args]: readonly string[]): JarAction {
  switch (name) {
    case "list":
      takes(args, 0, 0, "jar list takes no arguments");
      return { kind: "jar list" };
    case "use": {
      takes(args, 2, 2, "jar use takes SERVER and ID");
      const [server = "", id = ""] = args;
      return { kind: "jar use", server: serverArgument(server), id };
    }
    case "clear": {
      takes(args, 0, 1, "jar clear takes one SERVER, or none for all");
      const [server] = args;
      return { kind: "jar clear", server: server && serverArgument(server) };
    }
    default:
      throw new UsageError("jar needs list, use or clear");
  }
}

function serverAction(
  name: string | undefined,
  args: readonly string[],
  title: string | undefined,
): ServerAction {
  switch (name) {
    case "create":
      takes(args, 0, 0, "create takes no arguments: give a title with --title");
      return { kind: name, title };
    case "list":
      takes(args, 0, 0, "list takes no arguments");
      return { kind: name };
    case "resume":
    case "delete":
      takes(args, 0, 1, `${name} takes one ID, or none for the jar's`);
      return { kind: name, id: args[0] };
    case "call": {
      takes(args, 1, 2, "call takes TOOL and its arguments as JSON");
      const [tool = "", json = "{}"] = args;
      return { kind: name, tool, args: toolArguments(json) };
    }
    default: {
      const what = name === undefined ? "It needs a command" : `There is no command ${name}`;
      throw new UsageError(`${what}: --help lists them`);
    }
  }
}

function takes(args: readonly string[], least: number, most: number, otherwise: string) {
  const isRight = args.length >= least && args.length <= most && !args.includes("");
  if (!isRight) throw new UsageError(otherwise);
}

function toolArguments(json: string): Record<string, unknown> {
  try {
    const args: unknown = JSON.parse(json);
    if (isObject(args)) return args;
  } catch {
    // As wrong as any other text.
  }
  throw new UsageError(`A tool's arguments are a JSON object, such as '{"text":"milk"}'`);
}

/** A command line counts by its arguments, however its JSON is written. */
function serverArgument(server: string): string {
  try {
    const argv: unknown = JSON.parse(server);
    if (Array.isArray(argv) && argv.every((arg) => typeof arg === "string")) {
      return commandKey(argv);
    }
  } catch {
    // Then it is a URL, or whatever a client has filed its cookie under.
  }
  return server;
}

function target(
  url: string | undefined,
  headers: readonly string[],
  argv: readonly string[] | undefined,
): Target {
  if (argv !== undefined) {
    const [command, ...args] = argv;
    if (url !== undefined) throw new UsageError("A server has --url or -- COMMAND, not both");
    if (headers.length > 0) throw new UsageError("--header goes with --url");
    if (!command) throw new UsageError("-- needs the command of a server");
    return { kind: "stdio", command, args };
  }
  if (url === undefined) throw new UsageError("Which server? Give --url URL or -- COMMAND [ARGS]");
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new UsageError("--url takes a URL such as http://127.0.0.1:8765/mcp");
  }
  return { kind: "http", url: parsed, headers: headers.map(header) };
}

function header(text: string): [string, string] {
  const [, name = "", value = ""] = /^([^:]+):(.*)$/s.exec(text) ?? [];
  try {
    const [pair] = new Headers([[name, value.trim()]]);
    if (pair !== undefined) return pair;
  } catch {
    // The text may be a secret, so it is not repeated.
  }
  throw new UsageError("--header takes 'NAME: VALUE'");
}
