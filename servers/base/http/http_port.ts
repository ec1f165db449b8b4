/**
 * A port that stays served: Deno ends a server whose accept fails, and the process with it.
 *
 * @module
 */

import { asError } from "../../../runtime/errors.ts";
import { refuse } from "./error_responses.ts";

/** Where to listen, and whom to tell. */
export interface PortOptions {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Told of what goes wrong. */
  readonly onerror: (error: Error) => void;
  /** Told what else the operator should know. */
  readonly warn: (message: string) => void;
}

type Server = Deno.HttpServer<Deno.NetAddr>;
type Handler = (request: Request) => Response | Promise<Response>;

/** How soon to listen again. */
const RETRY_MS = 250;
/** How long new connections must have been accepted for a shortage to be over. */
const CALM_MS = 5000;
/** How often to look how it goes. */
const LOOK_MS = 1000;
/** How long a shortage may last before kept connections are closed that have nothing to do. */
const PATIENCE_MS = 10_000;

/**
 * A port that is served until it is closed. When no connection can be accepted, as there are too
 * many open files, those that are there are served on, and the port is listened on again.
 */
export class HttpPort {
  readonly #options: PortOptions;
  readonly #handler: Handler;
  /** The number of the port. */
  readonly number: number;
  /** Accepts connections; `undefined` while nothing does. */
  #accepting: Server | undefined;
  /** Servers that accept no more, and serve the connections that they have. */
  readonly #kept = new Set<Server>();
  /** Servers that only answer what was asked already. */
  readonly #ending = new Set<Server>();
  /** When connections began to be refused, and were refused last; `undefined` if they are not. */
  #shortage: { readonly since: number; last: number; readonly told: Set<string> } | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #isClosed = false;

  /**
   * Begins to listen.
   *
   * @throws {Error} if the port is taken, with what to do about it.
   */
  constructor(options: PortOptions, handler: Handler) {
    this.#options = options;
    this.#handler = handler;
    const server = this.#listen(options.port);
    this.number = server.addr.port;
    this.#accepting = server;
  }

  /** Accepts no more connections, and resolves when all requests are answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
    if (this.#accepting !== undefined) this.#kept.add(this.#accepting);
    await Promise.all([...this.#kept, ...this.#ending].map((server) => server.shutdown()));
  }

  #listen(port: number): Server {
    const { hostname, onerror } = this.#options;
    const onError = (error: unknown) => {
      onerror(asError(error));
      return refuse(500, "Internal server error");
    };
    try {
      const server = Deno.serve({ hostname, port, onListen: () => {}, onError }, this.#handler);
      server.finished.catch((error) => this.#fail(server, asError(error)));
      return server;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      throw new Error(
        `Cannot listen on ${hostname}:${port} as something else does: ` +
          "stop it, or choose another --port (0 takes a free one)",
      );
    }
  }

  /** A server has failed to accept a connection, and will accept no other. */
  #fail(server: Server, error: Error): void {
    if (this.#isClosed) return;
    this.#accepting = undefined;
    // Connections that outlast one shortage are not kept over the next: servers would pile up.
    if (this.#shortage === undefined) this.#closeIdle();
    this.#kept.add(server);
    this.#tell(error);
    this.#retry = setTimeout(() => this.#listenAgain(), RETRY_MS);
  }

  #listenAgain(): void {
    try {
      this.#accepting = this.#listen(this.number);
    } catch (error) {
      this.#tell(asError(error));
      this.#retry = setTimeout(() => this.#listenAgain(), RETRY_MS);
    }
  }

  /** Tells of each reason once in a shortage, however often connections are refused. */
  #tell({ message }: Error): void {
    const now = performance.now();
    const shortage = this.#shortage ??= { since: now, last: now, told: new Set() };
    this.#watch ??= setInterval(() => this.#look(shortage.since), LOOK_MS);
    shortage.last = now;
    const reason = message.replace(/^Error: /, "");
    if (shortage.told.has(reason)) return;
    shortage.told.add(reason);
    this.#options.onerror(
      new Error(
        `Cannot accept connections: ${reason}. Kept ones are served, and the port is listened on ` +
          "again (`ulimit -n` bounds the open files)",
      ),
    );
  }

  #look(since: number): void {
    const now = performance.now();
    const last = this.#shortage?.last ?? now;
    if (this.#accepting !== undefined && now - last >= CALM_MS) {
      this.#shortage = undefined;
      clearInterval(this.#watch);
      this.#watch = undefined;
      this.#options.warn("connections are accepted again");
    } else if (now - since >= PATIENCE_MS) {
      this.#closeIdle();
    }
  }

  /** Closes kept connections that have no request, and the others once theirs is answered. */
  #closeIdle(): void {
    for (const server of this.#kept) {
      const end = () => void this.#ending.delete(server);
      this.#ending.add(server);
      server.shutdown().then(end, end);
    }
    this.#kept.clear();
  }
}
