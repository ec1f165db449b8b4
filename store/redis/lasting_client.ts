/**
 * A client that comes back by itself, however the connection was lost.
 *
 * @module
 */

import type { RedisClient, RedisScriptOptions } from "./client.ts";
import type { StoreError } from "../session_store.ts";
import { redisError } from "./errors.ts";

/** Exponential backoff of connections, up to the longest. */
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 2000;

/** What is used of the package's client. */
export interface PackageClient extends RedisClient {
  readonly isReady: boolean;
  /** Whether it was not destroyed yet. */
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  sendCommand(command: readonly string[]): Promise<unknown>;
  on(event: "error", listener: (error: unknown) => void): unknown;
}

/**
 * One client of the package after the other. The package's own way to connect again would leave timers
 * when it is closed, and would not give up a connection that was lost unnoticed.
 */
export class LastingClient implements RedisClient {
  readonly #make: () => PackageClient;
  #client: PackageClient | undefined;
  #failure: StoreError | undefined;
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isLasting = false;

  /** `make` gives a client that connects once. */
  constructor(make: () => PackageClient) {
    this.#make = make;
  }

  get isReady(): boolean {
    return this.#client?.isReady ?? false;
  }

  /** Why there is no connection, if that is known. */
  get failure(): StoreError | undefined {
    return this.#failure;
  }

  evalSha(sha1: string, options: RedisScriptOptions): Promise<unknown> {
    return this.#opened.evalSha(sha1, options);
  }

  eval(script: string, options: RedisScriptOptions): Promise<unknown> {
    return this.#opened.eval(script, options);
  }

  /** Connects once. */
  async open(): Promise<PackageClient> {
    const client = this.#client = this.#make();
    client.on("error", (error) => this.#lose(client, error));
    await client.connect();
    // The package keeps the connection of a client that is destroyed as it connects.
    if (!client.isOpen) client.destroy();
    if (client === this.#client) {
      this.#failure = undefined;
      this.#tries = 0;
    }
    return client;
  }

  /** From now on it connects again and again. */
  last() {
    this.#isLasting = true;
  }

  /** Takes another connection: a network may lose one and tell nobody for a quarter of an hour. */
  reopen() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lost = this.#client;
    // What fails is told to the listener too.
    this.open().catch(() => {});
    lost?.destroy();
  }

  destroy() {
    this.#isLasting = false;
    clearTimeout(this.#timer);
    this.#client?.destroy();
  }

  get #opened(): PackageClient {
    if (this.#client === undefined) throw new TypeError("The client was not opened");
    return this.#client;
  }

  #lose(client: PackageClient, error: unknown) {
    if (client !== this.#client) return;
    this.#failure = redisError(error);
    if (!this.#isLasting) return;
    this.#timer ??= setTimeout(() => this.reopen(), pauseAfter(this.#tries++));
  }
}

/** With jitter, so that the servers of one Redis do not come back at one moment. */
function pauseAfter(tries: number): number {
  const longest = Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS);
  return longest / 2 + Math.random() * longest / 2;
}
