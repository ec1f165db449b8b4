/**
 * A host in front of a real bridge process: raw JSON-RPC, and everything that comes back.
 */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { lines } from "./support/lines.ts";
import {
  type HttpServer,
  INITIALIZE,
  type Reply,
  type ServerName,
  startServer,
  type WireMessage,
  type WireResult,
} from "./support/server.ts";

const BRIDGE = new URL("../client/bridge.ts", import.meta.url).href;

/** How the servers behind the bridge are reached. */
export const WAYS = ["stdio", "http", "stateful"] as const;
export type Way = (typeof WAYS)[number];

/** The `_meta` by which a host tells of a conversation. */
export function conversation(id: string): Record<string, unknown> {
  return { "vscode.conversationId": id };
}

/** A folder for everything that outlives a process. */
export class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<Folder> {
    return new Folder(await Deno.makeTempDir());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** An MCP host, and the bridge that it has started. */
export class BridgeHost implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  /** What came on stdout, in order. */
  readonly messages: WireMessage[] = [];
  readonly stderr: string[] = [];
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Set<() => void>();
  readonly #read: Promise<unknown>;
  #lastId = 0;

  private constructor(process: Deno.ChildProcess) {
    this.process = process;
    this.#writer = process.stdin.getWriter();
    this.#read = Promise.all([this.#receive(), this.#listen()]);
  }

  /** Starts a bridge; `folder` has its jar. */
  static start(folder: Folder, args: readonly string[]): BridgeHost {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", BRIDGE, ...args],
      env: {
        XDG_STATE_HOME: folder.path,
        MCP_SESSIONS_STORE: "",
        CLAUDE_CODE_SESSION_ID: "",
        NO_COLOR: "1",
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    return new BridgeHost(command.spawn());
  }

  /** Starts a bridge and does what every host does first. */
  static async connect(folder: Folder, args: readonly string[]): Promise<BridgeHost> {
    const host = BridgeHost.start(folder, args);
    await host.initialize();
    return host;
  }

  async initialize(capabilities = {}): Promise<WireResult> {
    const result = await this.result("initialize", { ...INITIALIZE, capabilities });
    await this.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return result;
  }

  async send(message: unknown): Promise<void> {
    await this.write(`${JSON.stringify(message)}\n`);
  }

  async write(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
  }

  /** Sends a request, and gives the answer to it. */
  async request(
    method: string,
    params: unknown,
    id: unknown = `h${++this.#lastId}`,
  ): Promise<Reply> {
    await this.send({ jsonrpc: "2.0", id, method, params });
    const reply = await this.until((message) => message.id === id && message.method === undefined);
    return { ...reply, jsonrpc: "2.0", id };
  }

  async result(method: string, params?: unknown): Promise<WireResult> {
    const { result, error } = await this.request(method, params);
    assert(result, `${method} was answered with ${JSON.stringify(error)}`);
    return result;
  }

  call(name: string, args: unknown = {}, _meta?: unknown): Promise<Reply> {
    return this.request("tools/call", { name, arguments: args, _meta });
  }

  /** Calls a tool that must not be answered with a JSON-RPC error. */
  async tool(name: string, args: unknown = {}, _meta?: unknown): Promise<WireResult> {
    const { result, error } = await this.call(name, args, _meta);
    assert(result, `${name} was answered with ${JSON.stringify(error)}`);
    return result;
  }

  /** Waits until the bridge has noticed that the server was killed, and has another one. */
  async reconnected(): Promise<void> {
    while ((await this.request("ping", {})).error !== undefined);
  }

  /** The first message that has come, or will come, of which this is true. */
  async until(isIt: (message: WireMessage) => boolean): Promise<WireMessage> {
    for (let at = 0;; at++) {
      while (at >= this.messages.length) {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        this.#waiting.add(resolve);
        const ended = () => reject(new Error(`The bridge ended: ${this.stderr.join("\n")}`));
        void this.#read.then(ended);
        await promise;
        this.#waiting.delete(resolve);
      }
      const message = this.messages[at];
      if (message !== undefined && isIt(message)) return message;
    }
  }

  /** Waits for a line on stderr. */
  async says(text: string): Promise<void> {
    while (!this.stderr.some((line) => line.includes(text))) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Ends the input, and gives the exit status. */
  async endInput(): Promise<number> {
    await this.#writer.close();
    return await this.ended();
  }

  async stop(signal: Deno.Signal): Promise<number> {
    this.process.kill(signal);
    return await this.ended();
  }

  async ended(): Promise<number> {
    const { code } = await this.process.status;
    await this.#writer.close().catch(() => {});
    await this.#read;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.ended();
  }

  async #receive(): Promise<void> {
    for await (const line of lines(this.process.stdout)) {
      const message: WireMessage = JSON.parse(line);
      assertEquals(message.jsonrpc, "2.0", "stdout carries the protocol and nothing else");
      this.messages.push(message);
      this.#wake();
    }
  }

  async #listen(): Promise<void> {
    for await (const line of lines(this.process.stderr)) {
      this.stderr.push(line);
      this.#wake();
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** A server behind the bridge with a store in a file: it can be killed, and comes back. */
export class Behind implements AsyncDisposable {
  readonly #server: ServerName | URL;
  readonly #way: Way;
  readonly #folder: Folder;
  #http: HttpServer | undefined;

  private constructor(server: ServerName | URL, way: Way, folder: Folder) {
    this.#server = server;
    this.#way = way;
    this.#folder = folder;
  }

  static async start(server: ServerName | URL, way: Way, folder: Folder): Promise<Behind> {
    const behind = new Behind(server, way, folder);
    if (way !== "stdio") await behind.#listen(0);
    return behind;
  }

  get store(): string {
    return `file:${this.#folder.path}/sessions.jsonl`;
  }

  /** What the bridge is started with. */
  get args(): string[] {
    if (this.#http !== undefined) return ["--url", this.#http.url];
    const script = this.#server instanceof URL
      ? this.#server
      : new URL(`../servers/${this.#server}.ts`, import.meta.url);
    const line = [Deno.execPath(), "run", "-A", fileURLToPath(script), "--store", this.store];
    // The process that is started last is the one to be killed.
    return ["--", "sh", "-c", 'echo $$ > "$0"; exec "$@"', this.#pidFile, ...line];
  }

  async kill(): Promise<void> {
    if (this.#http !== undefined) return void await this.#http.stop("SIGKILL");
    Deno.kill(Number(await Deno.readTextFile(this.#pidFile)), "SIGKILL");
  }

  /** Over stdio, the bridge does that. */
  async startAgain(): Promise<void> {
    if (this.#http !== undefined) await this.#listen(Number(new URL(this.#http.url).port));
  }

  /** All sessions of the store, as a server tells them that the bridge has nothing to do with. */
  async sessions(): Promise<string[]> {
    await using server = await this.beside();
    return (await server.result("session/list")).sessions.map(({ id }) => id);
  }

  /** Ends a session without the bridge. */
  async end(id: string): Promise<void> {
    await using server = await this.beside();
    assertEquals((await server.result("session/delete", { id })).deleted, true);
  }

  beside() {
    return startServer({
      server: this.#server,
      transport: "stdio",
      store: this.store,
      permissions: ["-A"],
    });
  }

  get #pidFile(): string {
    return `${this.#folder.path}/pid`;
  }

  async #listen(port: number): Promise<void> {
    this.#http = await startServer({
      server: this.#server,
      transport: "http",
      store: this.store,
      flags: this.#way === "stateful" ? ["--stateful"] : [],
      permissions: ["-A"],
      port,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http?.stop("SIGKILL");
  }
}

/** The session that a result says its call ran in. */
export function sessionOf({ structuredContent, content }: WireResult): string {
  const { session_id, session } = structuredContent ?? {};
  const nested = typeof session === "object" && session !== null && "id" in session && session.id;
  const id = session_id ?? (nested || /sess-[0-9a-f]{32}/.exec(content[0]?.text ?? "")?.[0]);
  assert(typeof id === "string", `no session in ${JSON.stringify(structuredContent)}`);
  return id;
}

/** Does this result begin with the notice that the state was reset? */
export function tellsOfReset({ content }: WireResult): boolean {
  return /session .* is gone/.test(content[0]?.text ?? "");
}
