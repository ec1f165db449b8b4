/** Runs `tests/fixtures/client/server.ts` as a process and connects SDK clients to it. */

import { assert, assertThrows } from "@std/assert";
import {
  type CookieJar,
  sendOnce,
  type SessionEvent,
  withSession,
  type WithSessionOptions,
} from "../../../client/mod.ts";
import type { SessionTransport } from "../../../client/mod.ts";
import { Client, ResultSchema, StreamableHTTPClientTransport } from "../../../client/sdk.ts";
import type { Transport } from "../../../client/sdk.ts";
import { StdioClientTransport } from "../../../client/sdk_stdio.ts";
import { DENO_ENV } from "../deno_dir.ts";
import { lines } from "../lines.ts";

/** `http` answers with JSON and `sse` with streams; `stateful` has an `Mcp-Session-Id`. */
export const KINDS = ["stdio", "http", "sse", "stateful"] as const;
export type Kind = (typeof KINDS)[number];

/** Refusals of servers that know no -32002: one in words of a session, one in others. */
export const REFUSALS = [
  "Error executing tool echo: Session required. Send session/create before calling tools.",
  "Error executing tool echo: module 'mcp.types' has no attribute 'McpError'",
] as const;

const SCRIPT = new URL("../../fixtures/client/server.ts", import.meta.url).href;
const ENV = { ...DENO_ENV, NO_COLOR: "1" };

/** The fixture server, whose process can be killed and, over HTTP, restarted on its port. */
export class Fixture implements AsyncDisposable {
  readonly #kind: Kind;
  readonly #flags: readonly string[];
  readonly #ran: string[] = [];
  readonly #awaited = new Map<string, () => void>();
  #child: Deno.ChildProcess | undefined;
  #stderr: Promise<void> | undefined;
  #stdio: StdioClientTransport | undefined;
  readonly #pids: number[] = [];
  #noticed: Promise<void> | undefined;
  #port = 0;
  /** The number of transports that the factory has made. */
  connections = 0;

  constructor(kind: Kind, flags: readonly string[]) {
    this.#kind = kind;
    this.#flags = kind === "sse" ? ["--sse", ...flags] : flags;
  }

  /** Starts the process, unless over stdio, where the transport does. */
  async start(flags: readonly string[] = this.#flags): Promise<void> {
    if (this.#kind === "stdio") return;
    const transport = this.#kind === "stateful" ? "stateful" : "http";
    const listening = Promise.withResolvers<number>();
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", SCRIPT, transport, `--port=${this.#port}`, ...flags],
      env: ENV,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const { stderr } = this.#child;
    this.#stderr = (async () => {
      for await (const line of lines(stderr)) {
        if (line.startsWith("listening ")) listening.resolve(Number(line.slice(10)));
        else this.#read(line);
      }
      listening.reject(new Error("The fixture did not start"));
    })();
    listening.promise.catch(() => {});
    this.#port = await listening.promise;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mcp`;
  }

  readonly connect = (): Transport => {
    this.connections++;
    if (this.#kind !== "stdio") {
      return new StreamableHTTPClientTransport(new URL(this.url), { fetch: sendOnce });
    }
    const args = ["run", "-A", SCRIPT, "stdio", ...this.#flags];
    this.#stdio = new StdioClientTransport({
      command: Deno.execPath(),
      args,
      env: ENV,
      stderr: "pipe",
    });
    let rest = "";
    this.#stdio.stderr?.on("data", (chunk: Uint8Array) => {
      const parts = (rest + new TextDecoder().decode(chunk)).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) this.#read(line);
    });
    const stdio = this.#stdio;
    const start = stdio.start.bind(stdio);
    stdio.start = async () => {
      await start();
      if (stdio.pid !== null) this.#pids.push(stdio.pid);
      const { promise, resolve } = Promise.withResolvers<void>();
      const onclose = stdio.onclose;
      this.#noticed = promise;
      stdio.onclose = () => {
        onclose?.();
        resolve();
      };
    };
    return stdio;
  };

  /** Waits until the call with this note runs. */
  running(note: string): Promise<void> {
    if (this.#ran.includes(note)) return Promise.resolve();
    return new Promise((resolve) => this.#awaited.set(note, resolve));
  }

  /** Kills the process with SIGKILL, and waits for its end. */
  async kill(): Promise<void> {
    if (this.#kind === "stdio") {
      const pid = this.#stdio?.pid;
      assert(pid);
      Deno.kill(pid, "SIGKILL");
      await this.#noticed;
    } else {
      this.#child?.kill("SIGKILL");
      await this.#child?.status;
      await this.#stderr;
      this.#child = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child) await this.kill();
    for (const pid of this.#pids) {
      assertThrows(() => Deno.kill(pid, "SIGCONT"), Error, undefined, "a process is left behind");
    }
  }

  #read(line: string): void {
    if (!line.startsWith("running ")) {
      if (line !== "") console.error(line);
      return;
    }
    const note = line.slice(8);
    this.#ran.push(note);
    this.#awaited.get(note)?.();
  }
}

/** A fixture whose sessions, and whose list of calls that ran, outlive its process. */
export class Durable extends Fixture {
  readonly #folder: string;

  private constructor(kind: Kind, folder: string, flags: readonly string[]) {
    super(kind, [`--sessions=${folder}/sessions`, `--log=${folder}/log`, ...flags]);
    this.#folder = folder;
  }

  static async create(kind: Kind, ...flags: string[]): Promise<Durable> {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/sessions`, "");
    await Deno.writeTextFile(`${folder}/log`, "");
    const durable = new Durable(kind, folder, flags);
    await durable.start();
    return durable;
  }

  /** The calls that ran, in all of its processes. */
  async ran(): Promise<string[]> {
    return (await Deno.readTextFile(`${this.#folder}/log`)).split("\n").filter(Boolean);
  }

  forgetSessions(): Promise<void> {
    return Deno.writeTextFile(`${this.#folder}/sessions`, "");
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Registers a test for each kind of connection. */
export function testEach(
  kinds: readonly Kind[],
  name: string,
  fn: (kind: Kind) => Promise<void>,
): void {
  for (const kind of kinds) {
    // The SDK's stdio transport leaves a timer of close() running; the fixture checks its processes.
    const sanitize = kind !== "stdio";
    const test = { sanitizeOps: sanitize, sanitizeResources: sanitize, fn: () => fn(kind) };
    Deno.test({ name: `${name} (${kind})`, ...test });
  }
}

export async function startFixture(kind: Kind, ...flags: string[]): Promise<Fixture> {
  const fixture = new Fixture(kind, flags);
  await fixture.start();
  return fixture;
}

/** An SDK client with a session, and its events and errors. */
export class Connected implements AsyncDisposable {
  readonly client = new Client({ name: "test", version: "1.0.0" }, {
    capabilities: { roots: {} },
  });
  readonly transport: SessionTransport;
  readonly events: SessionEvent[] = [];
  readonly errors: string[] = [];
  closed = 0;

  constructor(connect: () => Transport, options: WithSessionOptions = {}) {
    this.transport = withSession(connect, {
      onsession: (event) => this.events.push(event),
      ...options,
    });
    this.client.onerror = (error) => this.errors.push(error.message);
    this.client.onclose = () => this.closed++;
  }

  get told(): string[] {
    return this.events.map(({ type }) => type);
  }

  get id(): string | undefined {
    return this.transport.cookie?.id;
  }

  async call(name: string, args: Record<string, string> = {}, cookie?: unknown): Promise<string> {
    const { content } = await this.client.callTool({
      name,
      arguments: args,
      ...(cookie !== undefined && { _meta: { "mcp/session": cookie } }),
    });
    assert(Array.isArray(content));
    return content[0].text;
  }

  /** Sends a request that the SDK has no method for. */
  async ask(
    method: string,
    params: Record<string, unknown> = {},
  ): Promise<Record<string, unknown>> {
    return await this.client.request({ method, params }, ResultSchema);
  }

  /** The number of calls that ran, by their note. */
  async ran(): Promise<Record<string, number>> {
    const { ran } = await this.ask("fixture/ran");
    return ran as Record<string, number>;
  }

  /** The messages of this method that the fixture has received. */
  async seen(method: string): Promise<Seen[]> {
    const { seen } = await this.ask("fixture/seen");
    return (seen as Seen[]).filter((message) => message.method === method);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

/** A client of a fixture that ends with it. */
class FixtureClient extends Connected {
  constructor(readonly fixture: Fixture) {
    super(fixture.connect);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await using _ = this.fixture;
    await super[Symbol.asyncDispose]();
  }
}

/** Starts the fixture, with these flags, and connects a client. */
export async function startClient(kind: Kind, ...flags: string[]): Promise<FixtureClient> {
  const started = new FixtureClient(await startFixture(kind, ...flags));
  await started.client.connect(started.transport);
  return started;
}

/** A message as the fixture received it. */
export interface Seen {
  readonly method: string;
  readonly id?: unknown;
  readonly cookie?:
    | { readonly id: string; readonly data?: unknown; readonly expiry?: unknown }
    | null;
  readonly title?: string;
  readonly requestId?: unknown;
}

/** Where {@linkcode connectedWithJar} files the cookie. */
export const JAR_KEY = { server: "fixture", profile: "default" };

/** Connects a client that resumes its session from `jar`. */
export function connectedWithJar(fixture: Fixture, jar: CookieJar): Promise<Connected> {
  return connected(fixture, { jar, server: JAR_KEY.server });
}

export async function connected(
  fixture: Fixture,
  options?: WithSessionOptions,
): Promise<Connected> {
  const connected = new Connected(fixture.connect, options);
  await connected.client.connect(connected.transport);
  return connected;
}
