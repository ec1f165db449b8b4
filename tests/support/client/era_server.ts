/** A server of either era behind transports in this process, and a client that writes its own messages. */

import { assert } from "@std/assert";
import {
  type SessionEvent,
  type SessionTransport,
  withSession,
  type WithSessionOptions,
} from "../../../client/mod.ts";
import type {
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  Sdk2Transport,
  TransportSendOptions,
} from "../../../client/sdk.ts";

export const EXTENSION = "io.github.mcp-sessions/session";
export const CAPABILITY = { version: 2, features: ["create", "list", "delete"] };

const CLIENT = { name: "client", version: "1" };
/** The `_meta` of each request of the modern client. */
export const ENVELOPE = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": CLIENT,
  "io.modelcontextprotocol/clientCapabilities": { roots: {} },
};
/** The `_meta` of each request that the layer sends to a server with sessions. */
export const DECLARING = {
  ...ENVELOPE,
  "io.modelcontextprotocol/clientCapabilities": {
    roots: {},
    extensions: { [EXTENSION]: CAPABILITY },
  },
};

interface Behaviour {
  readonly era?: "both" | "legacy" | "modern";
  /** The capability; `undefined` for a server without sessions. */
  readonly capability?: object | undefined;
  readonly hasPerRequestStream?: boolean;
  /** An answer in place of the server's own; `"hold"` for none. */
  readonly answer?: (
    request: JSONRPCRequest,
  ) => { result: object } | { error: object } | "hold" | undefined;
}

/** A request or notification as the server has received it. */
export interface Received {
  readonly connection: number;
  readonly message: JSONRPCRequest | JSONRPCNotification;
  readonly options: TransportSendOptions | undefined;
}

export class EraServer {
  readonly received: Received[] = [];
  readonly sessions = new Set<string>();
  connections = 0;
  /** The transport of the last connection. */
  transport: Sdk2Transport | undefined;
  readonly #behaviour: Behaviour;

  constructor(behaviour: Behaviour = {}) {
    this.#behaviour = { era: "both", capability: CAPABILITY, ...behaviour };
  }

  readonly connect = (): Sdk2Transport => {
    const connection = ++this.connections;
    const { hasPerRequestStream } = this.#behaviour;
    const transport: Sdk2Transport = {
      ...(hasPerRequestStream && { hasPerRequestStream }),
      start: () => Promise.resolve(),
      close: () => Promise.resolve(transport.onclose?.()),
      send: (message, options) => Promise.resolve(this.#take(connection, message, options)),
    };
    this.transport = transport;
    return transport;
  };

  /** Breaks the connection, as the end of a process does. */
  kill(): void {
    this.transport?.onclose?.();
  }

  say(message: JSONRPCMessage): void {
    this.transport?.onmessage?.(message);
  }

  /** The methods that have come, by connection. */
  get methods(): string[][] {
    return Array.from(
      { length: this.connections },
      (_, at) =>
        this.received.filter(({ connection }) => connection === at + 1)
          .map(({ message }) => message.method),
    );
  }

  /** The `_meta` of each message of a method. */
  metas(method: string): unknown[] {
    return this.received.filter(({ message }) => message.method === method)
      .map(({ message }) => message.params?._meta);
  }

  #take(connection: number, message: JSONRPCMessage, options: TransportSendOptions | undefined) {
    if (!("method" in message)) return;
    this.received.push({ connection, message, options });
    if (!("id" in message)) return;
    const own = this.#behaviour.answer?.(message);
    if (own === "hold") return;
    const { transport } = this;
    const body = own ?? this.#answer(message);
    const response = { jsonrpc: "2.0", id: message.id, ...body } as JSONRPCResponse;
    // The peer of a real transport is not inside of its `send`.
    queueMicrotask(() => transport?.onmessage?.(response));
  }

  #answer({ method, params }: JSONRPCRequest): { result: object } | { error: object } {
    const isModern = params?._meta?.["io.modelcontextprotocol/protocolVersion"] !== undefined;
    const { era, capability } = this.#behaviour;
    if (isModern && era === "legacy" || method === "initialize" && era === "modern") {
      return { error: { code: -32601, message: "Method not found" } };
    }
    const key = isModern ? EXTENSION : "mcp/session";
    const { id } = (params?._meta?.[key] ?? {}) as { id?: string };
    const cookie = id !== undefined && this.sessions.has(id) ? { id } : null;
    switch (method) {
      case "server/discover": {
        const extensions = capability && { [EXTENSION]: capability };
        return {
          result: {
            resultType: "complete",
            supportedVersions: ["2026-07-28"],
            capabilities: { tools: {}, ...(extensions && { extensions }) },
            _meta: { "io.modelcontextprotocol/serverInfo": { name: "server", version: "1" } },
          },
        };
      }
      case "initialize":
        return {
          result: {
            protocolVersion: "2025-11-25",
            capabilities: { experimental: { session: capability } },
            serverInfo: { name: "server", version: "1" },
          },
        };
      case "session/create":
        return { result: this.newSession(key) };
      case "session/list":
        return { result: { sessions: [...this.sessions].map((id) => ({ id })) } };
      case "tools/call": {
        if (cookie === null && capability !== undefined) {
          const data = { reason: id === undefined ? "missing" : "unknown" };
          return {
            error: { code: isModern ? -31002 : -32002, message: "Session required.", data },
          };
        }
        return { result: { content: [], ...(cookie && { _meta: { [key]: cookie } }) } };
      }
      default:
        return { result: {} };
    }
  }

  /** A result with the cookie of a new session. */
  newSession(key = EXTENSION): { id: string; _meta: Record<string, { id: string }> } {
    const id = `sess-${this.sessions.size + 1}`;
    this.sessions.add(id);
    return { id, _meta: { [key]: { id } } };
  }
}

interface RequestOptions extends TransportSendOptions {
  readonly id?: string;
}

/** A client over a transport with a session, which sees each message as the layer delivers it. */
export class RawClient implements AsyncDisposable {
  readonly transport: SessionTransport;
  readonly #events: SessionEvent[] = [];
  readonly notifications: JSONRPCMessage[] = [];
  readonly errors: string[] = [];
  closed = 0;
  readonly #answers = new Map<unknown, (response: JSONRPCResponse) => void>();
  #lastId = 0;

  private constructor(server: EraServer, options: WithSessionOptions) {
    const onsession = (event: SessionEvent) => void this.#events.push(event);
    const transport = this.transport = withSession(server.connect, { onsession, ...options });
    transport.onmessage = (message) => {
      if ("method" in message) return void this.notifications.push(message);
      const answer = this.#answers.get(message.id);
      assert(answer, `a response to no request: ${JSON.stringify(message)}`);
      this.#answers.delete(message.id);
      answer(message);
    };
    transport.onerror = (error) => this.errors.push(error.message);
    transport.onclose = () => this.closed++;
  }

  static async start(server: EraServer, options: WithSessionOptions = {}): Promise<RawClient> {
    const client = new RawClient(server, options);
    await client.transport.start();
    return client;
  }

  get told(): string[] {
    return this.#events.map(({ type }) => type);
  }

  /** Sends a request of the modern era. */
  modern(method: string, params: object = {}, options?: RequestOptions) {
    const { _meta, ...rest } = params as { _meta?: object };
    return this.request(method, { ...rest, _meta: { ...ENVELOPE, ..._meta } }, options);
  }

  async request(
    method: string,
    params: Record<string, unknown> = {},
    options?: RequestOptions,
  ): Promise<JSONRPCResponse> {
    const { id = ++this.#lastId, ...sendOptions } = options ?? {};
    const { promise, resolve } = Promise.withResolvers<JSONRPCResponse>();
    this.#answers.set(id, resolve);
    await this.transport.send({ jsonrpc: "2.0", id, method, params }, sendOptions);
    return await promise;
  }

  async initialize(): Promise<void> {
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: CLIENT };
    await this.request("initialize", params);
    await this.transport.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.transport.close();
  }
}

/** The result of a response; an error fails the test. */
export function resultOf(response: JSONRPCResponse): Record<string, unknown> {
  assert("result" in response, JSON.stringify(response));
  return response.result;
}

/** The error of a response; a result fails the test. */
export function errorOf(response: JSONRPCResponse) {
  assert("error" in response, JSON.stringify(response));
  return response.error;
}
