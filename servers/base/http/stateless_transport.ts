/**
 * The stateless Streamable HTTP transport: one MCP server responds to every request, from any client
 * and in any process, because sessions do not live in the connection.
 *
 * @module
 */

import { presentedCookie } from "../../../protocol/cookie.ts";
import { METHOD } from "../../../protocol/methods.ts";
import { member } from "../../../runtime/json.ts";
import { utf8Length } from "../../../runtime/utf8.ts";
import {
  ResponseBody,
  SMALL_RESPONSE_BYTES,
  unreadQuotaError,
  UnreadResponses,
} from "./response_body.ts";
import { isStoreFull } from "../wire_errors.ts";
import { EventStream, eventStreamResponse } from "./event_stream.ts";
import type { EraSendOptions } from "../era/era_layer.ts";
import { ownerOf } from "../session/session_owner.ts";
import { type Lease, type RequestLimits, requestLimits, RequestQuota } from "./request_quota.ts";
import { encodeResponse } from "../message_reader.ts";
import { CoalescedTimer } from "../coalesced_timer.ts";
import { RequestReader } from "./request_reader.ts";
import {
  errorResponse,
  jsonResponse,
  respondUnread,
  RETRY_LATER,
  unavailable,
} from "./error_responses.ts";
import type { AuthInfo, JSONRPCMessage, JSONRPCRequest, RequestId, Transport } from "../sdk.ts";

/** Options of a {@linkcode StatelessHttpTransport}. */
export interface StatelessHttpOptions {
  /** The quota of requests; over it, a request gets 503. */
  readonly limits?: Partial<RequestLimits> | undefined;
  /**
   * The interval at which the connection of a long call is kept alive, in milliseconds: its response
   * becomes an event stream with comments. @default 15_000
   */
  readonly keepAliveMs?: number | undefined;
}

interface PendingRequest {
  readonly id: RequestId;
  readonly method: string;
  /** The caller who may cancel the request: its principal, or everybody with the same cookie. */
  readonly caller: string | undefined;
  readonly lease: Lease;
  /** Starts the HTTP response, with JSON or as an event stream. */
  readonly respond: (response: Response) => void;
  stream: EventStream | undefined;
}

/**
 * Serves Streamable HTTP without transport sessions. Give `fetch` to an HTTP server, behind
 * {@linkcode httpHandler}.
 *
 * Each request runs under an id of the transport's own, so that ids of clients cannot collide. All
 * clients share one server: `getClientVersion()` and `getClientCapabilities()` are those of the last
 * `initialize`, of whichever client. Without a lasting connection, a tool that sends a request to the
 * client gets an error, and a notification that belongs to no request is dropped, as is one to a client
 * that does not read. A lost connection does not cancel its call.
 */
export class StatelessHttpTransport implements Transport {
  /** Pending requests by the transport's own id. */
  readonly #pending = new Map<RequestId, PendingRequest>();
  readonly #quota: RequestQuota;
  readonly #reader: RequestReader;
  readonly #unread: UnreadResponses;
  readonly #long: CoalescedTimer<PendingRequest>;
  #lastId = 0;
  #isClosed = false;
  /** Called when the transport is closed. */
  onclose?: (() => void) | undefined;
  /** Called with errors that belong to no request. */
  onerror?: ((error: Error) => void) | undefined;
  /** Called with each incoming message. */
  onmessage?: Transport["onmessage"];

  /**
   * Makes a transport for one server.
   *
   * @throws {RangeError} if a limit is not above 0.
   */
  constructor(options: StatelessHttpOptions = {}) {
    const limits = requestLimits(options.limits);
    this.#quota = new RequestQuota(limits);
    this.#reader = new RequestReader(limits);
    this.#unread = new UnreadResponses(limits);
    this.#long = new CoalescedTimer(
      options.keepAliveMs ?? 15_000,
      (pending) => this.#streamOf(pending).keepAlive(),
    );
  }

  /** Does nothing: requests come in by `fetch`. */
  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Refuses further requests, and those whose body is still coming. Running ones get their response. */
  stop(): void {
    this.#reader.stop();
  }

  /** Ends every pending request without a response. */
  close(): Promise<void> {
    this.#isClosed = true;
    for (const id of this.#pending.keys()) this.#end(this.#take(id));
    this.#long.stop();
    this.#reader.stop();
    this.#unread.stop();
    this.onclose?.();
    return Promise.resolve();
  }

  /** Responds to one HTTP request, on behalf of the caller that `authInfo` describes. */
  async fetch(request: Request, authInfo?: AuthInfo): Promise<Response> {
    if (request.method !== "POST") {
      const message = "Method not allowed: send each message by POST";
      return await respondUnread(request, errorResponse(405, message, { allow: "POST" }));
    }
    const lease = this.#isOpen() ? this.#quota.acquire(ownerOf(authInfo)) : undefined;
    if (lease === undefined) {
      const refusal = this.#isOpen() ? unavailable("it has too many requests") : notOpen();
      return await respondUnread(request, refusal);
    }
    const message = await this.#reader.read(request, lease);
    if (!(message instanceof Response) && "method" in message && "id" in message) {
      return await this.#dispatch(message, request, authInfo, lease);
    }
    lease.release();
    if (message instanceof Response) return message;
    this.#receive(message, authInfo);
    return new Response(null, { status: 202 });
  }

  /** Sends a response, or a notification that belongs to a request, to the client of the request. */
  send(message: JSONRPCMessage, options?: EraSendOptions): Promise<void> {
    if (!("method" in message)) {
      this.#respond(message, options?.httpStatus);
    } else if ("id" in message) {
      return Promise.reject(
        new Error(
          `Cannot send ${message.method} to the client as a stateless server has no connection ` +
            "to it: start the server with --stateful",
        ),
      );
    } else if (options?.relatedRequestId !== undefined) {
      const pending = this.#pending.get(options.relatedRequestId);
      if (pending !== undefined) this.#streamOf(pending).trySend(JSON.stringify(message));
    }
    return Promise.resolve();
  }

  #isOpen(): boolean {
    return this.onmessage !== undefined && !this.#isClosed;
  }

  #dispatch(
    request: JSONRPCRequest,
    http: Request,
    authInfo: AuthInfo | undefined,
    lease: Lease,
  ): Promise<Response> {
    if (!this.#isOpen()) {
      lease.release();
      return Promise.resolve(notOpen());
    }
    const { promise, resolve: respond } = Promise.withResolvers<Response>();
    const id = ++this.#lastId;
    const { method, params } = request;
    const caller = callerOf(params, authInfo);
    const pending = { id: request.id, method, caller, lease, respond, stream: undefined };
    this.#pending.set(id, pending);
    this.#long.begin(pending);
    const requestInfo = new HttpRequestInfo(http);
    this.onmessage?.({ ...request, id }, { requestInfo, ...(authInfo && { authInfo }) });
    return promise;
  }

  #receive(message: JSONRPCMessage, authInfo: AuthInfo | undefined): void {
    // A client's response belongs to no request, as this transport sends none.
    if (!("method" in message)) return;
    if (message.method !== "notifications/cancelled") return this.onmessage?.(message);
    const requestId = this.#cancel(message.params, callerOf(message.params, authInfo));
    if (requestId === undefined) return;
    this.onmessage?.({ ...message, params: { ...message.params, requestId } });
  }

  /**
   * Ends the one pending request that has this id and comes from this caller. Clients choose the ids,
   * so without the caller anybody could cancel anybody's call.
   */
  #cancel(params: unknown, caller: string | undefined): RequestId | undefined {
    const requestId = member(params, "requestId");
    if (caller === undefined) return undefined;
    const [id, ...others] = [...this.#pending].flatMap(([id, pending]) =>
      pending.id === requestId && pending.caller === caller ? [id] : []
    );
    if (id === undefined || others.length > 0) return undefined;
    this.#end(this.#take(id));
    return id;
  }

  #respond(message: JSONRPCMessage & { id?: RequestId | undefined }, status = 200): void {
    const pending = message.id === undefined ? undefined : this.#take(message.id);
    if (pending === undefined) return;
    let { text } = encodeResponse({ ...message, id: pending.id });
    if (text.length > SMALL_RESPONSE_BYTES) {
      if (pending.lease.reserveResponse(utf8Length(text))) return this.#respondLarge(pending, text);
      text = JSON.stringify(unreadQuotaError(pending.id));
    }
    if (pending.stream !== undefined) {
      pending.stream.send(text);
      return this.#end(pending);
    }
    pending.lease.release();
    const isFull = pending.method === METHOD.create && isStoreFull(message);
    pending.respond(
      isFull ? jsonResponse(503, text, RETRY_LATER) : jsonResponse(status, text),
    );
  }

  /** Sends a response that counts against the quota until it has been read. */
  #respondLarge({ stream, respond, lease }: PendingRequest, text: string): void {
    const body = stream?.body ?? new ResponseBody(new Blob([text]).stream());
    this.#unread.add(body, lease);
    if (stream === undefined) return respond(jsonResponse(200, body.stream));
    stream.send(text);
    stream.end();
  }

  #take(id: RequestId): PendingRequest | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.#long.end(pending);
    return pending;
  }

  #streamOf(pending: PendingRequest): EventStream {
    if (pending.stream === undefined) {
      pending.stream = new EventStream();
      pending.respond(eventStreamResponse(pending.stream.body.stream));
    }
    return pending.stream;
  }

  /** Ends a request that gets no further message. */
  #end(pending: PendingRequest | undefined): void {
    pending?.lease.release();
    if (pending?.stream === undefined) pending?.respond(eventStreamResponse(null));
    else pending.stream.end();
  }
}

function notOpen(): Response {
  return unavailable("it is starting or stopping");
}

/** The HTTP request of a call, for its tool: converted on demand, as few tools look. */
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

/** Names the caller by its principal, else by its cookie; `undefined` if it has neither. */
function callerOf(params: unknown, authInfo: AuthInfo | undefined): string | undefined {
  const owner = ownerOf(authInfo);
  if (owner !== null) return `owner ${owner}`;
  const presented = presentedCookie(params);
  return presented.kind === "id" ? `cookie ${presented.id}` : undefined;
}
