/**
 * From a server's definition and a command line to a served server.
 *
 * @module
 */

import { asError } from "../../../runtime/errors.ts";
import { stopSignal } from "../../../runtime/stop_signal.ts";
import { within } from "../../../runtime/time_limit.ts";
import denoConfig from "../../../deno.json" with { type: "json" };
import { requireDeno } from "../../../runtime/deno_version.ts";
import { logToStderr } from "../../../runtime/log_to_stderr.ts";
import { WireError } from "../../../protocol/errors.ts";
import { defaultStoreUrl } from "../../../store/open.ts";
import { settleSizeLimit, surviveSizeLimit } from "../../../runtime/file_size_limit.ts";
import type { StoreLimits } from "../../../store/session_store.ts";
import type { SessionPolicy } from "../session/policy.ts";
import { once } from "../session/operator_advice.ts";
import type { Authenticator } from "../http/authentication.ts";
import { bindingOptions, type SessionBind } from "./bind_by.ts";
import { findObstacle } from "../handles/obstacle_check.ts";
import { sessionHandles } from "../handles/session_handles.ts";
import {
  type Command,
  type HandlesMode,
  helpText,
  type HttpSettings,
  parseFlags,
  UsageError,
} from "./flags.ts";
import { sessionLayer, type SessionLayerOptions } from "../session/session_layer.ts";
import type { RequestLimits } from "../http/request_quota.ts";
import { type Log, logger, type LogLevel, oneLine } from "../../../runtime/log.ts";
import { OpeningStore } from "./deferred_store.ts";
import type { McpServer, Transport } from "../sdk.ts";
import { StdioTransport } from "../stdio_transport.ts";

/** A session-aware server: what its sessions are for, and how to make one. */
export interface ServerDefinition {
  /** `serverInfo.name`: two servers on one store do not see each other's sessions. */
  readonly name: string;
  /** One line for `--help`. */
  readonly description: string;
  /** The policy of every tool that `tools` does not name. */
  readonly policy: SessionPolicy;
  /** The policies of single tools, by name. */
  readonly tools?: Readonly<Record<string, SessionPolicy>>;
  /**
   * What a call that presents no session is bound by, unless `--bind` says otherwise: `conversation`
   * and `environment`, `all` or `none`. @default "all"
   */
  readonly bind?: SessionBind;
  /**
   * To whom handles are offered, unless `--handles` says otherwise: `auto`, to callers that know no
   * sessions; `always`; `never`. @default "auto"
   */
  readonly handles?: HandlesMode;
  /** Makes the server with its tools. May be called more than once. */
  readonly create: () => McpServer;
  /** Tells whom an HTTP request comes from, in place of `--tokens`. @default nobody is asked */
  readonly authenticate?: Authenticator;
  /** What the server keeps and takes on at the most. */
  readonly limits?: Partial<StoreLimits & RequestLimits>;
}

/** The version that the servers of this project tell. */
export const VERSION: string = denoConfig.version;

// How long a stopping server waits for calls that are still running.
const GRACE_MS = 5000;
// How long the store is left closed for the first message to be answered before.
const FIRST_MESSAGE_MS = 100;

/**
 * Serves a server as the command line says, until its input ends or it is told to stop, and ends
 * the process: with 0, with 2 for a wrong flag, with 1 if it cannot serve.
 */
export async function serve(
  definition: ServerDefinition,
  args: readonly string[] = Deno.args,
): Promise<never> {
  requireDeno(definition.name);
  try {
    const command = parseFlags(args, definition.authenticate !== undefined);
    switch (command.kind) {
      case "help":
        console.log(helpText(definition, program()));
        break;
      case "version":
        console.log(VERSION);
        break;
      case "serve":
        await run(definition, command);
    }
    await settleSizeLimit();
    return Deno.exit(0);
  } catch (error) {
    console.error(`${definition.name}: ${oneLine(asError(error).message)}`);
    await settleSizeLimit();
    return Deno.exit(error instanceof UsageError ? 2 : 1);
  }
}

/** What was typed to start this process, as `--help` shows it. */
function program(): string {
  if (Deno.build.standalone) return Deno.execPath();
  return `deno run -A ${new URL(Deno.mainModule).pathname.split("/").slice(-2).join("/")}`;
}

async function run(
  definition: ServerDefinition,
  command: Command & { readonly kind: "serve" },
): Promise<void> {
  const { name, policy, tools, bind = "all", limits } = definition;
  const handles = command.handles ?? definition.handles ?? "auto";
  const local = command.http === undefined;
  const log = logger(name, command.logLevel);
  surviveSizeLimit();
  // A server that is told of a store needs no leave to read the environment.
  const url = command.store ?? (Deno.env.get("MCP_SESSIONS_STORE") || defaultStoreUrl(name));
  const source = command.store !== undefined ? "--store" : "MCP_SESSIONS_STORE";
  await using store = new OpeningStore(url, source, {
    namespace: name,
    limits,
    warn: (message) => log("warn", message),
  });
  log("info", `sessions are kept in ${url}`);
  const layer: SessionLayerOptions = {
    store,
    policy,
    ...(tools && { tools }),
    ttlMs: command.ttlMs,
    local,
    ...bindingOptions({ ...command, bind: command.bind ?? bind, local }),
    // Each connection has a layer of its own.
    advise: once(log),
  };
  const obstacle = handles === "always" ? await findObstacle(definition.create()) : undefined;
  if (obstacle !== undefined) throw new UsageError(`--handles cannot be used as ${obstacle}`);
  const connect = async (transport: Transport): Promise<McpServer> => {
    const server = definition.create();
    server.server.onerror = (error) => log(levelOf(error), error.message);
    const opened = handles === "never" ? transport : sessionHandles(transport, { offer: handles });
    await server.connect(sessionLayer(opened, layer));
    return server;
  };
  if (command.http === undefined) {
    await serveStdio(connect, name, store);
  } else {
    await store.opened();
    await serveHttp(connect, definition, command.http, log);
  }
  log("info", "stopped");
}

type Connect = (transport: Transport) => Promise<McpServer>;

async function serveStdio(connect: Connect, name: string, store: OpeningStore): Promise<void> {
  // Standard output belongs to the protocol: a tool that logs must not break it.
  logToStderr();
  if (Deno.stdin.isTerminal()) {
    console.error(
      `${name} speaks MCP over standard input and output: start it from an MCP client, or see ` +
        "--help. Ctrl-D ends it.",
    );
  }
  const stop = stopSignal("SIGHUP");
  const transport = new StdioTransport({
    readable: Deno.stdin.readable,
    writable: Deno.stdout.writable,
  });
  const server = await connect(transport);
  // The first message goes first: a host that waits for the answer does not wait for the store.
  const opened = within(FIRST_MESSAGE_MS, transport.heard).then(() => store.opened());
  await Promise.race([opened.then(() => transport.ended), stop]);
  await within(GRACE_MS, transport.drained());
  await server.close();
}

async function serveHttp(
  connect: Connect,
  { name, authenticate, limits }: ServerDefinition,
  settings: HttpSettings,
  log: Log,
): Promise<void> {
  const stop = stopSignal("SIGHUP");
  // A server on stdio has no use for any of it.
  const { listen } = await import("../http/http_server.ts");
  const onerror = (error: Error) => log("error", error.message);
  const warn = (message: string) => log("warn", message);
  const onforbidden = (reason: string) => log("info", reason);
  const options = { connect, authenticate, limits, onerror, onforbidden, warn };
  const listener = await listen(settings, options);
  console.error(`${name} listening on ${listener.url}`);
  await stop;
  await within(GRACE_MS, listener.close());
}

/** A client's mistakes must not fill the log; a store that fails is for whoever runs the server. */
function levelOf(error: Error): LogLevel {
  return error.constructor === Error || error instanceof WireError ? "info" : "error";
}
