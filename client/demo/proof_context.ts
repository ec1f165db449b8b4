/**
 * Context of one proof: servers to start, clients to connect, a reporter to tell of it.
 *
 * @module
 */

import { MemoryJar } from "../jar/cookie_jar.ts";
import { DemoClient } from "./demo_client.ts";
import type { DemoServer, TransportName } from "./demo_server.ts";
import type { Reporter } from "./reporter.ts";

export interface ServerOptions {
  /** @default The transport that the proof is run over */
  readonly transport?: TransportName;
  readonly flags?: readonly string[];
}

/** Servers and clients of one proof; all of them end with it. */
export class ProofContext implements AsyncDisposable {
  readonly reporter: Reporter;
  readonly #start: (options: ServerOptions) => Promise<DemoServer>;
  readonly #jar = new MemoryJar();
  readonly #opened = new AsyncDisposableStack();

  /** `start` starts the proof's server, or reaches the one that is running. */
  constructor(reporter: Reporter, start: (options: ServerOptions) => Promise<DemoServer>) {
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
    const client = this.#opened.use(new DemoClient(profile, server, this.#jar, this.reporter));
    await client.connect();
    return client;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}
