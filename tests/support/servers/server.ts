/**
 * Real server processes, and raw JSON-RPC to talk to them with: no SDK in between, so that what a
 * test asserts is what went over the wire.
 */

import { assert, assertEquals } from "@std/assert";
import { lines } from "../lines.ts";
import { leastPrivilege } from "../permissions.ts";
import { CLEAN_ENV } from "../environment.ts";

export const TRANSPORTS = ["stdio", "http"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

export const SERVERS = ["session", "session_required", "notebook", "hashcheck"] as const;
export type ServerName = (typeof SERVERS)[number];

/** A cookie as it stands on the wire. */
export interface WireCookie {
  id: string;
  expiry: string;
  data: Record<string, string>;
}

/** The result of any method: the members that tests look at. */
export interface WireResult {
  content: { type: string; text: string }[];
  structuredContent: Record<string, unknown>;
  isError?: boolean;
  _meta?: { "mcp/session"?: WireCookie | null; [key: string]: unknown };
  capabilities: { experimental: Record<string, unknown> };
  serverInfo: { name: string; version: string };
  tools: Record<string, unknown>[];
  sessions: WireCookie[];
  nextCursor?: string;
  deleted: boolean;
  id: string;
  expiry: string;
  data: Record<string, string>;
}

/** A JSON-RPC answer, with the HTTP status that it came with. */
export interface Reply {
  jsonrpc: "2.0";
  id: unknown;
  result?: WireResult;
  error?: { code: number; message: string; data?: Record<string, unknown> };
  status?: number;
}

/** Any message from a server. */
export type WireMessage = Partial<Reply> & { method?: string; params?: unknown };

export interface StartOptions {
  /** A file in `servers/` without its ending, or any other program's URL. */
  server: ServerName | URL;
  transport: TransportName;
  store?: string;
  /** What stands before the flags. */
  args?: string[];
  flags?: string[];
  env?: Record<string, string>;
  port?: number;
  /** What the process may do. @default The least that a server of this project needs */
  permissions?: string[];
  /** @default The one in this project's folder */
  config?: string;
  cwd?: string;
  /** How many files and connections the process may have open; on systems that have a shell. */
  openFiles?: number;
}

/** The params of the request that every client sends first. */
export const INITIALIZE = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "raw", version: "1" },
};

/** A server process and a raw connection to it. */
export abstract class Server implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  /** What the process has written to stderr, by lines. */
  readonly stderr: string[] = [];
  readonly #stderrRead: Promise<void>;
  /** The id of the last request. */
  lastId = 0;

  constructor(process: Deno.ChildProcess, stderr: AsyncIterable<string>) {
    this.process = process;
    this.#stderrRead = (async () => {
      for await (const line of stderr) this.stderr.push(line);
    })();
  }

  /** Sends a text as it is, and gives the answer to it: the one that has this id. */
  abstract send(text: string, id: unknown): Promise<Reply>;

  /** Sends a request and gives all that comes back for it, the answer last. */
  abstract exchange(method: string, params: unknown): Promise<WireMessage[]>;

  /** Sends a notification. */
  abstract notify(method: string, params?: unknown): Promise<void>;

  /** Sends a request and gives the answer. */
  request(method: string, params?: unknown): Promise<Reply> {
    const id = ++this.lastId;
    return this.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }), id);
  }

  /** Sends a request and gives its result; an error fails the test. */
  async result(method: string, params?: unknown): Promise<WireResult> {
    const { result, error } = await this.request(method, params);
    assert(result, `${method} was answered with ${JSON.stringify(error)}`);
    return result;
  }

  /** Does what every client does first. */
  async initialize(): Promise<WireResult> {
    const result = await this.result("initialize", INITIALIZE);
    await this.notify("notifications/initialized");
    return result;
  }

  /** Calls a tool, presenting a cookie or whatever else stands in its place. */
  tool(name: string, args: unknown = {}, cookie?: unknown): Promise<Reply> {
    return this.request("tools/call", { name, arguments: args, ...presenting(cookie) });
  }

  /** Calls a tool that must not be answered with a JSON-RPC error. */
  async toolResult(name: string, args: unknown = {}, cookie?: unknown): Promise<WireResult> {
    const { result, error } = await this.tool(name, args, cookie);
    assert(result, `${name} was answered with ${JSON.stringify(error)}`);
    return result;
  }

  /** Makes a session and gives its cookie. */
  async create(params?: unknown): Promise<WireCookie> {
    const { id, expiry, data } = await this.result("session/create", params);
    return { id, expiry, data };
  }

  /** Ends the process with a signal, and gives its exit status. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    try {
      this.process.kill(signal);
    } catch {
      // It has ended already.
    }
    return await this.ended();
  }

  /** Waits for the process to end, and gives its exit status. */
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

/** The params of a request that presents `cookie`. */
export function presenting(cookie: unknown): { _meta?: Record<string, unknown> } {
  return cookie === undefined ? {} : { _meta: { "mcp/session": cookie } };
}

/** A server whose stdin and stdout are ours. */
export class StdioServer extends Server {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<unknown, ((reply: Reply) => void)[]>();
  readonly #read: Promise<void>;
  /** The notifications that have come. */
  readonly notifications: WireMessage[] = [];
  /** Lines on stdout that are no answer to what was asked, and no notification. */
  readonly unasked: string[] = [];
  /** Told of each of those. */
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

  /** The next answer that has this id. Ask for it before what it answers is sent. */
  expect(id: unknown): Promise<Reply> {
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.#waiting.set(id, [...this.#waiting.get(id) ?? [], resolve]);
    return promise;
  }

  override notify(method: string, params?: unknown): Promise<void> {
    return this.write(JSON.stringify({ jsonrpc: "2.0", method, params }) + "\n");
  }

  /** Writes to the server's stdin. */
  write(text: string): Promise<void> {
    return this.writeBytes(new TextEncoder().encode(text));
  }

  /** Writes to the server's stdin. */
  writeBytes(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  /** Ends the server's input, and gives its exit status. */
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

/** A server that listens on a port of its own choice. */
export class HttpServer extends Server {
  /** The endpoint, as the server tells it on stderr. */
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
    return await messagesOf(
      await post(this.url, JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })),
    );
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

/** Sends one MCP message by POST, as the specification asks. */
export function post(
  url: string,
  body: BodyInit,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers,
    },
  });
}

/** Sends `initialize`; the headers of the transport session that it opens, where there are such. */
export async function opened(
  url: string,
  headers: Record<string, string> = {},
): Promise<Record<string, string>> {
  const initialize = { jsonrpc: "2.0", id: 0, method: "initialize", params: INITIALIZE };
  const response = await post(url, JSON.stringify(initialize), headers);
  await response.text();
  assertEquals(response.status, 200);
  const id = response.headers.get("mcp-session-id");
  return id === null ? headers : { ...headers, "mcp-session-id": id };
}

/** The JSON-RPC messages in a response, which is JSON or an event stream. */
export async function messagesOf(response: Response): Promise<WireMessage[]> {
  const body = await response.text();
  const texts = response.headers.get("content-type") === "text/event-stream"
    ? body.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6))
    : [body];
  return texts.map((text) => {
    const message = parseMessage(text);
    assert(message, `not a JSON-RPC message: ${text}`);
    return message;
  });
}

function parseMessage(text: string): WireMessage | undefined {
  try {
    const message = JSON.parse(text);
    return message.jsonrpc === "2.0" ? message : undefined;
  } catch {
    return undefined;
  }
}

function isReply(message: WireMessage | undefined): message is Reply {
  return message !== undefined && ("result" in message || "error" in message);
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
  const configFlag = options.config === undefined ? [] : ["--config", options.config];
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
      ...configFlag,
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
    const url = /listening on (http:\S+)/.exec(value)?.[1];
    if (url !== undefined) return new HttpServer(process, stderr, url);
  }
}
