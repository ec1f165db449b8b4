/** A host in front of a real bridge process: raw JSON-RPC, and everything that comes back. */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { lines } from "../lines.ts";
import { INITIALIZE, type Reply, type WireMessage, type WireResult } from "../servers/server.ts";
import { CLEAN_ENV } from "../environment.ts";
import type { TempFolder } from "../temp_folder.ts";

/** The bridge's program. */
export const BRIDGE = new URL("../../../client/bridge.ts", import.meta.url).href;

/** The bridge's arguments for a server that echoes what reaches it. */
export const ECHO = [
  "--",
  Deno.execPath(),
  "run",
  "-A",
  fileURLToPath(new URL("../../fixtures/bridge_echo.ts", import.meta.url)),
];

/** The bridge's arguments for a server that knows the user by `token`. */
export function asUser(url: string, token: string): string[] {
  return ["--url", url, "--header", `Authorization: Bearer ${token}`];
}

/** The `_meta` of a request in a conversation. */
export function conversation(id: string): Record<string, unknown> {
  return { "vscode.conversationId": id };
}

/** An MCP host in front of a bridge process. */
export class BridgeHost implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  /** The messages on stdout, in order. */
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

  /** Starts a bridge; `folder` has its jar, and `runtime` further arguments of Deno. */
  static start(
    folder: Pick<TempFolder, "path">,
    args: readonly string[],
    runtime: readonly string[] = [],
  ): BridgeHost {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...runtime, BRIDGE, ...args],
      env: { ...CLEAN_ENV, XDG_STATE_HOME: folder.path, NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    return new BridgeHost(command.spawn());
  }

  /** Starts a bridge, and initializes it. */
  static async connect(
    folder: Pick<TempFolder, "path">,
    args: readonly string[],
    runtime: readonly string[] = [],
  ): Promise<BridgeHost> {
    const host = BridgeHost.start(folder, args, runtime);
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

  /** Sends a request, and awaits its response. */
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

  /** Calls a tool. The response must be a result. */
  async tool(name: string, args: unknown = {}, _meta?: unknown): Promise<WireResult> {
    const { result, error } = await this.call(name, args, _meta);
    assert(result, `${name} was answered with ${JSON.stringify(error)}`);
    return result;
  }

  /** Calls a tool many times in one write, so that every call is sent before the first response. */
  async toolAtOnce(times: number, name: string, args: unknown, _meta: unknown) {
    const ids = Array.from({ length: times }, () => `h${++this.#lastId}`);
    const params = { name, arguments: args, _meta };
    const calls = ids.map((id) => ({ jsonrpc: "2.0", id, method: "tools/call", params }));
    await this.write(calls.map((call) => `${JSON.stringify(call)}\n`).join(""));
    return await Promise.all(ids.map(async (id) => {
      const { result, error } = await this.until((message) => message.id === id);
      assert(result, `${name} was answered with ${JSON.stringify(error)}`);
      return result;
    }));
  }

  /** Waits until the bridge has another connection after the server was killed. */
  async reconnected(): Promise<void> {
    while ((await this.request("ping", {})).error !== undefined);
  }

  /** The first message, past or future, that matches. */
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

  /** Ends the input, and awaits the exit status. */
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
      // Ended already.
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
    for await (const line of lines(this.process.stderr)) this.stderr.push(line);
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
