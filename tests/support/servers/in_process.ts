/** A caller and a server in the test's own process, to see the texts for models. */

import { assert } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import {
  type AuthInfo,
  McpServer,
  optionalSession,
  sessionLayer,
  type SessionLayerOptions,
  toolResult,
} from "../../../servers/base/mod.ts";
import { MemoryStore } from "../../../store/mod.ts";
import { INITIALIZE, type Reply, type WireResult } from "./server.ts";

/** A caller in the same process, which knows no sessions. */
export class Caller implements AsyncDisposable {
  readonly advice: string[] = [];
  readonly answers: Reply[] = [];
  authInfo: AuthInfo | undefined;
  readonly #server: McpServer;
  readonly #near: InMemoryTransport;
  readonly #waiting = new Map<unknown, (reply: Reply) => void>();
  #lastId = 0;

  private constructor(server: McpServer, near: InMemoryTransport) {
    this.#server = server;
    this.#near = near;
    near.onmessage = (message) => {
      if (!("id" in message) || "method" in message) return;
      const reply = message as unknown as Reply;
      this.answers.push(reply);
      this.#waiting.get(reply.id)?.(reply);
    };
  }

  static async connect(
    server: McpServer,
    options: Partial<SessionLayerOptions> = {},
  ): Promise<Caller> {
    const [near, far] = InMemoryTransport.createLinkedPair();
    const caller = new Caller(server, near);
    await server.connect(sessionLayer(far, {
      handles: "auto",
      store: new MemoryStore(),
      policy: "optional",
      local: true,
      advise: (level, message) => caller.advice.push(`${level}: ${message}`),
      ...options,
    }));
    await near.start();
    await caller.ask("initialize", INITIALIZE);
    return caller;
  }

  ask(method: string, params: object = {}, id: number | string = ++this.#lastId): Promise<Reply> {
    const promise = this.next(id);
    const extra = this.authInfo && { authInfo: this.authInfo };
    void this.#near.send({ jsonrpc: "2.0", id, method, params: { ...params } }, extra);
    return promise;
  }

  next(id: number | string): Promise<Reply> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  async call(name: string, args: object = {}, _meta: object = {}): Promise<WireResult> {
    const { result, error } = await this.ask("tools/call", { name, arguments: args, _meta });
    assert(result, JSON.stringify(error));
    return result;
  }

  notify(method: string, params: Record<string, unknown>): Promise<void> {
    return this.#near.send({ jsonrpc: "2.0", method, params });
  }

  /** The arguments of each listed tool, by its name. */
  async tools(params = {}): Promise<Record<string, string[]>> {
    const { result, error } = await this.ask("tools/list", params);
    assert(result, JSON.stringify(error));
    return Object.fromEntries(result.tools.map(({ name, inputSchema }) => [
      name,
      Object.keys(Object(inputSchema).properties ?? {}),
    ]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
  }
}

/** The result of a tool that returns its arguments and session. */
export const shown = (args: object) => toolResult("", { args, id: optionalSession()?.id ?? null });

export const newServer = () => new McpServer({ name: "example", version: "1" });

export function newServerWith(tool: string): McpServer {
  const server = newServer();
  server.registerTool(tool, {}, () => shown({}));
  return server;
}

export const principal = (clientId: string): AuthInfo => ({ token: "t", clientId, scopes: [] });
