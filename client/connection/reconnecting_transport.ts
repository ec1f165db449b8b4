/**
 * A transport that outlives its connections. Its retry policy and backoff are in `retry.ts`.
 *
 * @module
 */

import { cancelledId } from "../../jsonrpc/message.ts";
import { Deadline } from "../../runtime/deadline.ts";
import { DISCOVER } from "../../protocol/era.ts";
import { Connection } from "./connection.ts";
import { isHandshake } from "./handshake.ts";
import { backoffMs, retryAction } from "./retry.ts";
import { OtherEraError } from "./send_errors.ts";
import { isRequest, isResponse } from "../../jsonrpc/transport.ts";
import type {
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  MessageExtraInfo,
  RequestId,
  Sdk2Transport,
  Transport,
  TransportSendOptions,
} from "../sdk.ts";
import { progressTokenOf } from "./server_requests.ts";

/** Makes a transport that has not been started; called again for each new connection. */
export type ConnectTransport = () => Transport | Promise<Transport>;

export interface ReconnectingTransportOptions {
  readonly reconnectMs: number;
  /**
   * Whether the transport closes when there is no connection within that time. Otherwise a later
   * `send` tries again.
   */
  readonly givesUp: boolean;
  /** Requests to send on each new connection after `initialize`; their responses are dropped. */
  readonly replays?: () => readonly JSONRPCRequest[];
}

/**
 * Sends over a connection that is rebuilt when it is dead. An unsent message is retried for a bounded
 * time, a sent one never. A new connection replays the latest handshake, an `initialize` or a
 * `server/discover`, so the client does not notice. Knows nothing of sessions.
 *
 * State machine: started → established ⇄ reconnecting → closed.
 */
export class ReconnectingTransport implements Sdk2Transport {
  /** Called once, when this transport is closed or gives up reconnecting. */
  onclose?: (() => void) | undefined;
  /** Called with errors that belong to no `send`, or that a retry has made up for. */
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: JSONRPCMessage, extra?: MessageExtraInfo) => void) | undefined;
  /**
   * Called with the replayed handshake and its new result when a new connection is ready. Waiting
   * messages are sent once it resolves; must not reject.
   */
  onreconnect?: ((handshake: JSONRPCRequest, result: unknown) => Promise<void>) | undefined;

  readonly #connect: ConnectTransport;
  readonly #options: ReconnectingTransportOptions;
  readonly #closing = new AbortController();
  readonly #connections = new Set<Connection>();
  readonly #pendingSends = new Map<RequestId, { isCancelled: boolean }>();
  readonly #replayPrefix = `reconnect:${crypto.randomUUID()}:`;
  #connection: Connection | undefined;
  #reconnecting: Promise<Connection> | undefined;
  readonly #pendingHandshakes = new Map<RequestId, JSONRPCRequest>();
  /** The latest handshake that the server took. */
  #handshake: JSONRPCRequest | undefined;
  /** Whether a probe of the era is all that was sent, and whether the server has ended of it. */
  #probe: "none" | "sent" | "lost" = "none";
  #initializedNotification: JSONRPCNotification | undefined;
  #protocolVersion: string | undefined;
  #supportedVersions: string[] | undefined;
  #replayCount = 0;
  #serverRequestCount = 0;
  #closed: Promise<void> | undefined;
  #pendingReplay:
    | { readonly id: string; readonly response: PromiseWithResolvers<JSONRPCResponse> }
    | undefined;

  constructor(connect: ConnectTransport, options: ReconnectingTransportOptions) {
    this.#connect = connect;
    this.#options = options;
  }

  get sessionId(): string | undefined {
    return this.#connection?.sessionId;
  }

  get hasPerRequestStream(): boolean {
    return this.#connection?.hasPerRequestStream ?? false;
  }

  /** Keeps the protocol version for this connection and later ones. */
  setProtocolVersion(version: string): void {
    this.#protocolVersion = version;
    this.#connection?.setProtocolVersion(version);
  }

  /** Keeps the versions for every connection. */
  setSupportedProtocolVersions(versions: string[]): void {
    this.#supportedVersions = versions;
    this.#connection?.setSupportedProtocolVersions(versions);
  }

  /** Makes the first connection. Not retried: a wrong address should fail at once. */
  async start(): Promise<void> {
    if (this.#connections.size > 0) {
      throw new Error("Cannot start as the transport has been started");
    }
    this.#connection = await this.#open();
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (isResponse(message) || progressTokenOf(message) !== undefined) {
      return await this.#reply(message, options);
    }
    if (isRequest(message)) {
      const { id, method } = message;
      if (isHandshake(method)) this.#pendingHandshakes.set(id, message);
      if (this.#handshake === undefined) this.#noteProbe(method);
      this.#cancelOnAbort(id, options?.requestSignal);
    }
    const cancelled = cancelledId(message);
    if (cancelled !== undefined && !this.#cancel(cancelled)) return;
    const deadline = new Deadline(this.#options.reconnectMs, this.#closing.signal);
    const pendingSend = { isCancelled: false };
    let reconnected = false;
    for (let attempt = 0;; attempt++) {
      const connection = this.#connection?.isOpen
        ? this.#connection
        : await this.#whilePending(pendingSend, message, this.#ready());
      if (pendingSend.isCancelled) return;
      try {
        await connection.send(message, options);
        if (message.method === "notifications/initialized") this.#initializedNotification = message;
        return;
      } catch (error) {
        switch (this.#handshake === undefined ? "fail" : retryAction(error)) {
          case "backoff":
            if (await this.#whilePending(pendingSend, message, deadline.wait(backoffMs(attempt)))) {
              continue;
            }
            break;
          case "reconnect":
            if (reconnected) break;
            // Without a transport session, a 404 is just a wrong address, or an unknown method.
            if (!(error instanceof OtherEraError) && !this.#hasSession(connection)) break;
            reconnected = true;
            connection.drain();
            continue;
          case "fail":
            break;
        }
        if (isRequest(message)) this.#pendingHandshakes.delete(message.id);
        throw error;
      }
    }
  }

  #hasSession({ sessionId }: Connection): boolean {
    return sessionId !== undefined && this.#handshake?.method !== DISCOVER;
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#end();
    const closed = [...this.#connections].map((connection) => connection.close());
    this.#connections.clear();
    await Promise.allSettled([...closed, this.#reconnecting]);
  }

  /** Sends a reply on the connection of its request; drops it if that connection is gone. */
  async #reply(
    reply: JSONRPCResponse | JSONRPCNotification,
    options?: TransportSendOptions,
  ): Promise<void> {
    for (const connection of this.#connections) {
      if (connection.owns(reply)) return await connection.send(reply, options);
    }
  }

  /** Cancels a request here; whether the server has to be told as well. */
  #cancel(id: RequestId): boolean {
    const pendingSend = this.#pendingSends.get(id);
    if (pendingSend !== undefined) pendingSend.isCancelled = true;
    for (const connection of this.#connections) connection.forget(id);
    return pendingSend === undefined && this.#connection?.isOpen === true;
  }

  /** Forgets a request whose caller closes its stream. Without streams, a message cancels it. */
  #cancelOnAbort(id: RequestId, signal: AbortSignal | undefined): void {
    signal?.addEventListener("abort", () => {
      if (this.hasPerRequestStream) this.#cancel(id);
    }, { once: true });
  }

  async #whilePending<T>(
    pendingSend: { isCancelled: boolean },
    message: JSONRPCRequest | JSONRPCNotification,
    work: Promise<T>,
  ) {
    if (!isRequest(message)) return await work;
    this.#pendingSends.set(message.id, pendingSend);
    try {
      return await work;
    } finally {
      this.#pendingSends.delete(message.id);
    }
  }

  #ready(): Promise<Connection> {
    if (this.#closing.signal.aborted) throw new Error("Cannot send as the transport is closed");
    if (this.#handshake === undefined && this.#probe !== "lost") {
      throw new Error("Cannot send as there is no connection yet");
    }
    return this.#reconnecting ??= this.#reconnect(this.#handshake)
      .finally(() => this.#reconnecting = undefined);
  }

  async #reconnect(handshake: JSONRPCRequest | undefined): Promise<Connection> {
    const deadline = new Deadline(this.#options.reconnectMs, this.#closing.signal);
    for (let attempt = 0;; attempt++) {
      let connection: Connection | undefined;
      try {
        connection = await this.#open();
        if (handshake === undefined) return this.#connection = connection;
        const result = await deadline.limit(this.#replay(handshake, connection));
        this.#connection = connection;
        await this.onreconnect?.(handshake, result);
        return connection;
      } catch (error) {
        await this.#discard(connection);
        if (await deadline.wait(backoffMs(attempt))) continue;
        if (this.#options.givesUp) this.#end();
        throw error;
      }
    }
  }

  async #open(): Promise<Connection> {
    const connection: Connection = new Connection(await this.#connect(), {
      message: (message, extra) => this.#receive(message, extra),
      error: (error) => this.onerror?.(error),
      closed: () => this.#connectionClosed(connection),
      newId: () => ++this.#serverRequestCount,
    });
    this.#connections.add(connection);
    if (this.#supportedVersions !== undefined) {
      connection.setSupportedProtocolVersions(this.#supportedVersions);
    }
    try {
      await connection.start();
      if (this.#closing.signal.aborted) {
        throw new Error("Cannot connect as the transport is closed");
      }
    } catch (error) {
      await this.#discard(connection);
      throw error;
    }
    return connection;
  }

  async #replay(handshake: JSONRPCRequest, connection: Connection): Promise<unknown> {
    const id = this.#newId();
    const response = Promise.withResolvers<JSONRPCResponse>();
    this.#pendingReplay = { id, response };
    const { method } = handshake;
    const isLegacy = method === "initialize";
    const params = { ...handshake.params };
    if (isLegacy && this.#protocolVersion !== undefined) {
      params.protocolVersion = this.#protocolVersion;
    }
    await connection.send({ jsonrpc: "2.0", id, method, params });
    const answer = await response.promise;
    if (!("result" in answer)) throw new Error(`Cannot reconnect: ${answer.error.message}`);
    const version = isLegacy ? answer.result.protocolVersion : this.#protocolVersion;
    if (typeof version === "string") connection.setProtocolVersion(version);
    if (isLegacy) await this.#replayRest(connection);
    return answer.result;
  }

  /** Sends what follows a legacy handshake, before waiting messages. */
  async #replayRest(connection: Connection): Promise<void> {
    if (this.#initializedNotification !== undefined) {
      await connection.send(this.#initializedNotification);
    }
    for (const request of this.#options.replays?.() ?? []) {
      // Waiting messages go ahead even if this fails.
      await connection.send({ ...request, id: this.#newId() }).catch((error: Error) =>
        this.onerror?.(error)
      );
    }
  }

  #newId(): string {
    return `${this.#replayPrefix}${++this.#replayCount}`;
  }

  #receive(message: JSONRPCMessage, extra?: MessageExtraInfo): void {
    if (isResponse(message)) {
      if (typeof message.id === "string" && message.id.startsWith(this.#replayPrefix)) {
        // Dropped otherwise: the response of an abandoned attempt, or to a replayed request.
        if (message.id === this.#pendingReplay?.id) {
          this.#pendingReplay.response.resolve(message);
        }
        return;
      }
      this.#noteHandshake(message);
    }
    this.onmessage?.(message, extra);
  }

  #noteProbe(method: string): void {
    if (this.#probe === "lost") return;
    this.#probe = method === DISCOVER ? "sent" : "none";
  }

  #noteHandshake(response: JSONRPCResponse): void {
    if (response.id === undefined) return;
    const handshake = this.#pendingHandshakes.get(response.id);
    this.#pendingHandshakes.delete(response.id);
    if (handshake !== undefined && "result" in response) this.#handshake = handshake;
  }

  #connectionClosed(connection: Connection): void {
    this.#connections.delete(connection);
    if (connection !== this.#connection || this.#handshake !== undefined) return;
    // The first connection is not retried, but a legacy server may end of the probe.
    if (this.#probe === "sent") this.#probe = "lost";
    else this.#end();
  }

  async #discard(connection: Connection | undefined): Promise<void> {
    if (connection === undefined) return;
    this.#connections.delete(connection);
    await connection.close().catch((error: Error) => this.onerror?.(error));
  }

  #end(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.onclose?.();
  }
}
