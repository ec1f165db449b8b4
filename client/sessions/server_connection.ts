/**
 * Connections to the server that a command is for.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { member } from "../../runtime/json.ts";
import denoConfig from "../../deno.json" with { type: "json" };
import { sessionCapability } from "../session/capability.ts";
import { sessionTitle } from "../session/session_requests.ts";
import { commandKey, redactUrl, serverKey } from "../jar/server_key.ts";
import type { Ask } from "../session/internal_requests.ts";
import { Client, ResultSchema, StreamableHTTPClientTransport, type Transport } from "../sdk.ts";
import { EraTransport } from "../era/era_transport.ts";
import { modernFetch } from "../era/modern_exchange.ts";
import { isOutcomeUnknown, NeverSentError } from "../connection/send_errors.ts";
import { sendOnce } from "../connection/send_once.ts";
import { ServerProcess } from "../connection/server_process.ts";

const CLIENT_INFO = { name: "mcp-sessions", version: denoConfig.version };

/** A server, as the command line names it. */
export type Target =
  | {
    readonly kind: "http";
    readonly url: URL;
    readonly headers: readonly [name: string, value: string][];
  }
  | { readonly kind: "stdio"; readonly command: string; readonly args: readonly string[] };

/** The server as the jar names it. Secrets of a URL are not in it. */
export function jarServer(target: Target): string {
  return target.kind === "http"
    ? serverKey(target.url.href)
    : commandKey([target.command, ...target.args]);
}

/** A new transport to the server, in the era that it prefers, not yet started. */
export function transportTo(target: Target): Transport {
  return new EraTransport(() => bareTransportTo(target), { prefers: "modern", listens: false });
}

function bareTransportTo(target: Target): Transport {
  if (target.kind === "http") {
    const requestInit = { headers: Object.fromEntries(target.headers) };
    const options = { fetch: modernFetch(sendOnce), requestInit };
    return new StreamableHTTPClientTransport(target.url, options);
  }
  // As a shell would start it, with the user's environment.
  return new ServerProcess(target);
}

/**
 * Connects a client by a transport.
 *
 * @throws {Error} If that fails, naming the server.
 */
export async function connect(target: Target, transport: Transport): Promise<Client> {
  const client = new Client(CLIENT_INFO);
  try {
    await client.connect(transport);
    return client;
  } catch (cause) {
    await client.close().catch(() => {});
    const server = target.kind === "http" ? redactUrl(target.url.href) : target.command;
    throw new Error(`Cannot connect to ${server}: ${reasonOf(target, cause)}`, { cause });
  }
}

/** Why there is no connection, and what to do about it where the server's own words do not say it. */
function reasonOf({ kind }: Target, cause: unknown): string {
  const message = messageOf(cause);
  // The last is the SDK's.
  const isClosed = cause instanceof NeverSentError || isOutcomeUnknown(cause) ||
    message.endsWith("Connection closed");
  if (kind === "stdio" && isClosed) {
    return "it ended before it answered: see what it wrote to stderr";
  }
  if (member(cause, "code") === 401) {
    return "it lets in nobody without a token that it knows: give one by --header " +
      "'Authorization: Bearer …'";
  }
  return message;
}

/** A connection without a session of its own: looking at sessions must not make one. */
export class SessionlessConnection implements AsyncDisposable {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  readonly ask: Ask = (method, params = {}) =>
    this.#client.request({ method, params }, ResultSchema);

  /** The title of a new session without a title of the user's. */
  get defaultTitle(): string {
    return sessionTitle(CLIENT_INFO, this.#client.getServerVersion());
  }

  offers(feature: string): boolean {
    const capabilities = this.#client.getServerCapabilities();
    return sessionCapability({ capabilities })?.features.includes(feature) === true;
  }

  /** @throws {Error} If the server's session capability does not have this feature. */
  require(feature: string): void {
    if (this.offers(feature)) return;
    throw new Error(`This server does not offer to ${feature} sessions (MCP session v2)`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.close();
  }
}
