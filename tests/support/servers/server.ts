/** Real server processes, and connections of raw JSON-RPC to them. */

import { assert, assertEquals } from "@std/assert";
import { lines } from "../lines.ts";
import { leastPrivilege } from "../permissions.ts";
import { CLEAN_ENV } from "../environment.ts";
import {
  INITIALIZE,
  isReply,
  messagesOf,
  parseMessage,
  post,
  presenting,
  type Reply,
  type WireCookie,
  type WireMessage,
  type WireResult,
} from "./wire.ts";

export * from "./wire.ts";

export const TRANSPORTS = ["stdio", "http"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

export const SERVERS = ["session", "session_required", "notebook", "hashcheck"] as const;
export type ServerName = (typeof SERVERS)[number];

export interface StartOptions {
  /** A file in `servers/` without its ending, or any other program's URL. */
  server: ServerName | URL;
  transport: TransportName;
  store?: string;
  /** Arguments before the flags. */
  args?: string[];
  flags?: string[];
  env?: Record<string, string>;
  port?: number;
  /** The permissions of the process. @default the least that a server of this project needs */
  permissions?: string[];
  cwd?: string;
  /** The limit of open files and connections; not on Windows. */
  openFiles?: number;
}

/** A server process and a raw connection to it. */
export abstract class Server implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  readonly stderr: string[] = [];
  readonly #stderrRead: Promise<void>;
  lastId = 0;

  constructor(process: Deno.ChildProcess, stderr: AsyncIterable<string>) {
    this.process = process;
    this.#stderrRead = (async () => {
      for await (const line of stderr) this.stderr.push(line);
    })();
  }

  /** Sends a text as it is, and returns the response of this id. */
  abstract send(text: string, id: unknown): Promise<Reply>;

  /** Sends a request, and returns its notifications and at last its response. */
  abstract exchange(method: string, params: unknown): Promise<WireMessage[]>;

  abstract notify(method: string, params?: unknown): Promise<void>;

  request(method: string, params?: unknown): Promise<Reply> {
    const id = ++this.lastId;
    return this.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }), id);
  }

  /** Sends a request, and returns its result; an error fails the test. */
  async result(method: string, params?: unknown): Promise<WireResult> {
    const { result, error } = await this.request(method, params);
    assert(result, `${method} was answered with ${JSON.stringify(error)}`);
    return result;
  }

  async initialize(): Promise<WireResult> {
    const result = await this.result("initialize", INITIALIZE);
    await this.notify("notifications/initialized");
    return result;
  }

  /** Calls a tool, with any value in place of the cookie. */
  tool(name: string, args: unknown = {}, cookie?: unknown): Promise<Reply> {
    return this.request("tools/call", { name, arguments: args, ...presenting(cookie) });
  }

  /** Calls a tool, and returns its result; a JSON-RPC error fails the test. */
  async toolResult(name: string, args: unknown = {}, cookie?: unknown): Promise<WireResult> {
    const { result, error } = await this.tool(name, args, cookie);
    assert(result, `${name} was answered with ${JSON.stringify(error)}`);
    return result;
  }

  async create(params?: unknown): Promise<WireCookie> {
    const { id, expiry, data } = await this.result("session/create", params);
    return { id, expiry, data };
  }

  /** Ends the process with a signal, and returns its exit status. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    try {
      this.process.kill(signal);
    } catch {
      // The process has ended already.
    }
    return await this.ended();
  }

  /** Waits for the process to end, and returns its exit status. */
  async ended(): Promise<number> {
    const { code } = await this.process.status;
    await this.close();
    await this.#stderrRead;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }

  protected abstract close(): Promise<void>;
}

/** A server on stdio. */
export class StdioServer extends Server {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<unknown, ((reply: Reply) => void)[]>();
  readonly #read: Promise<void>;
  readonly notifications: WireMessage[] = [];
  /** Lines on stdout that are neither notifications nor expected responses. */
  readonly unasked: string[] = [];
  onunasked: (line: string) => void = () => {};

  constructor(process: Deno.ChildProcess) {
    super(process, lines(process.stderr));
    this.#writer = process.stdin.getWriter();
    this.#read = this.#receive();
  }

  override async send(text: string, id: unknown): Promise<Reply> {
    const reply = this.expect(id);
    await this.write(`${text}\n`);
    return await reply;
  }

  override async exchange(method: string, params: unknown): Promise<WireMessage[]> {
    const before = this.notifications.length;
    const reply = await this.request(method, params);
    return [...this.notifications.slice(before), reply];
  }

  /** Resolves with the next response of this id; call it before sending the request. */
  expect(id: unknown): Promise<Reply> {
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.#waiting.set(id, [...this.#waiting.get(id) ?? [], resolve]);
    return promise;
  }

  override notify(method: string, params?: unknown): Promise<void> {
    return this.write(JSON.stringify({ jsonrpc: "2.0", method, params }) + "\n");
  }

  write(text: string): Promise<void> {
    return this.writeBytes(new TextEncoder().encode(text));
  }

  writeBytes(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  async endInput(): Promise<number> {
    await this.#writer.close();
    return await this.ended();
  }

  protected override async close(): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#read;
    assertEquals(this.unasked, [], "stdout carries the protocol and nothing else");
  }

  async #receive(): Promise<void> {
    for await (const line of lines(this.process.stdout)) {
      const message = parseMessage(line);
      if (message?.method !== undefined && message.id === undefined) {
        this.notifications.push(message);
        continue;
      }
      const waiting = this.#waiting.get(message?.id)?.shift();
      if (isReply(message) && waiting !== undefined) waiting(message);
      else {
        this.unasked.push(line);
        this.onunasked(line);
      }
    }
  }
}

/** A server over HTTP, on a free port. */
export class HttpServer extends Server {
  /** The URL of the endpoint, as logged by the server. */
  readonly url: string;

  constructor(process: Deno.ChildProcess, stderr: AsyncIterable<string>, url: string) {
    super(process, stderr);
    this.url = url;
  }

  override async send(text: string, _id?: unknown): Promise<Reply> {
    const response = await post(this.url, text);
    const reply = (await messagesOf(response)).at(-1);
    assert(isReply(reply), `no answer in a response of status ${response.status}`);
    return { ...reply, status: response.status };
  }

  override async exchange(method: string, params: unknown): Promise<WireMessage[]> {
    const text = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    return await messagesOf(await post(this.url, text));
  }

  override async notify(method: string, params?: unknown): Promise<void> {
    const response = await post(this.url, JSON.stringify({ jsonrpc: "2.0", method, params }));
    assertEquals([response.status, await response.text()], [202, ""]);
  }

  protected override async close(): Promise<void> {
    await this.process.stdin.close().catch(() => {});
    await this.process.stdout.cancel().catch(() => {});
  }
}

/** Starts a server process, and waits until it listens. */
export async function startServer(
  options: StartOptions & { transport: "stdio" },
): Promise<StdioServer>;
export async function startServer(
  options: StartOptions & { transport: "http" },
): Promise<HttpServer>;
export async function startServer(options: StartOptions): Promise<Server>;
export async function startServer(options: StartOptions): Promise<Server> {
  const { server, transport, store = "memory:", args = [], flags = [], env = {}, port = 0 } =
    options;
  const script = server instanceof URL
    ? server
    : new URL(`../../../servers/${server}.ts`, import.meta.url);
  const http = transport === "http" ? ["--transport", "streamable-http", "--port", `${port}`] : [];
  const storeFlag = store === "" ? [] : ["--store", store];
  const permissions = options.permissions ?? leastPrivilege({ transport, store, flags, env, port });
  const limit = ["-c", `ulimit -n ${options.openFiles} && exec "$0" "$@"`, Deno.execPath()];
  const isLimited = options.openFiles !== undefined;
  const process = new Deno.Command(isLimited ? "sh" : Deno.execPath(), {
    args: [
      ...(isLimited ? limit : []),
      "run",
      ...permissions,
      script.href,
      ...args,
      ...http,
      ...storeFlag,
      ...flags,
    ],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { ...CLEAN_ENV, NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (transport === "stdio") return new StdioServer(process);
  const stderr = lines(process.stderr);
  const seen: string[] = [];
  for (;;) {
    const { done, value } = await stderr.next();
    if (done) throw new Error(`The server did not start: ${seen.join("\n")}`);
    seen.push(value);
    const url = /listening on (http:[^\s"]+)/.exec(value)?.[1];
    if (url !== undefined) return new HttpServer(process, stderr, url);
  }
}
