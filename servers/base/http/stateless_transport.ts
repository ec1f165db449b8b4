/**
 * The stateless Streamable HTTP transport: one MCP server answers every request, whoever sent it
 * and whichever process it reaches, because sessions do not live in the connection.
 *
 * @module
 */

import { presentedCookie } from "../../../protocol/cookie.ts";
import { METHOD } from "../../../protocol/methods.ts";
import { member } from "../../../runtime/json.ts";
import { utf8Length } from "../../../runtime/utf8.ts";
import { AnswerBody, SMALL_ANSWER_BYTES, tooMuchUnread, UnreadAnswers } from "./response_body.ts";
import { saysFull } from "../wire_errors.ts";
import { EventStream, eventStreamResponse } from "./event_stream.ts";
import { ownerOf } from "../session/session_owner.ts";
import { Load, type RequestLimits, requestLimits, type Ticket } from "./request_quota.ts";
import { encodeResponse } from "../message_reader.ts";
import { CoalescedTimer } from "../coalesced_timer.ts";
import { PostReader } from "./request_reader.ts";
import { discardBody, jsonText, refuse, refuseForNow, RETRY_LATER } from "./error_responses.ts";
import type {
  AuthInfo,
  JSONRPCMessage,
  JSONRPCRequest,
  RequestId,
  Transport,
  TransportSendOptions,
} from "../sdk.ts";

/** How a {@linkcode StatelessHttpTransport} serves. */
export interface StatelessHttpOptions {
  /** What it takes on at the most; past that a request is answered with 503. */
  readonly limits?: Partial<RequestLimits> | undefined;
  /**
   * How often a connection whose call takes long is shown to be in use, in milliseconds: its answer
   * becomes an event stream with comments in it. @default 15_000
   */
  readonly keepAliveMs?: number | undefined;
}

/** A request that has no answer yet. */
interface InFlight {
  /** The id that the client gave it. */
  readonly id: RequestId;
  readonly method: string;
  /** Who may cancel it: the principal, or whoever presents the same cookie. */
  readonly caller: string | undefined;
  /** Its part of what the server has taken on. */
  readonly ticket: Ticket;
  /** Settles the HTTP exchange, with JSON or with the head of an event stream. */
  readonly respond: (response: Response) => void;
  /** Set once the answer has become an event stream. */
  stream: EventStream | undefined;
}

/**
 * Serves Streamable HTTP without transport sessions. Give `fetch` to an HTTP server, behind
 * {@linkcode httpHandler}.
 *
 * Each request runs under an id of the transport's own, so that clients' ids cannot meet. The server
 * behind it is one for all: what it keeps of an `initialize`, as `getClientVersion()` and
 * `getClientCapabilities()` give it, is the last caller's, whoever that was. What needs a lasting
 * connection is not here: a tool that sends a request to the client gets an error, and a notification
 * that belongs to no request is dropped, as is one to a client that does not read. A lost connection
 * does not cancel the call that it carried.
 */
export class StatelessHttpTransport implements Transport {
  readonly #inFlight = new Map<RequestId, InFlight>();
  readonly #load: Load;
  readonly #reader: PostReader;
  readonly #unread: UnreadAnswers;
  readonly #long: CoalescedTimer<InFlight>;
  #lastId = 0;
  #closed = false;
  /** Called when the transport is closed. */
  onclose?: (() => void) | undefined;
  /** Called with what goes wrong beside any request. */
  onerror?: ((error: Error) => void) | undefined;
  /** Called with each message that came in. */
  onmessage?: Transport["onmessage"];

  /**
   * Makes a transport for one server.
   *
   * @throws {RangeError} if a limit is not more than 0.
   */
  constructor(options: StatelessHttpOptions = {}) {
    const limits = requestLimits(options.limits);
    this.#load = new Load(limits);
    this.#reader = new PostReader(limits);
    this.#unread = new UnreadAnswers(limits);
    this.#long = new CoalescedTimer(
      options.keepAliveMs ?? 15_000,
      (flight) => this.#streamOf(flight).keepAlive(),
    );
  }

  /** Does nothing: requests come in by `fetch`. */
  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Takes nothing more on: who is still sending is told to come back. What runs is answered. */
  stop(): void {
    this.#reader.stop();
  }

  /** Ends every exchange that is still without an answer. */
  close(): Promise<void> {
    this.#closed = true;
    for (const id of this.#inFlight.keys()) this.#end(this.#take(id));
    this.#long.stop();
    this.#reader.stop();
    this.#unread.stop();
    this.onclose?.();
    return Promise.resolve();
  }

  /** Answers one HTTP request, on behalf of the caller that `authInfo` describes. */
  async fetch(request: Request, authInfo?: AuthInfo): Promise<Response> {
    if (request.method !== "POST") {
      await discardBody(request);
      return refuse(405, "Method not allowed: send each message by POST", { allow: "POST" });
    }
    const ticket = this.#isOpen() ? this.#load.take(ownerOf(authInfo)) : undefined;
    if (ticket === undefined) {
      await discardBody(request);
      return this.#isOpen() ? refuseForNow("it has too many requests") : notOpen();
    }
    const message = await this.#reader.read(request, ticket);
    if (!(message instanceof Response) && "method" in message && "id" in message) {
      return await this.#exchange(message, request, authInfo, ticket);
    }
    ticket.end();
    if (message instanceof Response) return message;
    this.#receive(message, authInfo);
    return new Response(null, { status: 202 });
  }

  /** Sends an answer, or a notification that belongs to a request, to whoever sent the request. */
  send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (!("method" in message)) {
      this.#answer(message);
    } else if ("id" in message) {
      return Promise.reject(
        new Error(
          `Cannot send ${message.method} to the client as a stateless server has no connection ` +
            "to it: start the server with --stateful",
        ),
      );
    } else if (options?.relatedRequestId !== undefined) {
      const flight = this.#inFlight.get(options.relatedRequestId);
      if (flight !== undefined) this.#streamOf(flight).offer(JSON.stringify(message));
    }
    return Promise.resolve();
  }

  #isOpen(): boolean {
    return this.onmessage !== undefined && !this.#closed;
  }

  #exchange(
    request: JSONRPCRequest,
    http: Request,
    authInfo: AuthInfo | undefined,
    ticket: Ticket,
  ): Promise<Response> {
    if (!this.#isOpen()) {
      ticket.end();
      return Promise.resolve(notOpen());
    }
    const { promise, resolve: respond } = Promise.withResolvers<Response>();
    const id = ++this.#lastId;
    const { method, params } = request;
    const caller = callerOf(params, authInfo);
    const flight = { id: request.id, method, caller, ticket, respond, stream: undefined };
    this.#inFlight.set(id, flight);
    this.#long.begin(flight);
    const requestInfo = new HttpRequestInfo(http);
    this.onmessage?.({ ...request, id }, { requestInfo, ...(authInfo && { authInfo }) });
    return promise;
  }

  #receive(message: JSONRPCMessage, authInfo: AuthInfo | undefined): void {
    // A response answers a request of ours, and this transport sends none.
    if (!("method" in message)) return;
    if (message.method !== "notifications/cancelled") return this.onmessage?.(message);
    const requestId = this.#cancel(message.params, callerOf(message.params, authInfo));
    if (requestId === undefined) return;
    this.onmessage?.({ ...message, params: { ...message.params, requestId } });
  }

  /**
   * Frees the one request in flight that has this id and comes from this caller. Ids are chosen by
   * clients, so without the caller anybody could cancel anybody's call.
   */
  #cancel(params: unknown, caller: string | undefined): RequestId | undefined {
    const requestId = member(params, "requestId");
    if (caller === undefined) return undefined;
    const [id, ...others] = [...this.#inFlight].flatMap(([id, flight]) =>
      flight.id === requestId && flight.caller === caller ? [id] : []
    );
    if (id === undefined || others.length > 0) return undefined;
    this.#end(this.#take(id));
    return id;
  }

  #answer(message: JSONRPCMessage & { id?: RequestId | undefined }): void {
    const flight = message.id === undefined ? undefined : this.#take(message.id);
    if (flight === undefined) return;
    let { text } = encodeResponse({ ...message, id: flight.id });
    if (text.length > SMALL_ANSWER_BYTES) {
      if (flight.ticket.holdAnswer(utf8Length(text))) return this.#answerAtLength(flight, text);
      text = JSON.stringify(tooMuchUnread(flight.id));
    }
    if (flight.stream !== undefined) {
      flight.stream.send(text);
      return this.#end(flight);
    }
    flight.ticket.end();
    const refused = flight.method === METHOD.create && saysFull(message);
    flight.respond(refused ? jsonText(503, text, RETRY_LATER) : jsonText(200, text));
  }

  /** Answers with what counts until somebody has read it. */
  #answerAtLength({ stream, respond, ticket }: InFlight, text: string): void {
    const body = stream?.body ?? new AnswerBody(new Blob([text]).stream());
    this.#unread.wait(body, ticket);
    if (stream === undefined) return respond(jsonText(200, body.stream));
    stream.send(text);
    stream.end();
  }

  /** A request that is now answered, or never will be. */
  #take(id: RequestId): InFlight | undefined {
    const flight = this.#inFlight.get(id);
    if (flight === undefined) return undefined;
    this.#inFlight.delete(id);
    this.#long.end(flight);
    return flight;
  }

  /** The request's event stream; its answer becomes one if it is not yet. */
  #streamOf(flight: InFlight): EventStream {
    if (flight.stream === undefined) {
      flight.stream = new EventStream();
      flight.respond(eventStreamResponse(flight.stream.body.stream));
    }
    return flight.stream;
  }

  /** Ends an exchange that has nothing more to say. */
  #end(flight: InFlight | undefined): void {
    flight?.ticket.end();
    if (flight?.stream === undefined) flight?.respond(eventStreamResponse(null));
    else flight.stream.end();
  }
}

function notOpen(): Response {
  return refuseForNow("it is starting or stopping");
}

/** What a tool can ask about the request that its call came in: few do. */
class HttpRequestInfo {
  readonly #request: Request;

  constructor(request: Request) {
    this.#request = request;
  }

  get headers(): Record<string, string> {
    return Object.fromEntries(this.#request.headers);
  }

  get url(): URL {
    return new URL(this.#request.url);
  }
}

/** Names the caller as far as one can be told from another: by principal, else by cookie. */
function callerOf(params: unknown, authInfo: AuthInfo | undefined): string | undefined {
  const owner = ownerOf(authInfo);
  if (owner !== null) return `owner ${owner}`;
  const presented = presentedCookie(params);
  return presented.kind === "id" ? `cookie ${presented.id}` : undefined;
}
