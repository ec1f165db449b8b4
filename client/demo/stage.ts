/**
 * What a proof works with: servers to start, clients to connect, and a screen to show it on.
 *
 * @module
 */

import { type HeldCookie, META_KEY } from "../../protocol/cookie.ts";
import { CODE } from "../../protocol/errors.ts";
import { member } from "../../runtime/json.ts";
import type { SessionEvent } from "../session/events.ts";
import { MemoryJar } from "../jar/cookie_jar.ts";
import { Client, McpError } from "../sdk.ts";
import { type SessionTransport, withSession } from "../with_session.ts";
import type { Screen } from "./screen.ts";
import type { Target } from "./target.ts";

/** How a server is reached. */
export type TransportName = "stdio" | "http";

/** What a proof may ask of the server that it starts. */
export interface ServerOptions {
  /** @default The transport that the proof is run over */
  readonly transport?: TransportName;
  /** Further flags. */
  readonly flags?: readonly string[];
}

/** What a stage is made of. */
export interface StageOptions {
  /** Where the proof is shown. */
  readonly screen: Screen;
  /** Starts the proof's server, or reaches the one that is running. */
  readonly start: (options: ServerOptions) => Promise<Target>;
}

/** One proof's servers and clients; all of them end with it. */
export class Stage implements AsyncDisposable {
  /** Where the proof is shown. */
  readonly screen: Screen;
  readonly #start: (options: ServerOptions) => Promise<Target>;
  readonly #jar = new MemoryJar();
  readonly #opened = new AsyncDisposableStack();

  /** Takes the screen, and what starts a server. */
  constructor({ screen, start }: StageOptions) {
    this.screen = screen;
    this.#start = start;
  }

  /** Starts the proof's server. All that one proof starts share a store. */
  async start(options: ServerOptions = {}): Promise<Target> {
    return this.#opened.use(await this.#start(options));
  }

  /** Connects a client. The same profile finds the same session again, from the jar. */
  async connect(target: Target, profile = "demo"): Promise<Connection> {
    const events: SessionEvent[] = [];
    const transport = withSession(() => target.connect(), {
      jar: this.#jar,
      server: "the demo's",
      profile,
      onsession: (event) => events.push(event),
    });
    const client = new Client({ name: "mcp-sessions demo", version: "1.0.0" });
    await client.connect(transport);
    return this.#opened.use(new Connection(client, transport, events));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}

/** What came of a call that should be refused with -32002. */
export interface Refusal {
  readonly isRefused: boolean;
  /** What the server said, for people. */
  readonly came: string;
  /** Why the server refused, if it tells. */
  readonly reason?: unknown;
}

/** A connected client, and what a proof asks of it. */
export class Connection implements AsyncDisposable {
  /** The client's transport, which holds the cookie. */
  readonly transport: SessionTransport;
  /** What happened to the session, oldest first. */
  readonly events: readonly SessionEvent[];
  readonly #client: Client;

  /** Takes a client that is connected to the transport. */
  constructor(client: Client, transport: SessionTransport, events: readonly SessionEvent[]) {
    this.#client = client;
    this.transport = transport;
    this.events = events;
  }

  /** The name of the server, as it says. */
  get serverName(): string | undefined {
    return this.#client.getServerVersion()?.name;
  }

  /** The held cookie. */
  get cookie(): HeldCookie | undefined {
    return this.transport.cookie;
  }

  /**
   * Calls a tool, with the held cookie or another, and gives what it says to programs.
   *
   * @throws {Error} If the tool fails; it says what came.
   */
  async call(
    name: string,
    args: Record<string, unknown> = {},
    cookie?: HeldCookie | null,
  ): Promise<Record<string, unknown>> {
    const result = await this.#call(name, args, cookie);
    if (result.isError === true) throw new Error(`${name} failed: ${textOf(result)}`);
    return typeof result.structuredContent === "object" && result.structuredContent !== null
      ? { ...result.structuredContent }
      : { ...result };
  }

  /** Calls a tool that should be refused with -32002, and tells what came. */
  async refusal(name: string, cookie: HeldCookie | null): Promise<Refusal> {
    try {
      const result = await this.#call(name, {}, cookie);
      const kind = result.isError === true ? "an isError result" : "the result of a call that ran";
      return { isRefused: false, came: `${kind}: ${textOf(result)}` };
    } catch (error) {
      if (!(error instanceof McpError)) throw error;
      const { code, message, data } = error;
      if (code !== CODE.sessionRequired) return { isRefused: false, came: message };
      // Why is told by servers of this project alone.
      return { isRefused: true, came: message, reason: member(data, "reason") };
    }
  }

  #call(name: string, args: Record<string, unknown>, cookie: HeldCookie | null | undefined) {
    const _meta = cookie === undefined ? {} : { _meta: { [META_KEY]: cookie } };
    return this.#client.callTool({ name, arguments: args, ..._meta });
  }

  /** Ends the connection. The session lives on. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.close();
  }
}

/** What a result says to people, or else all of it. */
function textOf(result: Record<string, unknown>): string {
  const content = Array.isArray(result.content) ? result.content : [];
  const texts = content.map((block) => member(block, "text")).filter((text) =>
    typeof text === "string"
  );
  return texts.join(" ") || JSON.stringify(result);
}
