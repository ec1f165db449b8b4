/**
 * The servers that the demo talks to: real processes that it starts, kills and starts again, or one
 * that is already running somewhere.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { HOST_SESSION_VARIABLES } from "../../protocol/host_conversations.ts";
import { startProcess } from "../connection/child_processes.ts";
import { EraTransport } from "../era/era_transport.ts";
import { modernFetch } from "../era/modern_exchange.ts";
import { StreamableHTTPClientTransport, type Transport } from "../sdk.ts";
import { sendOnce } from "../connection/send_once.ts";
import { StdioClientTransport } from "../sdk_stdio.ts";

export const SERVERS = ["session_required", "notebook", "hashcheck", "session"] as const;
export type ServerName = (typeof SERVERS)[number];
export type TransportName = "stdio" | "http";

/** A server, and how to reach it. */
export interface DemoServer extends AsyncDisposable {
  /** Its file and flags in short, or its URL. */
  readonly name: string;
  /** The whole command that started it, or its URL. */
  readonly command: string;
  /** All that its processes have written to stderr; empty for a foreign one. */
  readonly stderr: () => string;
  readonly connect: () => Transport;
  /** Kills the server's process with SIGKILL and starts it again; not there for a foreign one. */
  readonly restart?: () => Promise<void>;
}

/** A server behind a URL, which the demo neither starts nor stops. */
export function running(url: string): DemoServer {
  return {
    name: url,
    command: url,
    stderr: () => "",
    connect: () => {
      const options = { fetch: modernFetch(sendOnce) };
      return inItsEra(new StreamableHTTPClientTransport(new URL(url), options));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A transport to a server that may speak the modern era alone. */
function inItsEra(transport: Transport): Transport {
  return new EraTransport(() => transport, { prefers: "legacy", listens: false });
}

export async function startServer(
  server: ServerName,
  transport: TransportName,
  store: string,
  flags: readonly string[],
): Promise<DemoServer> {
  const script = fileURLToPath(new URL(`../../servers/${server}.ts`, import.meta.url));
  const args = ["run", "-A", script, "--store", store, ...flags];
  const name = [`servers/${server}.ts`, ...flags].join(" ");
  return transport === "stdio" ? overStdio(name, args) : await overHttp(name, args);
}

/** A server over stdio: each connection starts a process of its own. */
function overStdio(name: string, args: string[]): DemoServer {
  const started = new Set<StdioClientTransport>();
  const decoder = new TextDecoder();
  let said = "";
  return {
    name,
    command: shown(args),
    stderr: () => said,
    connect: () => {
      const [command, env] = [Deno.execPath(), environment()];
      const transport = new StdioClientTransport({ command, args, env, stderr: "pipe" });
      transport.stderr?.on("data", (bytes: Uint8Array) => {
        const text = decoder.decode(bytes, { stream: true });
        said += text;
        console.error(text.trimEnd());
      });
      started.add(transport);
      return inItsEra(transport);
    },
    restart: async () => {
      for (const transport of started) {
        if (transport.pid !== null) Deno.kill(transport.pid, "SIGKILL");
        await transport.close();
      }
      started.clear();
    },
    [Symbol.asyncDispose]: async () => {
      for (const transport of started) await transport.close();
    },
  };
}

/** A server over Streamable HTTP, on a port of its own choice that it keeps over a restart. */
async function overHttp(name: string, args: readonly string[]): Promise<DemoServer> {
  const onPort = (port: string) => [...args, "--transport", "streamable-http", "--port", port];
  let said = "";
  const onstderr = (text: string) => said += text;
  let { process, url } = await listening(onPort("0"), onstderr);
  const { port } = new URL(url);
  const kill = async () => {
    process.kill("SIGKILL");
    await process.status;
  };
  return {
    ...running(url),
    name: `${name}, port ${port}`,
    command: shown(onPort(port)),
    stderr: () => said,
    restart: async () => {
      await kill();
      ({ process, url } = await listening(onPort(port), onstderr));
    },
    [Symbol.asyncDispose]: kill,
  };
}

/** The command as a person would type it in the project's folder. */
function shown(args: readonly string[]): string {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  return `deno ${args.join(" ").replaceAll(root, "")}`;
}

/** This process's environment, without what changes the sessions of a server, or colors its stderr. */
function environment(): Record<string, string> {
  const environment: Record<string, string> = { ...Deno.env.toObject(), NO_COLOR: "1" };
  for (const name of ["MCP_SESSIONS_STORE", "FORCE_COLOR", ...HOST_SESSION_VARIABLES]) {
    delete environment[name];
  }
  return environment;
}

/** Starts a server and waits until it tells on stderr where it listens. */
async function listening(args: string[], onstderr: (text: string) => void) {
  const process = startProcess(Deno.execPath(), {
    args,
    clearEnv: true,
    env: environment(),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = "";
  const write = (text: string) => {
    onstderr(text);
    said += text;
    const url = /listening on (http:\S+)\n/.exec(said)?.[1];
    if (url !== undefined) resolve(url);
  };
  void process.stderr.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write }))
    .catch(() => {})
    .then(() => process.status)
    .then(({ code }) =>
      reject(new Error(`The server ended with status ${code} before it listened: ${said.trim()}`))
    );
  return { process, url: await promise };
}
