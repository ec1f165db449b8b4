/**
 * The server that a command is for, and connections to it.
 *
 * @module
 */

import denoConfig from "../../deno.json" with { type: "json" };
import { sessionCapability } from "../session/capability.ts";
import { sessionTitle } from "../session/session_requests.ts";
import { commandKey, redactUrl, serverKey } from "../jar/server_key.ts";
import type { Ask } from "../session/internal_requests.ts";
import { Client, ResultSchema, StreamableHTTPClientTransport, type Transport } from "../sdk.ts";
import { sendOnce } from "../connection/send_once.ts";
import { ServerProcess } from "../connection/server_process.ts";

/** A server, as the command line names it. */
export type Target =
  | {
    readonly kind: "http";
    readonly url: URL;
    readonly headers: readonly [name: string, value: string][];
  }
  | { readonly kind: "stdio"; readonly command: string; readonly args: readonly string[] };

/** What the jar files the server's cookies under; it has no secrets of a URL. */
export function nameOf(target: Target): string {
  return target.kind === "http"
    ? serverKey(target.url.href)
    : commandKey([target.command, ...target.args]);
}

/** A transport to the server that has not been started. */
export function transportTo(target: Target): Transport {
  if (target.kind === "http") {
    const requestInit = { headers: Object.fromEntries(target.headers) };
    return new StreamableHTTPClientTransport(target.url, { fetch: sendOnce, requestInit });
  }
  // It is started as the shell would start it: with what the user has in the environment.
  return new ServerProcess(target);
}

/**
 * Connects a client by a transport.
 *
 * @throws {Error} naming the server, if that fails.
 */
export async function connect(target: Target, transport: Transport): Promise<Client> {
  const client = new Client(INFO);
  try {
    await client.connect(transport);
    return client;
  } catch (cause) {
    await client.close().catch(() => {});
    const server = target.kind === "http" ? redactUrl(target.url.href) : target.command;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot connect to ${server}: ${reason}`, { cause });
  }
}

/**
 * A connection without a session of its own: to look at sessions must not make one.
 */
export class Plain implements AsyncDisposable {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Connects to the server. */
  static async to(target: Target): Promise<Plain> {
    return new Plain(await connect(target, transportTo(target)));
  }

  /** Asks the server for something and gives the result. */
  readonly ask: Ask = (method, params = {}) =>
    this.#client.request({ method, params }, ResultSchema);

  /** The title of a session that nobody has given one. */
  get title(): string {
    return sessionTitle(INFO, this.#client.getServerVersion());
  }

  /** Does the server offer this with sessions? */
  offers(feature: string): boolean {
    const capabilities = this.#client.getServerCapabilities();
    return sessionCapability({ capabilities })?.features.includes(feature) === true;
  }

  /** @throws {Error} if the server does not offer this. */
  need(feature: string): void {
    if (this.offers(feature)) return;
    throw new Error(`This server does not offer to ${feature} sessions (MCP session v2)`);
  }

  /** Ends the connection. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.close();
  }
}

const INFO = { name: "mcp-sessions", version: denoConfig.version };
