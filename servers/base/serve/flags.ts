/**
 * A server's command line: flags in, settings out (section 8 of the contract).
 *
 * @module
 */

import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { HOST_SESSION_VARIABLES } from "../../../protocol/host_conversations.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../../../runtime/log.ts";
import { filePath, type FlagType, oneOf, PORT, text } from "../../../runtime/flag_types.ts";
import { type Asked, defineProgram, parseFlags, UsageError } from "../../../runtime/flags.ts";
import {
  type Authority,
  canonicalOrigin,
  inAscii,
  parseAuthority,
} from "../http/guard/authority.ts";
import { isAddressBlock } from "../http/guard/client_address.ts";
import type { HttpSettings } from "../http/http_server.ts";
import { HEALTH_PATHS } from "../http/paths.ts";
import type { ServedEras } from "../era/era_transport.ts";
import type { HandlesMode } from "../handles/session_handles.ts";
import { BINDS, parseBind, type SessionBind } from "./binding_options.ts";
import { isSessionName, MAX_NAME_BYTES } from "../session/session_binding.ts";

export type Command =
  | Asked
  | {
    readonly kind: "serve";
    /** `undefined` for stdio. */
    readonly http: HttpSettings | undefined;
    readonly store: string | undefined;
    readonly ttlMs: number;
    /** `Infinity` for no such end. */
    readonly maxAgeMs: number;
    /** File of the audit log, `-` for standard error. */
    readonly audit: string | undefined;
    /** `undefined` leaves it to the server, like that of `handles`. */
    readonly bind: SessionBind | undefined;
    readonly sessionName: string | undefined;
    readonly conversationKeys: readonly string[];
    readonly handles: HandlesMode | undefined;
    readonly era: ServedEras;
    readonly logLevel: LogLevel;
    readonly logFormat: LogFormat;
  };

export interface FlaggedServer {
  readonly name: string;
  readonly description: string;
  readonly bind?: SessionBind;
  readonly handles?: HandlesMode;
  /** Identifies callers by itself, in place of `--tokens`. */
  readonly authenticate?: unknown;
}

const HTTP = "--transport streamable-http";

function serverProgram(server: FlaggedServer, version: string) {
  const { name, description, bind = "all", handles = "auto" } = server;
  return defineProgram({
    name,
    version,
    help: () => ({ about: `${name}: ${description}`, usage: [`${startCommand()} [flags]`] }),
    flags: {
      transport: {
        type: oneOf("stdio", "streamable-http"),
        default: "stdio",
        help: "transport to clients",
      },
      host: { type: HOST, default: "127.0.0.1", goesWith: HTTP, help: "address to listen on" },
      port: {
        type: PORT,
        default: "8765",
        goesWith: HTTP,
        help: "port to listen on, 0 for a free one",
      },
      path: { type: ENDPOINT_PATH, default: "/mcp", goesWith: HTTP, help: "path of the endpoint" },
      stateful: { goesWith: HTTP, help: "use the SDK's HTTP transport with Mcp-Session-Id" },
      tokens: {
        type: filePath("FILE"),
        goesWith: HTTP,
        help:
          "serve only callers with a bearer token whose SHA-256 is in FILE; a line of FILE is a " +
          "SHA-256 in hex, a space, and the user's name",
      },
      "allow-anonymous": {
        goesWith: HTTP,
        help: "serve callers without a token too, from other machines too",
      },
      "allowed-host": {
        type: ALLOWED_HOST,
        many: true,
        goesWith: HTTP,
        help: "further Host to answer to; without a port, on 80, 443 and the server's own",
      },
      "allowed-origin": {
        type: ALLOWED_ORIGIN,
        many: true,
        goesWith: HTTP,
        help: "origin whose web pages may call, such as http://localhost:6274 or " +
          "vscode-webview://ID",
      },
      "trusted-proxy": {
        type: ADDRESS_BLOCK,
        many: true,
        goesWith: HTTP,
        help: "proxy whose X-Forwarded-For tells the caller's address: its own address, or a " +
          "block such as 10.0.0.0/8",
      },
      drain: {
        type: DRAIN,
        goesWith: HTTP,
        help:
          "time to go on serving after the signal to stop, while /readyz says so already: 5s, " +
          "1m (default: none)",
      },
      store: {
        type: text("URL"),
        help: "store of the sessions: memory:, file:PATH, sqlite:PATH, redis://HOST, " +
          "postgres://USER@HOST/NAME, kv:PATH or kv:https://HOST (default: $MCP_SESSIONS_STORE, " +
          "else a file in the state directory)",
      },
      ttl: {
        type: TTL,
        default: "7d",
        help: "lifetime of a session without use: 90s, 30m, 12h, 7d",
      },
      "max-age": {
        type: TTL,
        help: "lifetime of a session however much it is used (default: no limit)",
      },
      audit: {
        type: filePath("FILE|-"),
        help:
          "append a line of JSON to FILE for each event in a session's life and each HTTP request " +
          "that is refused; - is standard error",
      },
      bind: {
        type: BIND,
        help:
          "session of a call that presents none: that of the host's conversation, or of the id " +
          `in one of ${HOST_SESSION_VARIABLES.map((name) => `$${name}`).join(", ")}; LIST is ` +
          `${BINDS.join(", ")} or both (default: ${typeof bind === "string" ? bind : bind.join()})`,
      },
      "conversation-key": {
        type: text("KEY[/FIELD…]"),
        many: true,
        help: "further key of _meta, or a path from one, with the id of a conversation; counts " +
          "before the known keys",
      },
      session: {
        type: SESSION_NAME,
        help: "session for calls that nothing else binds, the same in every run; over HTTP each " +
          "user's own (--tokens)",
      },
      handles: {
        type: HANDLES,
        bare: "always",
        help:
          "callers that get handles: tools by which a model makes, lists and ends sessions, and " +
          'an argument "session" of every tool; auto: callers that know no sessions; alone it means ' +
          `always (default: ${handles})`,
      },
      era: {
        type: oneOf("both", "legacy", "modern"),
        default: "both",
        help: "versions of MCP to speak: those that begin with initialize (legacy), 2026-07-28 " +
          "(modern), or both",
      },
      "log-level": {
        type: oneOf(...LOG_LEVELS),
        default: "warn",
        help: "log lines on stderr, up to this level; from info on, one for each request",
      },
      "log-format": {
        type: oneOf(...LOG_FORMATS),
        default: "text",
        help: "form of the log lines: text, or an object of JSON each",
      },
    },
  });
}

/** The command that started this process, as `--help` shows it. */
function startCommand(): string {
  if (Deno.build.standalone) return Deno.execPath();
  return `deno run -A ${shortest(Deno.mainModule)}`;
}

/** A program as it can be named where this process was started: below that, by the way from there. */
function shortest(module: string): string {
  if (!module.startsWith("file:")) return module;
  const path = fileURLToPath(module);
  try {
    const here = relative(Deno.cwd(), path);
    return here.startsWith("..") ? path : here;
  } catch {
    // It may not know where it is.
    return path;
  }
}

/**
 * Reads a server's flags.
 *
 * @throws {UsageError} naming the flag that is wrong, and what it takes.
 */
export function readFlags(
  server: FlaggedServer,
  version: string,
  args: readonly string[],
): Command {
  const given = parseFlags(serverProgram(server, version), args);
  if (given.kind === "asked") return given;
  const { flags } = given;
  const { transport, host, path, tokens, bind } = flags;
  const conversationKeys = flags["conversation-key"];
  const authenticates = server.authenticate !== undefined;
  const isAuthenticated = authenticates || tokens !== undefined;
  if (transport !== "stdio" && flags.session !== undefined && !isAuthenticated) {
    throw new UsageError(
      "--session over HTTP is each user's own session, and nothing tells users apart: add --tokens " +
        "FILE, or use --transport stdio",
    );
  }
  const isUnused = bind === "none" || (Array.isArray(bind) && !bind.includes("conversation"));
  if (isUnused && conversationKeys.length > 0) {
    throw new UsageError("--conversation-key goes with --bind conversation, or all");
  }
  if (authenticates && tokens !== undefined) {
    throw new UsageError("--tokens cannot be used as this server authenticates in its own way");
  }
  if (HEALTH_PATHS.includes(path)) {
    throw new UsageError(`--path ${path} cannot be used as a health check is there`);
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
      port: flags.port,
      path,
      stateful: flags.stateful,
      tokens,
      allowAnonymous: flags["allow-anonymous"],
      allowedHosts: flags["allowed-host"],
      allowedOrigins: flags["allowed-origin"],
      trustedProxies: flags["trusted-proxy"],
      drainMs: flags.drain ?? 0,
    },
    store: flags.store,
    bind,
    sessionName: flags.session,
    conversationKeys,
    handles: flags.handles,
    era: flags.era,
    ttlMs: flags.ttl,
    maxAgeMs: flags["max-age"] ?? Infinity,
    audit: flags.audit,
    logLevel: flags["log-level"],
    logFormat: flags["log-format"],
  };
}

/** Whether only this machine reaches a host. */
function isLoopback(host: string): boolean {
  return ["localhost", "::1"].includes(host) ||
    /^127(\.(\d{1,2}|1\d\d|2[0-4]\d|25[0-5])){3}$/.test(host);
}

/** A host that a client can ask for; `undefined` for one that a URL would write in another way. */
function askedHost(text: string): Authority | undefined {
  const authority = parseAuthority(inAscii(text));
  if (authority === undefined) return undefined;
  return URL.parse(`http://${authority.name}`)?.hostname === authority.name ? authority : undefined;
}

const HOST: FlagType<string> = {
  name: "HOST",
  takes: "an address or name such as 127.0.0.1, ::1 or 0.0.0.0",
  parse: (host) => {
    const name = host.replace(/^\[(.*)\]$/, "$1");
    return askedHost(name.includes(":") ? `[${name}]` : name)?.name.replace(/^\[(.*)\]$/, "$1");
  },
};

const ALLOWED_HOST: FlagType<string> = {
  name: "HOST[:PORT]",
  takes: "a name with or without a port, such as mcp.example.com or 10.0.0.5:8765",
  parse: (host) => {
    const { name, port } = askedHost(host) ?? {};
    return port === undefined ? name : `${name}:${port}`;
  },
};

const ALLOWED_ORIGIN: FlagType<string> = {
  name: "ORIGIN",
  // Pages of any site can send null, from a frame in a sandbox.
  takes: "one origin, its scheme, host and port alone, such as http://localhost:6274 or " +
    "vscode-webview://0a1b, never null or *",
  parse: (origin) => canonicalOrigin(inAscii(origin)),
};

const ADDRESS_BLOCK: FlagType<string> = {
  name: "CIDR",
  takes: "an IP address or a block of them, such as 127.0.0.1, 10.0.0.0/8 or fd00::/8",
  parse: (text) => isAddressBlock(text) ? text : undefined,
};

const ENDPOINT_PATH: FlagType<string> = {
  name: "PATH",
  takes: "a path that begins with /",
  // No client asks for a path that its URL writes in another way.
  parse: (path) =>
    path.startsWith("/") && URL.parse(path, "http://host")?.pathname === path ? path : undefined,
};

const BIND: FlagType<SessionBind> = {
  name: "all|none|LIST",
  takes: `all, none, or a list of ${BINDS.join(",")}`,
  parse: parseBind,
};

const SESSION_NAME: FlagType<string> = {
  name: "NAME",
  takes: `a name of up to ${MAX_NAME_BYTES} bytes`,
  parse: (name) => isSessionName(name) ? name : undefined,
};

const MODES = oneOf("auto", "always", "never");
const HANDLES: FlagType<HandlesMode> = {
  ...MODES,
  // The flag took no value at first.
  parse: (text) => text === "true" ? "always" : text === "false" ? "never" : MODES.parse(text),
};

const HOUR_MS = 3_600_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: HOUR_MS,
  d: 24 * HOUR_MS,
};
// Beyond a hundred years a date may no longer be one.
const MAX_TTL_MS = 36_525 * 86_400_000;

const TTL: FlagType<number> = {
  name: "TIME",
  takes: "a time such as 90s, 30m, 12h or 7d",
  parse: (text) => parseTime(text, MAX_TTL_MS),
};

const DRAIN: FlagType<number> = {
  name: "TIME",
  takes: "a time of at most an hour, such as 5s or 1m",
  parse: (text) => parseTime(text, HOUR_MS),
};

function parseTime(text: string, mostMs: number): number | undefined {
  const [, number, unit] = /^(\d{1,12})([smhd])$/.exec(text) ?? [];
  const ms = Number(number) * (UNIT_MS[unit ?? ""] ?? NaN);
  return ms > 0 && ms <= mostMs ? ms : undefined;
}
