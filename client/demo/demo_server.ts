/**
 * The servers that the demo talks to: real processes that it starts, kills and starts again, or one
 * that is already running somewhere.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { HOST_SESSION_VARIABLES } from "../../protocol/host_conversations.ts";
import { startProcess } from "../connection/child_processes.ts";
import { StreamableHTTPClientTransport, type Transport } from "../sdk.ts";
import { sendOnce } from "../connection/send_once.ts";
import { StdioClientTransport } from "../sdk_stdio.ts";

/** The servers of this project, by their files. */
export const SERVERS = ["session_required", "notebook", "hashcheck", "session"] as const;
/** A server of this project. */
export type ServerName = (typeof SERVERS)[number];

/** A server, and how to reach it. */
export interface DemoServer extends AsyncDisposable {
  /** Its file and flags in short, or its URL. */
  readonly name: string;
  /** The whole command that started it, or its URL. */
  readonly command: string;
  /** All that its processes have written to stderr; empty for a foreign one. */
  readonly stderr: () => string;
  /** Makes a transport to it that has not been started. */
  connect(): Transport;
  /** Kills the server's process with SIGKILL and starts it again; not there for a foreign one. */
  readonly restart: (() => Promise<void>) | undefined;
}

/** Options of a server that is started. */
export interface StartOptions {
  /** The URL of its store. */
  readonly store: string;
  /** Further flags. */
  readonly flags?: readonly string[];
}

/** A server behind a URL, which the demo neither starts nor stops. */
export function running(url: string): DemoServer {
  return {
    name: url,
    command: url,
    stderr: () => "",
    connect: () => new StreamableHTTPClientTransport(new URL(url), { fetch: sendOnce }),
    restart: undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A server over stdio: each connection starts a process of its own. */
export function overStdio(server: ServerName, options: StartOptions): DemoServer {
  const args = commandLine(server, options);
  const started = new Set<StdioClientTransport>();
  const decoder = new TextDecoder();
  let said = "";
  return {
    name: nameOf(server, options),
    command: shown(args),
    stderr: () => said,
    connect: () => {
      const transport = new StdioClientTransport({
        command: Deno.execPath(),
        args,
        env: environment(),
        stderr: "pipe",
      });
      transport.stderr?.on("data", (bytes: Uint8Array) => {
        const text = decoder.decode(bytes, { stream: true });
        said += text;
        console.error(text.trimEnd());
      });
      started.add(transport);
      return transport;
    },
    restart: async () => {
      const gone = [...started].filter(({ pid }) => pid !== null).map((transport) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        const { onclose } = transport;
        transport.onclose = () => {
          onclose?.();
          resolve();
        };
        Deno.kill(transport.pid ?? 0, "SIGKILL");
        return promise;
      });
      started.clear();
      await Promise.all(gone);
    },
    [Symbol.asyncDispose]: async () => {
      for (const transport of started) await transport.close();
    },
  };
}

/** A server over Streamable HTTP, on a port of its own choice that it keeps over a restart. */
export async function overHttp(server: ServerName, options: StartOptions): Promise<DemoServer> {
  const args = (port: string) => [
    ...commandLine(server, options),
    "--transport",
    "streamable-http",
    "--port",
    port,
  ];
  let said = "";
  const onstderr = (text: string) => said += text;
  let { process, url } = await listening(args("0"), onstderr);
  const { port } = new URL(url);
  const kill = async () => {
    process.kill("SIGKILL");
    await process.status;
  };
  return {
    name: `${nameOf(server, options)}, port ${port}`,
    command: shown(args(port)),
    stderr: () => said,
    connect: () => new StreamableHTTPClientTransport(new URL(url), { fetch: sendOnce }),
    restart: async () => {
      await kill();
      ({ process, url } = await listening(args(port), onstderr));
    },
    [Symbol.asyncDispose]: kill,
  };
}

function commandLine(server: ServerName, { store, flags = [] }: StartOptions): string[] {
  const script = fileURLToPath(new URL(`../../servers/${server}.ts`, import.meta.url));
  return ["run", "-A", script, "--store", store, ...flags];
}

function nameOf(server: ServerName, { flags = [] }: StartOptions): string {
  return [`servers/${server}.ts`, ...flags].join(" ");
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
async function listening(
  args: string[],
  onstderr: (text: string) => void,
): Promise<{ process: Deno.ChildProcess; url: string }> {
  const process = startProcess(Deno.execPath(), {
    args,
    clearEnv: true,
    env: environment(),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  let said = "";
  const stderr = process.stderr.pipeThrough(new TextDecoderStream());
  for await (const text of stderr.values({ preventCancel: true })) {
    said += text;
    onstderr(text);
    const url = /listening on (http:\S+)\n/.exec(said)?.[1];
    if (url === undefined) continue;
    // Read on, so that the server never waits for somebody to do so.
    void stderr.pipeTo(new WritableStream({ write: onstderr })).catch(() => {});
    return { process, url };
  }
  const { code } = await process.status;
  throw new Error(`The server ended with status ${code} before it listened: ${said.trim()}`);
}
