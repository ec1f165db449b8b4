/**
 * One connection to a server, from its start to its end.
 *
 * @module
 */

import { endsStream, failureOf, NeverSentError, outcomeUnknown } from "./send_errors.ts";
import { type Flight, sending } from "./in_flight.ts";
import {
  type Extra,
  isRequest,
  isResponse,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCResponse,
  type RequestId,
  type SendOptions,
  type Transport,
} from "../sdk.ts";
import { ServerRequests } from "../session/server_requests.ts";

/** Who is told what comes over a connection. */
export interface LinkEvents {
  /** A message came in, or an answer has to be given as none will come. */
  message(message: JSONRPCMessage, extra?: Extra): void;
  /** Something went wrong that is not the failure of one `send`. */
  error(error: Error): void;
  /** The connection is over, without `close()` having been called. */
  ended(): void;
  /** An id for a request of the server's that no other has had, on whatever connection. */
  newId(): number;
}

/**
 * One SDK transport. It keeps one promise: a request that it took is answered, with "outcome
 * unknown" if the connection breaks before; a request that it did not take makes `send` throw.
 */
export class Link {
  readonly #transport: Transport;
  readonly #events: LinkEvents;
  readonly #inFlight = new Map<RequestId, Flight>();
  readonly #asked: ServerRequests;
  /** Releases the `send`s that wait for a process which reads no more. */
  readonly #sends = new Set<() => void>();
  #state: "open" | "retired" | "over" = "open";

  /** Takes the transport, and any callbacks it has, for itself. */
  constructor(transport: Transport, events: LinkEvents) {
    this.#transport = transport;
    this.#events = events;
    this.#asked = new ServerRequests(() => events.newId());
    transport.onmessage = (message, extra) => this.#receive(message, extra);
    transport.onerror = (error) => this.#fail(error);
    transport.onclose = () => this.#end();
  }

  /** Can it be used for what is sent from now on? */
  get open(): boolean {
    return this.#state === "open";
  }

  /** The transport's own session, which has nothing to do with the cookie's. */
  get sessionId(): string | undefined {
    return this.#transport.sessionId;
  }

  /** Tells the transport which protocol version was agreed on. */
  setProtocolVersion(version: string): void {
    this.#transport.setProtocolVersion?.(version);
  }

  /** Connects. Outside of any request's context, for what is started here outlives the request. */
  start(): Promise<void> {
    return sending.run(undefined, () => this.#transport.start());
  }

  /** Does this answer a request that came over this connection, or tell how far it is? */
  concerns(reply: JSONRPCResponse | JSONRPCNotification): boolean {
    return this.#asked.concerns(reply);
  }

  /**
   * Sends a message; a request that was taken will be answered.
   *
   * @throws {NeverSentError} If the connection is over.
   */
  async send(message: JSONRPCMessage, options: SendOptions = {}): Promise<void> {
    if (this.#state === "over") throw new NeverSentError("The connection is over");
    if (!isRequest(message)) return await this.#reply(message, options);
    const flight: Flight = {
      id: message.id,
      method: message.method,
      resumable: false,
      streamEnded: () => {
        if (!flight.resumable) this.#lose(flight);
      },
    };
    this.#inFlight.set(flight.id, flight);
    const onresumptiontoken = (token: string) => {
      flight.resumable = true;
      options.onresumptiontoken?.(token);
    };
    try {
      await this.#write(flight, message, { ...options, onresumptiontoken });
    } catch (error) {
      // The answer may have come before the error, or been given as the connection ended.
      if (!this.#isInFlight(flight)) return;
      // An `initialize` leaves nothing behind: whoever connects is better off with the error.
      if (failureOf(error) === "broken" && message.method !== "initialize") {
        return this.#lose(flight);
      }
      this.#land(flight.id);
      throw error;
    }
  }

  /** Forgets a request that the caller has cancelled and nobody will answer. */
  cancel(id: RequestId): void {
    this.#land(id);
  }

  /** Takes no more; closes when what is in flight has been answered. */
  retire(): void {
    if (this.#state !== "open") return;
    this.#state = "retired";
    this.#withdraw();
    this.#closeWhenIdle();
  }

  /** Closes the connection. What is in flight gets no answer. */
  async close(): Promise<void> {
    this.#state = "over";
    this.#release();
    this.#withdraw();
    await this.#transport.close();
  }

  async #reply(
    message: JSONRPCResponse | JSONRPCNotification,
    options: SendOptions,
  ): Promise<void> {
    const { relatedRequestId: related } = options;
    const own = related === undefined ? undefined : this.#asked.idOf(related);
    const told = own === undefined ? options : { ...options, relatedRequestId: own };
    await this.#write(undefined, this.#asked.outgoing(message), told);
  }

  async #write(
    flight: Flight | undefined,
    message: JSONRPCMessage,
    options: SendOptions,
  ): Promise<void> {
    const over = Promise.withResolvers<void>();
    this.#sends.add(over.resolve);
    try {
      const sent = sending.run(flight, () => this.#transport.send(message, options));
      await Promise.race([sent, over.promise]);
    } finally {
      this.#sends.delete(over.resolve);
    }
  }

  #receive(message: JSONRPCMessage, extra: Extra | undefined): void {
    if (this.#state === "over") return;
    if (isResponse(message) && message.id !== undefined) this.#land(message.id);
    for (const each of this.#asked.incoming(message, sending.getStore())) {
      this.#events.message(each, extra);
    }
  }

  #fail(error: Error): void {
    if (this.#state === "over") return;
    const flight = sending.getStore();
    this.#events.error(error);
    if (flight !== undefined && endsStream(error, flight.resumable)) this.#lose(flight);
  }

  #end(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#release();
    for (const flight of this.#inFlight.values()) this.#lose(flight);
    this.#withdraw();
    this.#events.ended();
  }

  /** Answers in the server's place, unless the server has. */
  #lose(flight: Flight): void {
    if (!this.#isInFlight(flight)) return;
    this.#land(flight.id);
    this.#withdraw(flight);
    this.#events.message(outcomeUnknown(flight.id, flight.method));
  }

  /** Nobody waits any more for answers to what the server has asked, or asked on that stream. */
  #withdraw(flight?: Flight): void {
    for (const each of this.#asked.withdraw(flight)) this.#events.message(each);
  }

  #land(id: RequestId): void {
    this.#inFlight.delete(id);
    this.#closeWhenIdle();
  }

  #closeWhenIdle(): void {
    if (this.#state !== "retired" || this.#inFlight.size > 0) return;
    this.close()
      .catch((error: Error) => this.#events.error(error))
      .finally(() => this.#events.ended());
  }

  #isInFlight(flight: Flight): boolean {
    return this.#inFlight.get(flight.id) === flight;
  }

  #release(): void {
    for (const release of this.#sends) release();
  }
}
