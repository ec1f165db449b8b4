/**
 * Context of one proof: servers to start, clients to connect, a reporter to tell of it.
 *
 * @module
 */

import type { SessionEvent } from "../session/events.ts";
import { MemoryJar } from "../jar/cookie_jar.ts";
import { Client } from "../sdk.ts";
import { withSession } from "../with_session.ts";
import { DemoClient } from "./demo_client.ts";
import type { DemoServer } from "./demo_server.ts";
import type { Reporter } from "./reporter.ts";

/** A transport of the servers. */
export type TransportName = "stdio" | "http";

/** Options of a proof for a server that it starts. */
export interface ServerOptions {
  /** @default The transport that the proof is run over */
  readonly transport?: TransportName;
  /** Further flags. */
  readonly flags?: readonly string[];
}

/** Parts of a context. */
export interface ProofContextOptions {
  /** Where the proof is shown. */
  readonly reporter: Reporter;
  /** Starts the proof's server, or reaches the one that is running. */
  readonly start: (options: ServerOptions) => Promise<DemoServer>;
}

/** Servers and clients of one proof; all of them end with it. */
export class ProofContext implements AsyncDisposable {
  /** Where the proof is shown. */
  readonly reporter: Reporter;
  readonly #start: (options: ServerOptions) => Promise<DemoServer>;
  readonly #jar = new MemoryJar();
  readonly #opened = new AsyncDisposableStack();

  /** Takes the reporter, and a function that starts a server. */
  constructor({ reporter, start }: ProofContextOptions) {
    this.reporter = reporter;
    this.#start = start;
  }

  /** Starts the proof's server. All that one proof starts share a store. */
  async start(options: ServerOptions = {}): Promise<DemoServer> {
    const over = options.transport === undefined ? "" : ` over ${options.transport}`;
    this.reporter.progress(`start of the server${over}`);
    const server = this.#opened.use(await this.#start(options));
    this.reporter.server(server);
    return server;
  }

  /** Kills the server's process and starts it again, if it is the demo's own. */
  async restart(server: DemoServer): Promise<void> {
    this.reporter.progress("kill -9 and restart of the server");
    await server.restart?.();
  }

  /** Connects a client. The same profile finds the same session again, from the jar. */
  async connect(server: DemoServer, profile = "demo"): Promise<DemoClient> {
    this.reporter.progress("connection and session");
    const events: SessionEvent[] = [];
    const transport = withSession(() => server.connect(), {
      jar: this.#jar,
      server: "the demo's",
      profile,
      onsession: (event) => events.push(event),
    });
    const client = new Client({ name: profile, version: "1.0.0" });
    await client.connect(transport);
    const oncall = (tool: string) => this.reporter.progress(`call of ${tool}`);
    const connected = new DemoClient({ profile, client, transport, events, oncall });
    this.reporter.session(connected);
    return this.#opened.use(connected);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}
