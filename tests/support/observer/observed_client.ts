/** A server whose observer tells of each request, and a client of either era. */

import { assert, assertEquals } from "@std/assert";
import { envelope, modernHeaders } from "../servers/modern_wire.ts";
import {
  HttpServer,
  isReply,
  messagesOf,
  opened,
  post,
  type Reply,
  type Server,
  startServer,
  StdioServer,
  type TransportName,
} from "../servers/server.ts";
import { until } from "../until.ts";

const OBSERVED = new URL("../../fixtures/observer/observed.ts", import.meta.url);

/** Ways to reach a server: each takes requests of both eras. */
export const CONNECTIONS: readonly (readonly [
  name: string,
  transport: TransportName,
  flags: string[],
])[] = [
  ["stdio", "stdio", []],
  ["HTTP", "http", []],
  ["HTTP --stateful", "http", ["--stateful"]],
];

/** A client of a server of `observed.ts`, in either era. */
export class ObservedClient implements AsyncDisposable {
  readonly server: Server;
  readonly #headers: Record<string, string>;
  #lastId = 100;

  private constructor(server: Server, headers: Record<string, string>) {
    this.server = server;
    this.#headers = headers;
  }

  static async start(
    transport: TransportName,
    flags: string[] = [],
    env: Record<string, string> = {},
  ): Promise<ObservedClient> {
    const server: Server = await startServer({ server: OBSERVED, transport, flags, env });
    return new ObservedClient(server, server instanceof HttpServer ? await opened(server.url) : {});
  }

  /** The id of the latest request. */
  get id(): number {
    return this.#lastId;
  }

  legacy(method: string, params: object = {}): Promise<Reply> {
    return this.#send(method, params, {});
  }

  modern(method: string, params: Record<string, unknown> = {}): Promise<Reply> {
    const name = typeof params.name === "string" ? params.name : undefined;
    const uri = typeof params.uri === "string" ? params.uri : undefined;
    const all = { _meta: envelope(), ...params };
    return this.#send(method, all, modernHeaders(method, name ?? uri));
  }

  /** Sends a message that has no response. */
  async notify(method: string, params: object): Promise<void> {
    const { server } = this;
    if (server instanceof StdioServer) return await server.notify(method, params);
    assert(server instanceof HttpServer);
    const text = JSON.stringify({ jsonrpc: "2.0", method, params });
    await (await post(server.url, text, this.#headers)).text();
  }

  /** The observations so far; one for each member of `request` that is asked for. */
  observed(): Record<string, unknown>[] {
    return this.server.stderr.filter((line) => line.startsWith("{")).map((line) =>
      JSON.parse(line)
    );
  }

  /** Waits for a number of observations, and gives the last of them. */
  async last(count: number): Promise<Record<string, unknown>> {
    const all = await until(() => this.observed(), (all) => all.length >= count);
    assertEquals(all.length, count);
    return all.at(-1) ?? {};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  async #send(method: string, params: object, headers: Record<string, string>): Promise<Reply> {
    const id = ++this.#lastId;
    const text = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    const { server } = this;
    if (server instanceof StdioServer) return await server.send(text, id);
    assert(server instanceof HttpServer);
    const isModern = "mcp-method" in headers;
    const response = await post(server.url, text, isModern ? headers : this.#headers);
    const reply = (await messagesOf(response)).at(-1);
    assert(isReply(reply), `no answer in a response of status ${response.status}`);
    return reply;
  }
}
