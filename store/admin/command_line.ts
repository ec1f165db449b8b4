/**
 * The command line of `store`: arguments in, a command out.
 *
 * @module
 */

import { filePath, number, oneOf, text } from "../../runtime/flag_types.ts";
import { defineProgram, type FlagValues, type Given, UsageError } from "../../runtime/flags.ts";
import { expandHome } from "../../runtime/state_folder.ts";
import { statIfAny } from "../journal/fs.ts";
import { namedStore } from "../named_store.ts";
import { parseStoreUrl, shownUrl } from "../store_url.ts";

const WHOLE = /^[1-9]\d{0,8}$/;

export const STORE = defineProgram({
  name: "store",
  operands: true,
  flags: {
    server: { type: text("NAME"), help: "only sessions of this server" },
    owner: {
      type: text("OWNER"),
      help:
        "only sessions of this owner, as ls shows it, or of the one owner whose user has this name",
    },
    anonymous: { help: "only sessions of nobody" },
    title: { type: text("TEXT"), goesWith: "ls", help: "only sessions with this in their title" },
    sort: {
      type: oneOf("age", "expires", "calls", "bytes", "owner", "title"),
      goesWith: "ls",
      help:
        "order: age has the oldest first, expires the next to expire, calls and bytes the most " +
        "(default: age)",
    },
    reverse: { goesWith: "ls", help: "the other way round" },
    limit: {
      type: number("a whole number from 1", WHOLE),
      goesWith: "ls",
      help: "sessions on a page (default: 50)",
    },
    page: {
      type: number("a whole number from 1", WHOLE),
      goesWith: "ls",
      help: "page to list (default: 1)",
    },
    yes: { goesWith: "rm", help: "end sessions without being asked" },
    json: { help: "one JSON document on stdout" },
    to: { type: filePath("NEWFILE"), goesWith: "repair", help: "file that repair writes" },
  },
  help: () => ({
    about: "Looks after a store, beside the servers that use it.",
    usage: [
      "deno task store servers|ls|stats [STORE] [flags]",
      "deno task store show [STORE] SESSION",
      "deno task store rm [STORE] SESSION | --owner OWNER | --anonymous",
      "deno task store copy FROM TO",
      "deno task store verify FILE",
      "deno task store repair FILE --to NEWFILE",
    ],
    sections: {
      "Commands that change nothing": {
        servers: "lists the servers with sessions in the store",
        ls: "lists sessions, page by page",
        show: "shows one session and its state",
        stats: "shows how many sessions there are, whose, how old and how large",
        verify:
          "shows what is in a file store's file and what is wrong with it. Exit status: 0 if a " +
          "store opens the file, else 1",
      },
      "Commands that change a store": {
        rm: "ends a session, or all of an owner, with their states; asks first",
        copy:
          "copies all live sessions to another store of any kind, whole: with their ids, owners, " +
          "states, counts and expiry. Run again, it copies what is missing or has changed. Servers may " +
          "go on meanwhile, but what they change in FROM may be missed: to be sure, stop them, and " +
          "copy again. What was used in TO since stays as it is there",
        repair:
          "copies all good lines of a file store's file to NEWFILE, which must not exist yet, and " +
          "says what is lost; does not change FILE. Exit status: 0 if nothing is lost; 1 if something " +
          "is or may be, or if there is nothing to copy",
      },
    },
    notes:
      "STORE, FROM and TO are the URL of a store as servers take it, or the path of a file store's " +
      "file. Without STORE, $MCP_SESSIONS_STORE is meant. SESSION is what ls shows first, a " +
      "beginning of it that fits one session alone, or the session of a line of a server's log or audit " +
      "log; it gives no access, and ids are never shown.\n\n" +
      "Exit status: 0 on success; 1 for what failed; 2 for a wrong command line, or a store that can't " +
      "be read or written.",
  }),
});

const MISSING = "A STORE is missing, and MCP_SESSIONS_STORE is not set";

type Flags = FlagValues<typeof STORE.flags>;

/** The sessions that are meant. */
export interface Filter {
  /** The server's name; of all servers if absent. */
  readonly server: string | undefined;
  /** The owner, `null` for anonymous sessions; of all owners if absent. */
  readonly owner: string | null | undefined;
}

export type Command =
  | { readonly kind: "servers"; readonly url: string }
  | {
    readonly kind: "ls";
    readonly url: string;
    readonly filter: Filter;
    readonly order: Pick<Flags, "title" | "sort" | "reverse" | "limit" | "page">;
  }
  | {
    readonly kind: "show";
    readonly url: string;
    readonly filter: Filter;
    readonly session: string;
  }
  | {
    readonly kind: "rm";
    readonly url: string;
    readonly filter: Filter;
    /** The beginning of a stateId; all sessions of the filter's owner if absent. */
    readonly session: string | undefined;
    readonly yes: boolean;
  }
  | { readonly kind: "stats"; readonly url: string; readonly filter: Filter }
  | {
    readonly kind: "copy";
    readonly from: string;
    readonly to: string;
    readonly server: string | undefined;
  }
  | { readonly kind: "verify"; readonly path: string }
  | { readonly kind: "repair"; readonly path: string; readonly to: string };

/** The flags that several commands take, and those that do. */
const COMPANY = {
  server: ["ls", "show", "rm", "stats", "copy"],
  owner: ["ls", "rm", "stats"],
  anonymous: ["ls", "rm", "stats"],
  json: ["servers", "ls", "show", "rm", "stats", "copy"],
} as const satisfies Partial<Record<keyof Flags, readonly string[]>>;

/** @throws {UsageError} naming what is wrong. */
export async function commandOf(
  { flags, operands: [name, ...operands] }: Given<typeof STORE.flags>,
  env: { get(name: string): string | undefined },
): Promise<Command> {
  for (const [flag, commands] of Object.entries(COMPANY)) {
    const isGiven = Boolean(flags[flag as keyof typeof COMPANY]);
    if (!isGiven || name === undefined || commands.some((each) => each === name)) continue;
    throw new UsageError(`--${flag} goes with ${commands.join(", ")}`);
  }
  if (flags.owner !== undefined && flags.anonymous) {
    throw new UsageError("--owner and --anonymous are of different sessions: give one of them");
  }
  const owner = flags.anonymous ? null : flags.owner;
  const filter = { server: flags.server, owner };
  const storeOnly = () => {
    takes(operands, 0, 1, `${name} takes one STORE, or none for $MCP_SESSIONS_STORE`);
    return namedStore(operands[0], env, `${MISSING}: name a store`);
  };
  switch (name) {
    case "servers":
      return { kind: name, url: await storeOnly() };
    case "stats":
      return { kind: name, url: await storeOnly(), filter };
    case "ls":
      return { kind: name, url: await storeOnly(), filter, order: flags };
    case "show":
    case "rm": {
      const { yes } = flags;
      if (name === "rm" && owner !== undefined) {
        return { kind: name, url: await storeOnly(), filter, session: undefined, yes };
      }
      takes(operands, 1, 2, `${name} takes STORE and the beginning of a SESSION, or SESSION alone`);
      const [session = "", store] = operands.toReversed();
      const missing =
        `${MISSING}: ${name} takes STORE and SESSION, or SESSION alone where that is set`;
      const url = await namedStore(store, env, missing);
      return name === "rm"
        ? { kind: name, url, filter, session, yes }
        : { kind: name, url, filter, session };
    }
    case "copy": {
      takes(operands, 2, 2, "copy takes FROM and TO");
      const [from, to] = await Promise.all(operands.map((each) => namedStore(each, env, MISSING)));
      return { kind: name, from: from!, to: to!, server: flags.server };
    }
    case "verify":
      return { kind: name, path: await existingFile(name, operands, env) };
    case "repair": {
      const path = await existingFile(name, operands, env);
      const { to } = flags;
      if (to !== undefined) return { kind: name, path, to };
      throw new UsageError("repair needs --to NEWFILE, as it changes no file in place");
    }
    default: {
      if (name === undefined) throw new UsageError("A command is missing");
      // It may be a URL with a password.
      throw new UsageError(`There is no command ${name.replace(/:.*/s, ":…")}`);
    }
  }
}

function takes(operands: readonly string[], least: number, most: number, otherwise: string) {
  const isRight = operands.length >= least && operands.length <= most && !operands.includes("");
  if (!isRight) throw new UsageError(otherwise);
}

/** The path of a file store's file, which is named by it or by the store's URL. */
async function existingFile(
  name: string,
  [named, ...rest]: readonly string[],
  env: { get(name: string): string | undefined },
): Promise<string> {
  if (!named) throw new UsageError(`${name} needs a FILE`);
  if (rest.length > 0) throw new UsageError(`${name} takes one FILE, not ${rest.length + 1}`);
  const file = expandHome(named);
  if (statIfAny(file)?.isFile === true) return file;
  const { scheme, place } = await parseStoreUrl(await namedStore(named, env, MISSING));
  // It may be a URL with a password.
  if (scheme !== "file") {
    throw new UsageError(`${name} is of file stores alone: ${shownUrl(named)}`);
  }
  if (statIfAny(place)?.isFile === true) return place;
  throw new UsageError(`There is no file ${place}`);
}
