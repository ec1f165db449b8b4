/**
 * The servers that the demo talks to: real processes that it starts, kills and starts again, or one
 * that is already running somewhere.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { HOST_SESSION_VARIABLES } from "../../protocol/conversation.ts";
import { startProcess } from "../connection/child_processes.ts";
import { StreamableHTTPClientTransport, type Transport } from "../sdk.ts";
import { sendOnce } from "../connection/send_once.ts";
import { StdioClientTransport } from "../sdk_stdio.ts";

/** The servers of this project, by their files. */
export const SERVERS = ["session_required", "notebook", "hashcheck", "session"] as const;
/** A server of this project. */
export type ServerName = (typeof SERVERS)[number];

/** A server, and how to reach it. */
export interface Target extends AsyncDisposable {
  /** How it was reached, for people. */
  readonly how: string;
  /** Makes a transport to it that has not been started. */
  connect(): Transport;
  /** Kills the server's process with SIGKILL and starts it again; not there for a foreign one. */
  readonly restart: (() => Promise<void>) | undefined;
}

/** What a server is started with. */
export interface StartOptions {
  /** The URL of its store. */
  readonly store: string;
  /** Further flags. */
  readonly flags?: readonly string[];
}

/** A server behind a URL, which the demo neither starts nor stops. */
export function running(url: string): Target {
  return {
    how: url,
    connect: () => new StreamableHTTPClientTransport(new URL(url), { fetch: sendOnce }),
    restart: undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A server over stdio: each connection starts a process of its own. */
export function overStdio(server: ServerName, options: StartOptions): Target {
  const args = commandLine(server, options);
  const started = new Set<StdioClientTransport>();
  return {
    how: shown(args),
    connect: () => {
      const transport = new StdioClientTransport({
        command: Deno.execPath(),
        args,
        env: environment(),
        stderr: "inherit",
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
export async function overHttp(server: ServerName, options: StartOptions): Promise<Target> {
  const args = (port: string) => [
    ...commandLine(server, options),
    "--transport",
    "streamable-http",
    "--port",
    port,
  ];
  let { process, url } = await listening(args("0"));
  const { port } = new URL(url);
  const kill = async () => {
    process.kill("SIGKILL");
    await process.status;
  };
  return {
    how: shown(args(port)),
    connect: () => new StreamableHTTPClientTransport(new URL(url), { fetch: sendOnce }),
    restart: async () => {
      await kill();
      ({ process, url } = await listening(args(port)));
    },
    [Symbol.asyncDispose]: kill,
  };
}

function commandLine(server: ServerName, { store, flags = [] }: StartOptions): string[] {
  const script = fileURLToPath(new URL(`../../servers/${server}.ts`, import.meta.url));
  return ["run", "-A", script, "--store", store, ...flags];
}

/** The command as a person would type it in the project's folder. */
function shown(args: readonly string[]): string {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  return `deno ${args.join(" ").replaceAll(root, "")}`;
}

/** This process's environment, without what would change which session a server uses. */
function environment(): Record<string, string> {
  const environment = Deno.env.toObject();
  for (const name of ["MCP_SESSIONS_STORE", ...HOST_SESSION_VARIABLES]) delete environment[name];
  return environment;
}

/** Starts a server and waits until it tells on stderr where it listens. */
async function listening(args: string[]): Promise<{ process: Deno.ChildProcess; url: string }> {
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
    const url = /listening on (http:\S+)\n/.exec(said)?.[1];
    if (url === undefined) continue;
    // Read on, so that the server never waits for somebody to do so.
    void stderr.pipeTo(new WritableStream()).catch(() => {});
    return { process, url };
  }
  const { code } = await process.status;
  throw new Error(`The server ended with status ${code} before it listened: ${said.trim()}`);
}
