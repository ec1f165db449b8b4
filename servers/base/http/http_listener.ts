/**
 * An HTTP listener that survives failed accepts: Deno ends a server whose accept fails, and the
 * process with it.
 *
 * @module
 */

import { asError } from "../../../runtime/errors.ts";
import { errorResponse } from "./error_responses.ts";
import type { ConnectionInfo } from "./guard/client_address.ts";

interface HttpListenerOptions {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly onerror: (error: Error) => void;
  readonly warn: (message: string) => void;
}

type Server = Deno.HttpServer<Deno.NetAddr>;
type Handler = (request: Request, info: ConnectionInfo) => Response | Promise<Response>;

const RETRY_MS = 250;
/** A shortage is checked at this interval, and is over after so long without a failed accept. */
const CHECK_MS = 1000;
const RECOVERED_MS = 5000;
/** A shortage of this length closes idle connections. */
const CLOSE_IDLE_MS = 10_000;

/**
 * Listens on a port until closed. When no connection can be accepted, as too many files are open, the
 * existing connections are served on, and the port is listened on again.
 */
export class HttpListener {
  readonly #options: HttpListenerOptions;
  readonly #handler: Handler;
  readonly port: number;
  #accepting: Server | undefined;
  /** Servers that only serve the connections that they have. */
  readonly #kept = new Set<Server>();
  /** Servers that only finish their pending requests. */
  readonly #ending = new Set<Server>();
  /** The times of the first and last failed accept of the current shortage, and logged reasons. */
  #shortage: { readonly since: number; last: number; readonly logged: Set<string> } | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #isClosed = false;

  /**
   * Starts listening.
   *
   * @throws {Error} if the port is taken, with what to do about it.
   */
  constructor(options: HttpListenerOptions, handler: Handler) {
    this.#options = options;
    this.#handler = handler;
    const server = this.#listen(options.port);
    this.port = server.addr.port;
    this.#accepting = server;
  }

  /** Stops accepting connections, and resolves when all requests have their response. */
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
      return errorResponse(500, "Internal server error");
    };
    try {
      const server = Deno.serve({ hostname, port, onListen: () => {}, onError }, this.#handler);
      server.finished.catch((error) => this.#replace(server, asError(error)));
      return server;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      throw new Error(
        `Cannot listen on ${hostname}:${port} as something else does: ` +
          "stop it, or choose another --port (0 takes a free one)",
      );
    }
  }

  /** Replaces a server that has failed to accept a connection, and will accept no other. */
  #replace(server: Server, error: Error): void {
    if (this.#isClosed) return;
    this.#accepting = undefined;
    // Connections are kept over one shortage only: servers would pile up.
    if (this.#shortage === undefined) this.#closeIdle();
    this.#kept.add(server);
    this.#report(error);
    this.#retry = setTimeout(() => this.#listenAgain(), RETRY_MS);
  }

  #listenAgain(): void {
    try {
      this.#accepting = this.#listen(this.port);
    } catch (error) {
      this.#report(asError(error));
      this.#retry = setTimeout(() => this.#listenAgain(), RETRY_MS);
    }
  }

  #report({ message }: Error): void {
    const now = performance.now();
    const shortage = this.#shortage ??= { since: now, last: now, logged: new Set() };
    this.#watch ??= setInterval(() => this.#check(shortage.since), CHECK_MS);
    shortage.last = now;
    const reason = message.replace(/^Error: /, "");
    if (shortage.logged.has(reason)) return;
    shortage.logged.add(reason);
    this.#options.onerror(
      new Error(
        `Cannot accept connections: ${reason}. Existing ones are served, and the port is listened ` +
          "on again (`ulimit -n` limits the open files)",
      ),
    );
  }

  #check(since: number): void {
    const now = performance.now();
    const last = this.#shortage?.last ?? now;
    if (this.#accepting !== undefined && now - last >= RECOVERED_MS) {
      this.#shortage = undefined;
      clearInterval(this.#watch);
      this.#watch = undefined;
      this.#options.warn("connections are accepted again");
    } else if (now - since >= CLOSE_IDLE_MS) {
      this.#closeIdle();
    }
  }

  /** Closes idle kept connections, and the others after the response to their request. */
  #closeIdle(): void {
    for (const server of this.#kept) {
      const end = () => void this.#ending.delete(server);
      this.#ending.add(server);
      server.shutdown().then(end, end);
    }
    this.#kept.clear();
  }
}
