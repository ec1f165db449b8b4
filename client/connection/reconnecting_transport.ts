/**
 * A transport that outlives its connections.
 *
 * @module
 */

import { cancelledId } from "../../jsonrpc/message.ts";
import { Deadline } from "../../runtime/deadline.ts";
import { failureOf } from "./send_errors.ts";
import { Link } from "./connection.ts";
import {
  type Extra,
  isRequest,
  isResponse,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  type JSONRPCResponse,
  type RequestId,
  type SendOptions,
  type Transport,
} from "../sdk.ts";
import { tokenOf } from "../session/server_requests.ts";

/** Makes a transport that has not been started. Called again for each new connection. */
export type ConnectTransport = () => Transport | Promise<Transport>;

/** How a connection is rebuilt. */
export interface ReconnectOptions {
  /** How long what could not be sent is tried again, in milliseconds. */
  readonly reconnectMs: number;
  /**
   * Is the transport at its end when there is no connection in that time? Else what is sent later
   * tries anew.
   */
  readonly givesUp: boolean;
  /**
   * What each new connection is asked once it is introduced. Nobody gets the answers.
   *
   * @default nothing
   */
  readonly repeats?: () => readonly JSONRPCRequest[];
}

/** What is waiting to be sent, and may be cancelled while it waits. */
interface Waiting {
  cancelled: boolean;
}

/**
 * Sends over a connection that it rebuilds when it is dead. What was never sent is sent again for
 * a bounded time; what was sent never is. A new connection is introduced by the `initialize` that
 * the first one had, so the client does not notice. Knows nothing of sessions.
 */
export class Reconnecting implements Transport {
  /** Called once, when this transport is closed or can't get a connection back. */
  onclose?: (() => void) | undefined;
  /** Called with errors that belong to no `send`, or that were got over. */
  onerror?: ((error: Error) => void) | undefined;
  /** Called with every message from the server. */
  onmessage?: ((message: JSONRPCMessage, extra?: Extra) => void) | undefined;
  /**
   * Called with the server's new `initialize` result when a new connection is ready. What waits for
   * the connection is sent after that; must not reject.
   */
  onreconnect?: ((result: unknown) => Promise<void>) | undefined;

  readonly #connect: ConnectTransport;
  readonly #reconnectMs: number;
  readonly #givesUp: boolean;
  readonly #repeats: () => readonly JSONRPCRequest[];
  readonly #closing = new AbortController();
  readonly #links = new Set<Link>();
  readonly #waiting = new Map<RequestId, Waiting>();
  readonly #replayPrefix = `reconnect:${crypto.randomUUID()}:`;
  #link: Link | undefined;
  #reopening: Promise<Link> | undefined;
  #initialize: JSONRPCRequest | undefined;
  #initialized: JSONRPCNotification | undefined;
  #agreed = false;
  #version: string | undefined;
  #replays = 0;
  #questions = 0;
  #closed: Promise<void> | undefined;
  #introduction:
    | { readonly id: string; readonly answered: PromiseWithResolvers<JSONRPCResponse> }
    | undefined;

  /** Connects by means of `connect`, each time that it has to. */
  constructor(connect: ConnectTransport, { reconnectMs, givesUp, repeats }: ReconnectOptions) {
    this.#connect = connect;
    this.#reconnectMs = reconnectMs;
    this.#givesUp = givesUp;
    this.#repeats = repeats ?? (() => []);
  }

  /** The connection's own session, where HTTP has one. Changes as the connection is rebuilt. */
  get sessionId(): string | undefined {
    return this.#link?.sessionId;
  }

  /** Keeps the version for this connection and those that follow. */
  setProtocolVersion(version: string): void {
    this.#version = version;
    this.#link?.setProtocolVersion(version);
  }

  /** Makes the first connection; not tried again, for a wrong address should say so at once. */
  async start(): Promise<void> {
    if (this.#links.size > 0) throw new Error("Cannot start as the transport has been started");
    this.#link = await this.#open();
  }

  /** Sends a message, over a new connection if the present one is dead. */
  async send(message: JSONRPCMessage, options?: SendOptions): Promise<void> {
    if (isResponse(message) || tokenOf(message) !== undefined) {
      return await this.#reply(message, options);
    }
    if (message.method === "initialize" && isRequest(message)) this.#initialize = message;
    const cancelled = cancelledId(message);
    if (cancelled !== undefined && !this.#cancel(cancelled)) return;
    const deadline = new Deadline(this.#reconnectMs, this.#closing.signal);
    const waiting: Waiting = { cancelled: false };
    let rebuilt = false;
    for (let attempt = 0;; attempt++) {
      const link = this.#link?.open
        ? this.#link
        : await this.#holding(waiting, message, this.#ready());
      if (waiting.cancelled) return;
      try {
        await link.send(message, options);
        if (message.method === "notifications/initialized") this.#initialized = message;
        return;
      } catch (error) {
        switch (this.#agreed ? failureOf(error) : "other") {
          case "unsent":
            if (await this.#holding(waiting, message, deadline.wait(pause(attempt)))) continue;
            break;
          case "gone":
            // Without a session of the transport's, a 404 is just a wrong address.
            if (rebuilt || link.sessionId === undefined) break;
            rebuilt = true;
            link.retire();
            continue;
        }
        throw error;
      }
    }
  }

  /** Closes the connection for good; to ask twice is to wait for the same. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#finish();
    const closed = [...this.#links].map((link) => link.close());
    this.#links.clear();
    await Promise.allSettled([...closed, this.#reopening]);
  }

  /** A reply goes where the question came from; if that connection is gone, so is who asked. */
  async #reply(
    reply: JSONRPCResponse | JSONRPCNotification,
    options: SendOptions | undefined,
  ): Promise<void> {
    for (const link of this.#links) {
      if (link.concerns(reply)) return await link.send(reply, options);
    }
  }

  /** Is there somebody to tell that the request is cancelled? */
  #cancel(id: RequestId): boolean {
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) waiting.cancelled = true;
    for (const link of this.#links) link.cancel(id);
    return waiting === undefined && this.#link?.open === true;
  }

  async #holding<T>(
    waiting: Waiting,
    message: JSONRPCRequest | JSONRPCNotification,
    work: Promise<T>,
  ) {
    if (!isRequest(message)) return await work;
    this.#waiting.set(message.id, waiting);
    try {
      return await work;
    } finally {
      this.#waiting.delete(message.id);
    }
  }

  #ready(): Promise<Link> {
    if (this.#closing.signal.aborted) throw new Error("Cannot send as the transport is closed");
    if (!this.#agreed) throw new Error("Cannot send as there is no connection yet");
    return this.#reopening ??= this.#reopen().finally(() => this.#reopening = undefined);
  }

  async #reopen(): Promise<Link> {
    const deadline = new Deadline(this.#reconnectMs, this.#closing.signal);
    for (let attempt = 0;; attempt++) {
      let link: Link | undefined;
      try {
        link = await this.#open();
        const result = await deadline.limit(this.#introduce(link));
        this.#link = link;
        await this.onreconnect?.(result);
        return link;
      } catch (error) {
        await this.#discard(link);
        if (await deadline.wait(pause(attempt))) continue;
        if (this.#givesUp) this.#finish();
        throw error;
      }
    }
  }

  async #open(): Promise<Link> {
    const link: Link = new Link(await this.#connect(), {
      message: (message, extra) => this.#receive(message, extra),
      error: (error) => this.onerror?.(error),
      ended: () => this.#ended(link),
      newId: () => ++this.#questions,
    });
    this.#links.add(link);
    try {
      await link.start();
      if (this.#closing.signal.aborted) {
        throw new Error("Cannot connect as the transport is closed");
      }
    } catch (error) {
      await this.#discard(link);
      throw error;
    }
    return link;
  }

  /** Goes through the first connection's `initialize` again, under an id of our own. */
  async #introduce(link: Link): Promise<unknown> {
    const id = this.#newId();
    const answered = Promise.withResolvers<JSONRPCResponse>();
    this.#introduction = { id, answered };
    const params = { ...this.#initialize?.params };
    if (this.#version !== undefined) params.protocolVersion = this.#version;
    await link.send({ jsonrpc: "2.0", id, method: "initialize", params });
    const answer = await answered.promise;
    if (!("result" in answer)) throw new Error(`Cannot reconnect: ${answer.error.message}`);
    const version = answer.result.protocolVersion;
    if (typeof version === "string") link.setProtocolVersion(version);
    if (this.#initialized !== undefined) await link.send(this.#initialized);
    for (const request of this.#repeats()) {
      // Each is sent before what waits for the connection, which is of use without them too.
      await link.send({ ...request, id: this.#newId() }).catch((error: Error) =>
        this.onerror?.(error)
      );
    }
    return answer.result;
  }

  #newId(): string {
    return `${this.#replayPrefix}${++this.#replays}`;
  }

  #receive(message: JSONRPCMessage, extra: Extra | undefined): void {
    if (isResponse(message)) {
      if (typeof message.id === "string" && message.id.startsWith(this.#replayPrefix)) {
        // Nobody waits for the others: attempts that were given up, and what is repeated.
        if (message.id === this.#introduction?.id) this.#introduction.answered.resolve(message);
        return;
      }
      if (message.id === this.#initialize?.id && "result" in message) this.#agreed = true;
    }
    this.onmessage?.(message, extra);
  }

  #ended(link: Link): void {
    this.#links.delete(link);
    // Nothing to go back to: whoever connects learns that it did not work.
    if (link === this.#link && !this.#agreed) this.#finish();
  }

  async #discard(link: Link | undefined): Promise<void> {
    if (link === undefined) return;
    this.#links.delete(link);
    await link.close().catch((error: Error) => this.onerror?.(error));
  }

  /** Ends everything that waits, and says so once. */
  #finish(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.onclose?.();
  }
}

/** How long to wait before the next attempt, in milliseconds: 50, 100, 200, … 1,000. */
function pause(attempt: number): number {
  return Math.min(1000, 50 * 2 ** attempt);
}
