/**
 * Streamable HTTP with the SDK's own transport and its `Mcp-Session-Id`: for servers that send
 * requests to their clients. The transport's sessions die with the process; ours do not.
 *
 * @module
 */

import { readPost, refuse } from "./http.ts";
import {
  type AuthInfo,
  type McpServer,
  type Transport,
  WebStandardStreamableHTTPServerTransport as SdkTransport,
} from "./sdk.ts";

/** Serves Streamable HTTP with one server for each transport session. */
export class StatefulHttpServer {
  readonly #sessions = new Map<string, SdkTransport>();
  readonly #connect: (transport: Transport) => Promise<McpServer>;

  /** Takes what connects a new server to a new transport, through the session layer. */
  constructor(connect: (transport: Transport) => Promise<McpServer>) {
    this.#connect = connect;
  }

  /** Answers one HTTP request, on behalf of the caller that `authInfo` describes. */
  async fetch(request: Request, authInfo?: AuthInfo): Promise<Response> {
    const id = request.headers.get("mcp-session-id");
    const transport = id === null ? await this.#open() : this.#sessions.get(id);
    if (transport === undefined) {
      await request.body?.cancel();
      return refuse(404, "Transport session not found: send initialize without Mcp-Session-Id");
    }
    // Read as the stateless transport does, so that both refuse the same things in the same way.
    const message = request.method === "POST" ? await readPost(request) : undefined;
    const response = message instanceof Response
      ? message
      : await transport.handleRequest(request, {
        ...(authInfo && { authInfo }),
        ...(message && { parsedBody: message }),
      });
    // Only an initialize opens a transport session; anything else was refused.
    if (transport.sessionId === undefined) await transport.close();
    return response;
  }

  /** Ends the streams that wait for a server to speak: they would keep it from ever stopping. */
  endStandaloneStreams(): void {
    for (const transport of this.#sessions.values()) transport.closeStandaloneSSEStream();
  }

  /** Closes every transport session. */
  async close(): Promise<void> {
    for (const transport of [...this.#sessions.values()]) await transport.close();
  }

  async #open(): Promise<SdkTransport> {
    const transport = new SdkTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void this.#sessions.set(id, transport),
    });
    await this.#connect(transport);
    const { onclose } = transport;
    transport.onclose = () => {
      if (transport.sessionId !== undefined) this.#sessions.delete(transport.sessionId);
      onclose?.();
    };
    return transport;
  }
}
