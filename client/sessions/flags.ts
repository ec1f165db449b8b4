/**
 * The command line of `sessions`: arguments in, a command out.
 *
 * @module
 */

import { ENDPOINT_URL, filePath, HEADER, text } from "../../runtime/flag_types.ts";
import { defineProgram, type FlagValues, type Given, UsageError } from "../../runtime/flags.ts";
import { isObject } from "../../runtime/json.ts";
import { commandKey } from "../jar/server_key.ts";
import type { Target } from "./server_connection.ts";

export type ServerAction =
  | { readonly kind: "create"; readonly title: string | undefined }
  | { readonly kind: "list" }
  | { readonly kind: "resume"; readonly id: string | undefined }
  | { readonly kind: "delete"; readonly id: string | undefined }
  | { readonly kind: "call"; readonly tool: string; readonly args: Record<string, unknown> };

export type JarAction =
  | { readonly kind: "jar list" }
  | { readonly kind: "jar use"; readonly server: string; readonly id: string }
  | { readonly kind: "jar clear"; readonly server: string | undefined };

type Settings = Pick<FlagValues<typeof SESSIONS.flags>, "jar" | "profile" | "json" | "full">;

export type Command =
  | { readonly kind: "jar"; readonly action: JarAction; readonly settings: Settings }
  | {
    readonly kind: "server";
    readonly action: ServerAction;
    readonly target: Target;
    readonly settings: Settings;
  };

export const SESSIONS = defineProgram({
  name: "sessions",
  operands: true,
  command: "a server's command",
  flags: {
    url: { type: ENDPOINT_URL, help: "server over Streamable HTTP" },
    header: { type: HEADER, many: true, goesWith: "--url", help: "header of every request to it" },
    title: { type: text("TITLE"), goesWith: "create", help: "title of the new session" },
    jar: {
      type: filePath("PATH"),
      help: "file of the jar (default: cookies.jsonl in the state directory)",
    },
    profile: {
      type: text("NAME"),
      help:
        "one of your sessions with the same server (default: default; jar list and jar clear: " +
        "all)",
    },
    json: { help: "one JSON document on stdout, with whole ids" },
    full: { help: "whole ids; a whole id gives access to its session" },
  },
  help: () => ({
    about: "Looks after the sessions of MCP servers, and keeps their cookies in a jar.",
    usage: [
      "deno task sessions COMMAND [flags] --url URL",
      "deno task sessions COMMAND [flags] -- SERVER-COMMAND [ARGUMENT…]",
      "deno task sessions jar list|use|clear [flags]",
    ],
    sections: {
      "Commands for a server": {
        "create [--title TITLE]": "makes a session, and files it in the jar",
        "list": "lists the sessions that the server shows; * marks the one in the jar",
        "resume [ID]": "checks that the session is live, and files it in the jar",
        "delete [ID]": "ends the session",
        "call TOOL [JSON]": "calls a tool in the jar's session, or in a new one",
      },
      "Commands for the jar alone": {
        "jar list": "lists what is in it",
        "jar use SERVER ID": "files an id under a server: a URL, or a command line as jar list " +
          "shows it; an id that is not yet filed there must be whole",
        "jar clear [SERVER]": "takes the cookies out; the servers' sessions live on",
      },
    },
    notes:
      "ID is an id, or a beginning that fits one session alone; without ID, the jar's session " +
      "is meant.\n\nExit status: 0 on success, 1 for what failed, 2 for a wrong command line.",
  }),
});

/** @throws {UsageError} naming what is wrong. */
export function commandOf({ flags, operands, command }: Given<typeof SESSIONS.flags>): Command {
  const { title, url, header, jar, profile, json, full } = flags;
  const settings = { jar, profile, json, full };
  const [name, ...rest] = operands;
  if (name === "jar") {
    if (url !== undefined || command !== undefined) {
      throw new UsageError("jar commands reach no server: leave out --url, --header and --");
    }
    return { kind: "jar", action: jarAction(rest), settings };
  }
  const action = serverAction(name, rest, title);
  return { kind: "server", action, target: target(url, header, command ?? []), settings };
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
    default:
      throw new UsageError(
        name === undefined ? "A command is missing" : `There is no command ${name}`,
      );
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
    // A URL, or any other name under which a client has filed its cookie.
  }
  return server;
}

function target(
  url: URL | undefined,
  headers: readonly [name: string, value: string][],
  [command, ...args]: readonly string[],
): Target {
  if (url !== undefined && !command) return { kind: "http", url, headers };
  if (url === undefined && command) return { kind: "stdio", command, args };
  throw new UsageError("Which server? Give either --url URL, or -- and the command that starts it");
}
