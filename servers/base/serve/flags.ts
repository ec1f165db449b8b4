/**
 * A server's command line: flags in, settings out (section 8 of the contract).
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { LOG_LEVELS, type LogLevel } from "../../../runtime/log.ts";
import { expandHome } from "../../../runtime/state_folder.ts";
import { type Authority, canonicalOrigin, inAscii, parseAuthority } from "../http/authority.ts";
import { BINDS, parseBind, type SessionBind } from "./binding_options.ts";
import { isSessionName, MAX_NAME_BYTES } from "../session/session_binding.ts";
import { asError } from "../../../runtime/errors.ts";
import { DEFAULT_TTL_MS } from "../session/session_record.ts";

/** Where a server listens. */
export interface HttpSettings {
  /** The address to listen on. */
  readonly host: string;
  /** The port; 0 lets the system choose. */
  readonly port: number;
  /** The path of the endpoint. */
  readonly path: string;
  /** Serve with the SDK's own transport and its `Mcp-Session-Id`? */
  readonly stateful: boolean;
  /** The file with the tokens of those who may call, or `undefined` if nobody is asked. */
  readonly tokens: string | undefined;
  /** Serve callers without a token too, from wherever they come? */
  readonly allowAnonymous: boolean;
  /** The `Host` headers to answer to beside those of the address it listens on. */
  readonly allowedHosts: readonly string[];
  /** The origins whose web pages may call. */
  readonly allowedOrigins: readonly string[];
}

/** To whom handles are offered (section 11 of the contract). */
export type HandlesMode = "auto" | "always" | "never";

/** What a server was asked to do. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | {
    readonly kind: "serve";
    /** `undefined` means stdio. */
    readonly http: HttpSettings | undefined;
    /** The store's URL, or `undefined` for the default one. */
    readonly store: string | undefined;
    /** Lifetime of a session without use, in milliseconds. */
    readonly ttlMs: number;
    /** What calls that present no session are bound by; `undefined` leaves it to the server. */
    readonly bind: SessionBind | undefined;
    /** The name of each user's own session for calls that nothing else binds. */
    readonly sessionName: string | undefined;
    /** Further keys of `_meta`, or `KEY/FIELD…`, for the ids of conversations. */
    readonly conversationKeys: readonly string[];
    /** To whom handles are offered; `undefined` leaves it to the server. */
    readonly handles: HandlesMode | undefined;
    readonly logLevel: LogLevel;
  };

/** A command line that makes no sense. The message is for whoever typed it. */
export class UsageError extends Error {
  /** Makes an error with a message of one line. */
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

const VALUE_FLAGS = [
  "transport",
  "host",
  "port",
  "path",
  "tokens",
  "store",
  "ttl",
  "bind",
  "session",
  "handles",
  "log-level",
] as const;
const HTTP_LIST_FLAGS = ["allowed-host", "allowed-origin"] as const;
const LIST_FLAGS = [...HTTP_LIST_FLAGS, "conversation-key"] as const;
const STRING_FLAGS = [...VALUE_FLAGS, ...LIST_FLAGS] as const;
const BOOLEAN_FLAGS = ["stateful", "allow-anonymous", "help", "version"] as const;
const HTTP_FLAGS = [
  "host",
  "port",
  "path",
  "stateful",
  "tokens",
  "allow-anonymous",
  ...HTTP_LIST_FLAGS,
] as const;

/** What `--help` tells of a server. */
export interface HelpedServer {
  readonly name: string;
  readonly description: string;
  readonly bind?: SessionBind;
  readonly handles?: HandlesMode;
}

/** The text of `--help`; `program` is what was typed to start the server. */
export function helpText(
  { name, description, bind, handles = "auto" }: HelpedServer,
  program: string,
): string {
  return `${name}: ${description}

Usage: ${program} [flags]

  --transport stdio|streamable-http  how clients reach it (default: stdio)
  --host HOST                        address to listen on (default: 127.0.0.1)
  --port PORT                        port to listen on, 0 for a free one (default: 8765)
  --path PATH                        path of the endpoint (default: /mcp)
  --stateful                         use the SDK's HTTP transport with Mcp-Session-Id
  --tokens FILE                      serve only callers with a bearer token whose SHA-256 is in
                                     FILE; a line of it: SHA-256 in hex, a space, whose token
  --allow-anonymous                  serve callers without a token too, from other machines too
  --allowed-host HOST[:PORT]         a Host to answer to as well; without a port it is answered to
                                     on 80, 443 and the server's own
  --allowed-origin ORIGIN            let web pages from there call, such as http://localhost:6274 or
                                     vscode-webview://ID
  --store URL                        where sessions are kept: memory:, file:PATH, kv:PATH or
                                     kv:https://HOST (default: $MCP_SESSIONS_STORE, else a file
                                     in the state directory)
  --ttl TIME                         lifetime of a session without use: 90s, 30m, 12h, 7d
                                     (default: 7d)
  --bind all|none|LIST               session of a call that presents none: that of the host's
                                     conversation, or of the id that the host has put into
                                     $CLAUDE_CODE_SESSION_ID, $QWEN_CODE_SESSION_ID,
                                     $GROK_SESSION_ID or $ANTIGRAVITY_CONVERSATION_ID; LIST is
                                     conversation, environment or both (default: ${bound(bind)})
  --conversation-key KEY[/FIELD…]    a further key of _meta, or a path from one, with the id of a
                                     conversation; counts before the known ones, and can be given
                                     more than once
  --session NAME                     session for calls that nothing else binds, the same in every
                                     run; over HTTP each user's own (--tokens)
  --handles auto|always|never        to whom to offer handles: tools by which a model makes, lists
                                     and ends sessions, and an argument "session" of every tool;
                                     auto: hosts that know no sessions; alone it means always
                                     (default: ${handles})
  --log-level LEVEL                  ${LOG_LEVELS.join(", ")} (default: warn)
  --help, --version                  show this, or the version`;
}

/**
 * Reads a server's flags. `authenticates` tells whether the server knows its callers by itself.
 *
 * @throws {UsageError} naming the flag that is wrong, and what it takes.
 */
export function parseFlags(args: readonly string[], authenticates: boolean): Command {
  const flags = parseArgs(args.map((arg, i) => isBareHandles(args, i) ? "--handles=always" : arg), {
    string: STRING_FLAGS,
    boolean: BOOLEAN_FLAGS,
    collect: LIST_FLAGS,
    alias: { help: "h" },
    unknown: (arg) => {
      throw unknownArgument(arg);
    },
  });
  // What stands behind "--" reaches no other check.
  if (flags._.length > 0) throw unknownArgument(flags._.join(" "));
  if (flags.help) return { kind: "help" };
  if (flags.version) return { kind: "version" };
  for (const name of STRING_FLAGS) {
    if ([flags[name]].flat().includes("")) throw new UsageError(`--${name} needs a value`);
  }
  const transport = flags.transport ?? "stdio";
  if (transport !== "stdio" && transport !== "streamable-http") {
    throw new UsageError(`--transport takes stdio or streamable-http, not "${transport}"`);
  }
  if (transport === "stdio") {
    const misplaced = HTTP_FLAGS.find((name) => [flags[name]].flat().some(Boolean));
    if (misplaced !== undefined) {
      throw new UsageError(`--${misplaced} goes with --transport streamable-http`);
    }
  }
  const isAuthenticated = authenticates || flags.tokens !== undefined;
  if (transport !== "stdio" && flags.session !== undefined && !isAuthenticated) {
    throw new UsageError(
      "--session over HTTP is each user's own session, and nothing tells users apart: add --tokens " +
        "FILE, or use --transport stdio",
    );
  }
  const bind = flags.bind === undefined ? undefined : bindFlag(flags.bind);
  const isUnused = bind === "none" || (Array.isArray(bind) && !bind.includes("conversation"));
  if (isUnused && flags["conversation-key"].length > 0) {
    throw new UsageError("--conversation-key goes with --bind conversation, or all");
  }
  const host = hostName(flags.host ?? "127.0.0.1");
  if (authenticates && flags.tokens !== undefined) {
    throw new UsageError("--tokens cannot be used as this server authenticates in its own way");
  }
  if (!isLoopback(host) && !isAuthenticated && !flags["allow-anonymous"]) {
    throw new UsageError(
      `--host ${host} lets other machines in, and nothing tells their users apart: give --tokens ` +
        "FILE, or --allow-anonymous if whoever reaches the port may use the server",
    );
  }
  return {
    kind: "serve",
    http: transport === "stdio" ? undefined : {
      host,
      port: portNumber(flags.port ?? "8765"),
      path: endpointPath(flags.path ?? "/mcp"),
      stateful: flags.stateful,
      tokens: flags.tokens === undefined ? undefined : tokensPath(flags.tokens),
      allowAnonymous: flags["allow-anonymous"],
      allowedHosts: flags["allowed-host"].map(hostHeader),
      allowedOrigins: flags["allowed-origin"].map(originHeader),
    },
    store: flags.store,
    bind,
    sessionName: flags.session === undefined ? undefined : sessionName(flags.session),
    conversationKeys: flags["conversation-key"],
    handles: flags.handles === undefined ? undefined : handlesMode(flags.handles),
    ttlMs: flags.ttl === undefined ? DEFAULT_TTL_MS : parseTtl(flags.ttl),
    logLevel: logLevel(flags["log-level"] ?? "warn"),
  };
}

function unknownArgument(arg: string): UsageError {
  if (arg === "") return new UsageError("An argument is empty: a flag needs a value");
  return new UsageError(`Unknown argument ${JSON.stringify(arg)}: --help lists the flags`);
}

/** Is this a host that only this machine reaches? */
function isLoopback(host: string): boolean {
  return ["localhost", "::1"].includes(host) ||
    /^127(\.(\d{1,2}|1\d\d|2[0-4]\d|25[0-5])){3}$/.test(host);
}

/** A host that a client can ask for: one that a URL would write in another way never is. */
function askedHost(text: string): Authority | undefined {
  const authority = parseAuthority(inAscii(text));
  if (authority === undefined) return undefined;
  return URL.parse(`http://${authority.name}`)?.hostname === authority.name ? authority : undefined;
}

function hostName(host: string): string {
  const name = host.replace(/^\[(.*)\]$/, "$1");
  const authority = askedHost(name.includes(":") ? `[${name}]` : name);
  if (authority !== undefined) return authority.name.replace(/^\[(.*)\]$/, "$1");
  throw new UsageError(
    `--host takes an address or name such as 127.0.0.1, ::1 or 0.0.0.0, not "${host}"`,
  );
}

function hostHeader(host: string): string {
  const authority = askedHost(host);
  if (authority !== undefined) {
    const { name, port } = authority;
    return port === undefined ? name : `${name}:${port}`;
  }
  throw new UsageError(
    `--allowed-host takes a name with or without a port, such as mcp.example.com or ` +
      `10.0.0.5:8765, not "${host}"`,
  );
}

function originHeader(origin: string): string {
  const canonical = canonicalOrigin(inAscii(origin));
  if (canonical !== undefined) return canonical;
  // Pages of any site can send null, from a frame in a sandbox.
  throw new UsageError(
    "--allowed-origin takes one origin, its scheme, host and port alone, such as " +
      `http://localhost:6274 or vscode-webview://0a1b, never null or *, and not "${origin}"`,
  );
}

function portNumber(port: string): number {
  if (/^\d{1,5}$/.test(port) && Number(port) <= 65_535) return Number(port);
  throw new UsageError(`--port takes a number from 0 to 65535, not "${port}"`);
}

function endpointPath(path: string): string {
  // One that a URL would write in another way would never be asked for.
  if (path.startsWith("/") && URL.parse(path, "http://host")?.pathname === path) return path;
  throw new UsageError(`--path takes a path that begins with /, not "${path}"`);
}

function tokensPath(path: string): string {
  try {
    return expandHome(path);
  } catch (error) {
    throw new UsageError(`--tokens: ${asError(error).message}`);
  }
}

function bound(bind: SessionBind = "all"): string {
  return typeof bind === "string" ? bind : bind.join(",");
}

function bindFlag(text: string): SessionBind {
  const bind = parseBind(text);
  if (bind !== undefined) return bind;
  throw new UsageError(`--bind takes all, none, or a list of ${BINDS.join(",")}, not "${text}"`);
}

function sessionName(name: string): string {
  if (isSessionName(name)) return name;
  throw new UsageError(`--session takes a name of up to ${MAX_NAME_BYTES} bytes`);
}

const HANDLES_MODES: Readonly<Record<string, HandlesMode>> = {
  auto: "auto",
  always: "always",
  never: "never",
  // The flag took no value at first.
  true: "always",
  false: "never",
};

/** Whether this is `--handles` alone, which means `always`. */
function isBareHandles(args: readonly string[], index: number): boolean {
  // What is no flag can only be its value: nothing else stands alone on the command line.
  return args[index] === "--handles" && (args[index + 1] ?? "-").startsWith("-");
}

function handlesMode(text: string): HandlesMode {
  const mode = Object.hasOwn(HANDLES_MODES, text) ? HANDLES_MODES[text] : undefined;
  if (mode !== undefined) return mode;
  throw new UsageError(`--handles takes auto, always or never, not "${text}"`);
}

function logLevel(level: string): LogLevel {
  const known = LOG_LEVELS.find((name) => name === level);
  if (known !== undefined) return known;
  throw new UsageError(`--log-level takes ${LOG_LEVELS.join(", ")}, not "${level}"`);
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
// Beyond a hundred years a date may no longer be one.
const MAX_TTL_MS = 36_525 * 86_400_000;

function parseTtl(text: string): number {
  const [, number, unit] = /^(\d{1,12})([smhd])$/.exec(text) ?? [];
  const ttlMs = Number(number) * (UNIT_MS[unit ?? ""] ?? NaN);
  if (ttlMs > 0 && ttlMs <= MAX_TTL_MS) return ttlMs;
  throw new UsageError(`--ttl takes a time such as 90s, 30m, 12h or 7d, not "${text}"`);
}
