/**
 * The bridge: gives an MCP host without sessions the sessions of a server.
 *
 *     deno run -A client/bridge.ts --url http://127.0.0.1:8765/mcp
 *     deno run -A client/bridge.ts -- deno run -A servers/notebook.ts
 *
 * @module
 */

import { requireDeno } from "../runtime/deno_version.ts";
import { readCommandLine } from "../runtime/flags.ts";
import { logToStderr } from "../runtime/terminal/log_to_stderr.ts";
import { conversationKeys } from "../protocol/host_conversations.ts";
import { sha256 } from "../runtime/sha256.ts";
import { ConversationSessions } from "./bridge/conversation_sessions.ts";
import { type Behind, BRIDGE, type Settings, settingsOf } from "./bridge/flags.ts";
import type { ListingJar } from "./bridge/handle_jar.ts";
import { EraHost } from "./bridge/era/era_host.ts";
import { Host } from "./bridge/host_connection.ts";
import { type Log, logger } from "../runtime/log.ts";
import { Relay } from "./bridge/relay.ts";
import { messageOf } from "../runtime/errors.ts";
import { MemoryJar } from "./jar/cookie_jar.ts";
import { defaultJarPath, FileJar, settleSizeLimit, surviveSizeLimit } from "./jar/file_jar.ts";
import { commandKey } from "./jar/server_key.ts";
import type { ConnectTransport } from "./connection/reconnecting_transport.ts";
import { terminateAll } from "./connection/child_processes.ts";
import { stopSignal } from "../runtime/stop_signal.ts";
import { StreamableHTTPClientTransport } from "./sdk.ts";
import { modernFetch } from "./era/modern_exchange.ts";
import { sendPaced } from "./connection/send_once.ts";
import { ServerProcess } from "./connection/server_process.ts";

/** Connects to a server, and names it: for the jar, with its user, and for people. */
function target(
  behind: Behind,
  room: () => Promise<void>,
): { connect: ConnectTransport; server: string; user: string; shown: string } {
  if (behind.kind === "url") {
    const { url, headers } = behind;
    const paced = (url: string | URL, init?: RequestInit) => sendPaced(url, init, room);
    const options = { fetch: modernFetch(paced), requestInit: { headers: [...headers] } };
    return {
      connect: () => new StreamableHTTPClientTransport(url, options),
      server: url.href,
      user: userOf(headers),
      shown: `${url.origin}${url.pathname}`,
    };
  }
  const { command, args } = behind;
  return {
    // The server gets the host's environment.
    connect: () => new ServerProcess({ command, args, room }),
    server: commandKey([command, ...args]),
    user: "",
    shown: command,
  };
}

/** Tells apart users of one server by a hash of their headers, as the jar holds no secrets. */
function userOf(headers: readonly (readonly [string, string])[]): string {
  if (headers.length === 0) return "";
  const named = headers.map(([name, value]) => [name.toLowerCase(), value]).sort();
  return sha256(JSON.stringify(named)).slice(0, 16);
}

/** The jar that all clients of the local user share, or else one in memory. */
async function openJar(log: Log): Promise<ListingJar & Partial<AsyncDisposable>> {
  try {
    return await FileJar.open(defaultJarPath(), { warn: (message) => log("warn", message) });
  } catch (error) {
    log("warn", `sessions will not be found again after this process: ${messageOf(error)}`);
    return new MemoryJar();
  }
}

async function main(settings: Settings): Promise<number> {
  // Standard output belongs to the protocol.
  logToStderr();
  if (Deno.stdin.isTerminal()) {
    console.error("bridge: an MCP host starts this and talks to it; see --help. Ctrl-D ends it.");
  }
  surviveSizeLimit();
  const log = logger("bridge", settings["log-level"]);
  const { readable } = Deno.stdin;
  const { writable } = Deno.stdout;
  const host = new Host({ readable, writable, stray: (message) => log("info", message) });
  const { connect, server, user, shown } = target(settings.behind, () => host.room());
  const jar = await openJar(log);
  const keys = conversationKeys(settings["conversation-key"]);
  const { session, "per-process": perProcess } = settings;
  const options = { jar, server, user, keys, name: session, perProcess, log };
  const conversations = new ConversationSessions(options);
  const handles = session === undefined && !perProcess ? { jar, server, user } : undefined;
  const relay = new Relay({
    host: new EraHost(host),
    connect,
    server: shown,
    session,
    conversations,
    handles,
    log,
  });
  const stop = stopSignal().then(() => {
    if (!host.ended) return;
    // After the end of its input, a host's next signal would be SIGKILL.
    relay.hurry();
    void terminateAll();
  });
  const served = await relay.run(stop);
  await jar[Symbol.asyncDispose]?.();
  await settleSizeLimit();
  return served ? 0 : 1;
}

if (import.meta.main) {
  requireDeno("bridge");
  const settings = readCommandLine(BRIDGE, settingsOf);
  try {
    Deno.exit(await main(settings));
  } catch (error) {
    console.error(`bridge: ${messageOf(error)}`);
    Deno.exit(1);
  }
}
