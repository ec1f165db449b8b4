/**
 * One transport session of the SDK's: whose it is, whether it is in use, and which of its requests
 * are still without an answer.
 *
 * @module
 */

import { METHOD } from "../../../protocol/methods.ts";
import { member } from "../../../runtime/json.ts";
import { utf8Length } from "../../../runtime/utf8.ts";
import {
  AnswerBody,
  SMALL_ANSWER_BYTES,
  tooMuchUnread,
  type UnreadAnswers,
} from "./response_body.ts";
import { idInFlight, saysFull } from "../wire_errors.ts";
import { asError } from "../../../runtime/errors.ts";
import type { Ticket } from "./request_quota.ts";
import { encodeResponse, errorMessage } from "../message_reader.ts";
import type { CoalescedTimer } from "../coalesced_timer.ts";
import { listingTypes } from "./request_reader.ts";
import { json, jsonText, RETRY_LATER } from "./error_responses.ts";
import type { AuthInfo, JSONRPCMessage, McpServer, RequestId, Transport } from "../sdk.ts";
import { WebStandardStreamableHTTPServerTransport as SdkTransport } from "./sdk_http.ts";

/** How much may wait for a reader before a notification is left out, in bytes. */
const MAX_WAITING_BYTES = 64 * 1024;

/** What a transport session is opened with. */
export interface TransportSessionOptions {
  /** The principal who opens it: nobody else reaches it. */
  readonly owner: string | null;
  /** What waits for the readers of all transport sessions. */
  readonly unread: UnreadAnswers;
  /** Shows of all streams that they are in use. */
  readonly streams: CoalescedTimer<AnswerBody>;
  /** Told of its id, once it has one. */
  readonly onopen: (id: string) => void;
  /** Told when it is closed, by whoever it was, with its id if it had one. */
  readonly onclose: (id: string | undefined) => void;
}

/** What a request to a transport session came with. */
export interface HttpExchange {
  /** The message in a POST, which has been read. */
  readonly message: JSONRPCMessage | undefined;
  /** Whom it comes from. */
  readonly authInfo: AuthInfo | undefined;
  /** Its part of what the server has taken on; the session ends it. */
  readonly ticket: Ticket;
}

type SendOptions = Parameters<SdkTransport["send"]>[1];
/** What is no answer. */
type Spoken = Extract<JSONRPCMessage, { method: string }>;

/** What is sent over one HTTP exchange: the answer to a request, or what no request asked for. */
class Exchange {
  /** Its part of the load, for as long as it counts. */
  readonly ticket: Ticket;
  /** Told once there is an answer, or never will be. */
  readonly answered: PromiseWithResolvers<void> = Promise.withResolvers();
  body: AnswerBody | undefined;
  sentBytes = 0;
  /** Does its answer count until somebody has read it? */
  isLarge = false;
  /** The text of an answer that says that there is no room for a session. */
  full: string | undefined;

  constructor(ticket: Ticket) {
    this.ticket = ticket;
  }

  /** Does so much wait to be read that more should be left out? */
  get isFull(): boolean {
    return this.sentBytes - (this.body?.readBytes ?? 0) > MAX_WAITING_BYTES;
  }
}

/** A transport of the SDK's with a server behind it. */
export class TransportSession {
  /** The principal whose it is. */
  readonly owner: string | null;
  readonly #sdk: SdkTransport;
  readonly #send: SdkTransport["send"];
  readonly #unread: UnreadAnswers;
  readonly #streams: CoalescedTimer<AnswerBody>;
  /** What is without an answer, by the ids of the requests. */
  readonly #exchanges = new Map<RequestId, Exchange>();
  /** Where the server speaks unasked, while somebody listens. */
  #standalone: Exchange | undefined;
  /** By a clock that nobody sets: a wrong one must not make a session idle. */
  #usedAt = performance.now();

  /** Makes one that is not connected yet. */
  constructor({ owner, unread, streams, onopen, onclose }: TransportSessionOptions) {
    this.owner = owner;
    this.#unread = unread;
    this.#streams = streams;
    const sdk = new SdkTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: onopen,
      // Its own comments pile up where nobody reads.
      keepAliveMs: 0,
    });
    this.#send = sdk.send.bind(sdk);
    sdk.send = (message, options) =>
      "method" in message ? this.#say(message, options) : this.#answer(message, options);
    sdk.onclose = () => {
      this.endStandaloneStream();
      onclose(sdk.sessionId);
      for (const id of this.#exchanges.keys()) this.#answered(id);
    };
    this.#sdk = sdk;
  }

  /** Connects a new server. It is nobody's to reach until it is initialised. */
  async connect(connect: (transport: Transport) => Promise<McpServer>): Promise<void> {
    await connect(this.#sdk);
  }

  /** Whether a request is without its answer. */
  get isBusy(): boolean {
    return this.#exchanges.size > 0;
  }

  /** How long nobody has used it or listened, in milliseconds. */
  get idleMs(): number {
    const isUsed = this.isBusy || this.#standalone !== undefined;
    return isUsed ? 0 : performance.now() - this.#usedAt;
  }

  /** Answers one HTTP request. */
  async fetch(request: Request, { message, authInfo, ticket }: HttpExchange): Promise<Response> {
    const id = message !== undefined && "method" in message && "id" in message
      ? message.id
      : undefined;
    if (id !== undefined && this.#exchanges.has(id)) {
      ticket.end();
      return json(400, errorMessage(id, idInFlight()));
    }
    const exchange = new Exchange(ticket);
    if (id === undefined) ticket.end();
    else this.#exchanges.set(id, exchange);
    let accepted = false;
    try {
      // The SDK searches the Accept of a POST for types, and knows neither case nor ranges.
      const plain = message === undefined ? request : listingTypes(request);
      const handle = () =>
        this.#sdk.handleRequest(plain, {
          ...(authInfo && { authInfo }),
          ...(message && { parsedBody: message }),
        });
      let response = await handle();
      if (response.status === 409) {
        // The connection of the old stream may be lost without anybody having closed it.
        this.endStandaloneStream();
        response = await handle();
      }
      accepted = response.ok;
      this.#usedAt = performance.now();
      this.#endCancelled(message);
      if (!accepted || response.body === null) return response;
      const body = exchange.body = new AnswerBody(response.body);
      this.#streams.begin(body);
      body.watch({ onread: () => {}, onover: () => this.#streams.end(body) });
      if (exchange.isLarge) this.#unread.wait(body, ticket);
      if (request.method === "GET") this.#listenTo(exchange, body);
      if (member(message, "method") === METHOD.create) {
        await exchange.answered.promise;
        if (exchange.full !== undefined) {
          await body.stream.cancel();
          return jsonText(503, exchange.full, RETRY_LATER);
        }
      }
      return new Response(body.stream, response);
    } finally {
      if (!accepted) {
        if (id !== undefined) this.#answered(id);
        ticket.end();
      }
      // Only an initialize opens a transport session; anything else was refused.
      if (this.#sdk.sessionId === undefined) await this.close();
    }
  }

  /** Ends the stream that waits for the server to speak; who does not read what is left loses it. */
  endStandaloneStream(): void {
    const { body, ticket } = this.#standalone ?? {};
    this.#sdk.closeStandaloneSSEStream();
    if (body !== undefined && ticket !== undefined) this.#unread.wait(body, ticket);
  }

  /** Closes the transport, and the server with it, whose failure is told to itself alone. */
  async close(): Promise<void> {
    try {
      await this.#sdk.close();
    } catch (error) {
      this.#sdk.onerror?.(asError(error));
    }
  }

  /** Sends what is no answer, unless the reader can do without it and has much to read already. */
  async #say(
    message: Spoken,
    options: SendOptions,
  ): Promise<void> {
    const about = options?.relatedRequestId;
    const exchange = about === undefined ? this.#standalone : this.#exchanges.get(about);
    if (exchange !== undefined) {
      if (exchange.isFull && !("id" in message)) return;
      exchange.sentBytes += JSON.stringify(message).length;
    }
    await this.#send(message, options);
  }

  async #answer(
    message: Exclude<JSONRPCMessage, Spoken>,
    options: SendOptions,
  ): Promise<void> {
    // The SDK would end the stream of an answer that is no JSON without a word.
    const { answer, text } = encodeResponse(message);
    const exchange = message.id === undefined ? undefined : this.#exchanges.get(message.id);
    if (exchange === undefined) return await this.#send(answer, options);
    if (text.length > SMALL_ANSWER_BYTES) {
      exchange.isLarge = exchange.ticket.holdAnswer(utf8Length(text));
    } else if (saysFull(answer)) {
      exchange.full = text;
    }
    try {
      const isLost = text.length > SMALL_ANSWER_BYTES && !exchange.isLarge;
      await this.#send(isLost ? tooMuchUnread(message.id) : answer, options);
    } finally {
      // It fails when the client has gone; its call is over all the same.
      if (message.id !== undefined) this.#answered(message.id);
    }
  }

  #answered(id: RequestId): void {
    const exchange = this.#exchanges.get(id);
    if (exchange === undefined) return;
    this.#exchanges.delete(id);
    this.#usedAt = performance.now();
    exchange.answered.resolve();
    if (!exchange.isLarge) exchange.ticket.end();
    else if (exchange.body !== undefined) this.#unread.wait(exchange.body, exchange.ticket);
  }

  /** A request that is cancelled gets no answer: the SDK would keep its stream for ever. */
  #endCancelled(message: JSONRPCMessage | undefined): void {
    if (member(message, "method") !== "notifications/cancelled") return;
    const id = member(member(message, "params"), "requestId");
    if (typeof id !== "string" && typeof id !== "number") return;
    this.#sdk.closeSSEStream(id);
    this.#answered(id);
  }

  /** Counts a stream as use of the session for as long as somebody reads it. */
  #listenTo(exchange: Exchange, body: AnswerBody): void {
    this.#standalone = exchange;
    body.watch({
      onread: () => {},
      onover: () => {
        if (this.#standalone === exchange) this.#standalone = undefined;
        this.#usedAt = performance.now();
      },
    });
  }
}
