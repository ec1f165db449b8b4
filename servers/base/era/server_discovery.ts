/**
 * Server discovery: the `initialize` result of the server behind the era layer, of which
 * `server/discover` and the `serverInfo` of each modern result are made.
 *
 * @module
 */

import { LEGACY_VERSIONS } from "../../../protocol/era.ts";
import type { JSONRPCMessage, JSONRPCResponse, RequestId } from "../sdk.ts";

type Deliver = (message: JSONRPCMessage) => void;

export class ServerDiscovery {
  readonly #deliver: Deliver;
  /** The id of the `initialize` of its own. */
  readonly #ownId = `discovery:${crypto.randomUUID()}`;
  /** The ids of `initialize` requests of clients that have no answer yet. */
  readonly #observed = new Set<RequestId>();
  #initialized: Record<string, unknown> | undefined;
  #pending: PromiseWithResolvers<void> | undefined;
  /** Whether the `initialize` of its own has no answer yet. */
  #isInitializing = false;

  constructor(deliver: Deliver) {
    this.#deliver = deliver;
  }

  /** The latest result of `initialize`. */
  get initialized(): Record<string, unknown> {
    return this.#initialized ?? {};
  }

  get isDone(): boolean {
    return this.#initialized !== undefined;
  }

  /**
   * Resolves when the server has been initialized. Unless a client has done so, it is in the name of
   * one without capabilities: those of a modern client are its requests' own.
   */
  get done(): Promise<void> {
    if (this.#initialized !== undefined) return Promise.resolve();
    if (this.#pending === undefined) {
      this.#pending = Promise.withResolvers();
      if (this.#observed.size === 0) this.#initialize();
    }
    return this.#pending.promise;
  }

  /** Notes the `initialize` of a client, whose answer is learned from. */
  observe(id: RequestId): void {
    this.#observed.add(id);
  }

  /** Whether the `initialize` of a client has this id, and no answer yet. */
  observes(id: RequestId): boolean {
    return this.#observed.has(id);
  }

  /** Waits no more for the `initialize` of a client that has cancelled it. */
  cancel(id: RequestId): void {
    if (this.#observed.delete(id) && this.#pending !== undefined) this.#initialize();
  }

  /** Learns from a response; whether it is to a request of its own. */
  takeResponse(response: JSONRPCResponse): boolean {
    const { id } = response;
    if (id === undefined) return false;
    const isOwn = id === this.#ownId;
    if (!isOwn && !this.#observed.delete(id)) return false;
    if (isOwn) this.#isInitializing = false;
    if ("result" in response) this.#initialized = response.result;
    else if (!isOwn) {
      // Another client's mistake says nothing about the server.
      if (this.#pending !== undefined) this.#initialize();
      return false;
    }
    if (isOwn) this.#deliver({ jsonrpc: "2.0", method: "notifications/initialized" });
    this.#pending?.resolve();
    this.#pending = undefined;
    return isOwn;
  }

  /** Ends all waiting. */
  stop(): void {
    this.#pending?.resolve();
    this.#pending = undefined;
  }

  #initialize(): void {
    if (this.#isInitializing) return;
    this.#isInitializing = true;
    const [protocolVersion] = LEGACY_VERSIONS;
    const clientInfo = { name: "mcp-sessions", version: "1" };
    const params = { protocolVersion, capabilities: {}, clientInfo };
    this.#deliver({ jsonrpc: "2.0", id: this.#ownId, method: "initialize", params });
  }
}
