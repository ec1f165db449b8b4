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
import { logToStderr } from "../../../runtime/terminal/log_to_stderr.ts";
import { WireError } from "../../../protocol/errors.ts";
import { defaultStoreUrl } from "../../../store/open.ts";
import { shownUrl } from "../../../store/store_url.ts";
import { settleSizeLimit, surviveSizeLimit } from "../../../runtime/file_size_limit.ts";
import type { StoreLimits } from "../../../store/session_store.ts";
import type { SessionPolicy } from "../session/policy.ts";
import { once } from "../session/operator_advice.ts";
import type { Authenticator } from "../http/guard/authentication.ts";
import { bindingOptions, type SessionBind } from "./binding_options.ts";
import { findObstacle } from "../handles/obstacle_check.ts";
import type { HandlesMode } from "../handles/session_handles.ts";
import { UsageError } from "../../../runtime/flags.ts";
import { givenKeys } from "./key_options.ts";
import { type Reloadable, reloadOnHangup } from "./reload.ts";
import { type Command, readFlags } from "./flags.ts";
import type { Observer } from "../observer/observer.ts";
import { endObservations } from "../observer/observer_layer.ts";
import { sessionLayer, type SessionLayerOptions } from "../session/session_layer.ts";
import type { HttpSettings } from "../http/http_server.ts";
import type { RequestLimits } from "../http/request_quota.ts";
import { type Log, type LogFormat, logger, type LogLevel, oneLine } from "../../../runtime/log.ts";
import { DeferredStore } from "./deferred_store.ts";
import { auditLogAt, observerOf } from "./observers.ts";
import { spareResponseChecks } from "./sdk_response_checks.ts";
import type { ConnectableServer } from "../connectable_server.ts";
import type { Transport } from "../sdk.ts";
import { StdioTransport } from "../stdio_transport.ts";

/** The definition of a session-aware server. */
export interface ServerDefinition {
  /** `serverInfo.name`; servers of different names on one store do not see each other's sessions. */
  readonly name: string;
  /** One line for `--help`. */
  readonly description: string;
  /** The policy of every tool that `tools` does not name. */
  readonly policy: SessionPolicy;
  /** The policies of single tools, by name. */
  readonly tools?: Readonly<Record<string, SessionPolicy>>;
  /**
   * The bindings of calls that present no session, unless `--bind` says otherwise: `conversation` and
   * `environment`, `all` or `none`. @default "all"
   */
  readonly bind?: SessionBind;
  /**
   * The callers to whom handles are offered, unless `--handles` says otherwise: `auto`, callers that
   * know no sessions; `always`; `never`. @default "auto"
   */
  readonly handles?: HandlesMode;
  /** Makes the server with its tools, by SDK 1 or SDK 2. May be called more than once. */
  readonly create: () => ConnectableServer;
  /** Finds the caller of an HTTP request, in place of `--tokens`. @default all callers are anonymous */
  readonly authenticate?: Authenticator;
  /**
   * Told of every request (`request`), of the lives of sessions (`session`) and of HTTP requests that are
   * refused (`refused`), beside what the command line asks for (`--log-level info`, `--audit`) and
   * OpenTelemetry. @default nothing else observes the server
   */
  readonly observer?: Observer;
  /** Limits of the store and of HTTP requests. */
  readonly limits?: Partial<StoreLimits & RequestLimits>;
}

/** The version of this package, and of its servers. */
export const VERSION: string = denoConfig.version;

/** The time that a stopping server gives to pending calls. */
const GRACE_MS = 5000;
/** The time for which opening the store waits for the first message. */
const FIRST_MESSAGE_MS = 100;

/**
 * Serves a server as the command line says, until its input ends or a signal stops it. Then ends the
 * process: with status 0, with 2 for a wrong flag, with 1 if serving fails.
 */
export async function serve(
  definition: ServerDefinition,
  args: readonly string[] = Deno.args,
): Promise<never> {
  requireDeno(definition.name);
  let logFormat: LogFormat = "text";
  try {
    const command = readFlags(definition, VERSION, args);
    if (command.kind === "serve") {
      logFormat = command.logFormat;
      await run(definition, command);
    } else console.log(command.text);
    await settleSizeLimit();
    return Deno.exit(0);
  } catch (error) {
    const message = oneLine(asError(error).message);
    say(definition.name, logFormat, "error", message, ": ");
    await settleSizeLimit();
    return Deno.exit(error instanceof UsageError ? 2 : 1);
  }
}

/** Says what is said at every level: as text in its own words, as JSON like any line of the log. */
function say(
  name: string,
  format: LogFormat,
  level: LogLevel,
  message: string,
  separator: string,
): void {
  if (format === "text") console.error(`${name}${separator}${message}`);
  else logger(name, level, format)(level, message);
}

async function run(
  definition: ServerDefinition,
  command: Command & { readonly kind: "serve" },
): Promise<void> {
  const { name, policy, tools, bind = "all", limits } = definition;
  const handles = command.handles ?? definition.handles ?? "auto";
  const local = command.http === undefined;
  const log = logger(name, command.logLevel, command.logFormat);
  surviveSizeLimit();
  spareResponseChecks();
  // With --store, the server needs no permission to read the environment.
  const url = command.store ?? (Deno.env.get("MCP_SESSIONS_STORE") || defaultStoreUrl(name));
  const source = command.store !== undefined ? "--store" : "MCP_SESSIONS_STORE";
  await using store = await DeferredStore.prepare(url, source, {
    namespace: name,
    limits,
    warn: (message) => log("warn", message),
  });
  log("info", `sessions are kept in ${shownUrl(url)}`);
  using audit = command.audit === undefined
    ? undefined
    : await auditLogAt(command.audit, { store: url, tokens: command.http?.tokens }, {
      server: name,
      log,
    });
  const observer = await observerOf([definition.observer, audit], command.logLevel, log);
  const layer: SessionLayerOptions = {
    store,
    policy,
    ...(tools && { tools }),
    ttlMs: command.ttlMs,
    maxAgeMs: command.maxAgeMs,
    local,
    handles,
    era: command.era,
    keys: givenKeys(),
    ...bindingOptions({ ...command, bind: command.bind ?? bind, local }),
    // Shared, as each transport session has a layer of its own.
    advise: once(log),
    observer,
  };
  const obstacle = handles === "always" ? await findObstacle(definition.create()) : undefined;
  if (obstacle !== undefined) throw new UsageError(`--handles cannot be used as ${obstacle}`);
  const connect = async (transport: Transport): Promise<ConnectableServer> => {
    const server = definition.create();
    server.server.onerror = (error) => log(levelOf(error), error.message);
    await server.connect(sessionLayer(transport, layer));
    return server;
  };
  if (command.http === undefined) {
    await serveStdio(connect, name, store);
  } else {
    await store.opened();
    const reloadables: Reloadable[] = audit === undefined || command.audit === "-" ? [] : [{
      done: "audit log reopened",
      failed: "the audit log's file stays as it was",
      reload: () => Promise.try(() => audit.reopen()),
    }];
    const onlisten = (url: string) =>
      say(name, command.logFormat, "info", `listening on ${url}`, " ");
    const context = { store, observer, reloadables, log, onlisten };
    await serveHttp(connect, definition, command.http, context);
  }
  log("info", "stopped");
}

type Connect = (transport: Transport) => Promise<ConnectableServer>;

async function serveStdio(connect: Connect, name: string, store: DeferredStore): Promise<void> {
  // Stdout belongs to the protocol: a tool that logs must not break it.
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
  // The first message goes first: a host that waits for `initialize` does not wait for the store.
  const opened = within(FIRST_MESSAGE_MS, transport.firstMessage).then(() => store.opened());
  await Promise.race([opened.then(() => transport.ended), stop]);
  await within(GRACE_MS, transport.stop());
  await server.close();
}

interface HttpContext {
  readonly store: DeferredStore;
  readonly observer: Observer | undefined;
  readonly reloadables: readonly Reloadable[];
  readonly log: Log;
  readonly onlisten: (url: string) => void;
}

async function serveHttp(
  connect: Connect,
  { authenticate, limits }: ServerDefinition,
  settings: HttpSettings,
  { store, observer, reloadables, log, onlisten }: HttpContext,
): Promise<void> {
  const stop = stopSignal("SIGHUP");
  // Loaded on demand, so that a start on stdio is quick.
  const { startHttpServer } = await import("../http/http_server.ts");
  const onerror = (error: Error) => log("error", error.message);
  const warn = (message: string) => log("warn", message);
  const onforbidden = (reason: string) => log("info", reason);
  const options = { connect, authenticate, limits, store, onerror, onforbidden, observer, warn };
  const server = await startHttpServer(settings, options);
  const { tokens } = server;
  const ofTokens = tokens && {
    done: "tokens reloaded",
    failed: "tokens stay as they were",
    reload: () => tokens.reload(),
  };
  reloadOnHangup([...reloadables, ...(ofTokens ? [ofTokens] : [])], log);
  onlisten(server.url);
  await stop;
  await server.drain();
  await within(GRACE_MS, server.close());
  // Calls that go on past that end with the process.
  if (observer !== undefined) endObservations(observer);
}

/** Mistakes of clients are `info`, so that they do not fill the log; failures here are `error`. */
function levelOf(error: Error): LogLevel {
  return error.constructor === Error || error instanceof WireError ? "info" : "error";
}
