/**
 * Stateless endpoint: the pending requests of all clients, on one MCP server.
 *
 * @module
 */

import { EXTENSION } from "../../../protocol/capability.ts";
import { META_KEY, presentedCookie } from "../../../protocol/cookie.ts";
import { isModern } from "../../../protocol/era.ts";
import { member } from "../../../runtime/json.ts";
import { CoalescedTimer } from "../../../runtime/coalesced_timer.ts";
import type { AddressedInfo, RenumberedInfo } from "../era/caller.ts";
import type { EraSendOptions, EraTransport, ServedEras } from "../era/era_transport.ts";
import type { AuthInfo, JSONRPCMessage, JSONRPCRequest, RequestId, Transport } from "../sdk.ts";
import { ownerOf } from "../session/session_owner.ts";
import { acceptedResponse, errorResponse, respondUnread, unavailable } from "./error_responses.ts";
import type { HttpEndpoint } from "./guard/guard.ts";
import { PendingRequest } from "./pending_request.ts";
import { type HttpResources, httpResources } from "./http_resources.ts";
import type { Lease, RequestLimits } from "./request_quota.ts";

/** Options of a `StatelessHttpTransport`. */
export interface StatelessHttpOptions {
  /** The quota of requests; over it, a request gets 503. */
  readonly limits?: Partial<RequestLimits> | undefined;
  /**
   * The interval at which the connection of a long call is kept alive, in milliseconds: its response
   * becomes an event stream with comments. @default 15_000
   */
  readonly keepAliveMs?: number | undefined;
}

/** A message of a caller, and the quota that its request holds. */
export interface IncomingMessage {
  readonly message: JSONRPCMessage;
  readonly authInfo: AuthInfo | undefined;
  /** The caller's IP address, if it is known. */
  readonly address: string | undefined;
  readonly lease: Lease;
}

/** After this time a modern request has an event stream, by which a lost connection is noticed. */
const WATCH_MS = 1000;

export class StatelessEndpoint implements EraTransport, HttpEndpoint {
  /** Pending requests by the transport's own id. */
  readonly #pending = new Map<RequestId, PendingRequest>();
  readonly #resources: HttpResources;
  readonly #long: CoalescedTimer<PendingRequest>;
  #lastId = 0;
  #isClosed = false;
  servedEras: ServedEras = "both";
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport["onmessage"];
  onstop?: (() => void) | undefined;

  /** @throws {RangeError} if a limit is not above 0. */
  constructor(
    { limits, keepAliveMs = 15_000 }: StatelessHttpOptions = {},
    resources: HttpResources = httpResources(limits),
  ) {
    this.#resources = resources;
    const watchMs = Math.min(WATCH_MS, keepAliveMs);
    this.#long = new CoalescedTimer(
      (pending) => pending.isUnwatched ? watchMs : keepAliveMs,
      (pending) => pending.keepAlive(),
    );
  }

  /** Does nothing: requests come in by `fetch`. */
  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): void {
    this.#resources.reader.stop();
    this.onstop?.();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const id of this.#pending.keys()) this.#take(id)?.end();
    this.#long.stop();
    this.#resources.reader.stop();
    this.#resources.unread.stop();
    this.onclose?.();
    return Promise.resolve();
  }

  async fetch(request: Request, authInfo?: AuthInfo, address?: string): Promise<Response> {
    if (request.method !== "POST") {
      const message = "Method not allowed: send each message by POST";
      return await respondUnread(request, errorResponse(405, message, { allow: "POST" }));
    }
    const { quota, reader } = this.#resources;
    const lease = this.#isOpen() ? quota.acquire(ownerOf(authInfo)) : undefined;
    if (lease === undefined) {
      const refusal = this.#isOpen() ? unavailable("it has too many requests") : notOpen();
      return await respondUnread(request, refusal);
    }
    const message = await reader.read(request, this.servedEras, lease);
    if (!(message instanceof Response)) {
      return await this.respond(request, { message, authInfo, address, lease });
    }
    lease.release();
    return message;
  }

  /** Responds to a request whose message has been read. */
  respond(http: Request, incoming: IncomingMessage): Promise<Response> {
    const { message, authInfo, lease } = incoming;
    if (this.#isOpen() && "method" in message && "id" in message) {
      return this.#dispatch(message, http, incoming);
    }
    lease.release();
    if (!this.#isOpen()) return Promise.resolve(notOpen());
    this.#receive(message, authInfo);
    return Promise.resolve(acceptedResponse());
  }

  /** Sends a response, or a notification that belongs to a request, to the client of the request. */
  send(message: JSONRPCMessage, options?: EraSendOptions): Promise<void> {
    if (!("method" in message)) {
      const pending = message.id === undefined ? undefined : this.#take(message.id);
      pending?.respond(message, this.#resources.unread, options);
    } else if ("id" in message) {
      return Promise.reject(
        new Error(
          `Cannot send ${message.method} to the client as a stateless server has no connection ` +
            "to it: start the server with --stateful",
        ),
      );
    } else if (options?.relatedRequestId !== undefined) {
      this.#pending.get(options.relatedRequestId)?.notify(JSON.stringify(message));
    }
    return Promise.resolve();
  }

  #isOpen(): boolean {
    return this.onmessage !== undefined && !this.#isClosed;
  }

  #dispatch(
    request: JSONRPCRequest,
    http: Request,
    { authInfo, address, lease }: IncomingMessage,
  ): Promise<Response> {
    const id = ++this.#lastId;
    const { id: wireId, method, params } = request;
    const onover = isModern(method, params) ? () => this.#abandon(id) : undefined;
    const caller = () => callerOf(params, authInfo);
    const pending = new PendingRequest({ wireId, method, caller, lease, onover });
    this.#pending.set(id, pending);
    this.#long.begin(pending);
    const requestInfo = new HttpRequestInfo(http);
    const extra: RenumberedInfo & AddressedInfo = {
      requestInfo,
      wireId,
      address,
      ...(authInfo && { authInfo }),
    };
    this.onmessage?.({ ...request, id }, extra);
    return pending.response;
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
      pending.wireId === requestId && pending.caller() === caller ? [id] : []
    );
    if (id === undefined || others.length > 0) return undefined;
    this.#take(id)?.end();
    return id;
  }

  /** Cancels a request whose client has closed the event stream; one that has its response is over. */
  #abandon(requestId: RequestId): void {
    const pending = this.#take(requestId);
    if (pending === undefined) return;
    pending.end();
    const params = { requestId, reason: "The client has closed the event stream" };
    this.onmessage?.({ jsonrpc: "2.0", method: "notifications/cancelled", params });
  }

  #take(id: RequestId): PendingRequest | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.#long.end(pending);
    return pending;
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
  for (const key of [META_KEY, EXTENSION] as const) {
    const presented = presentedCookie(params, key);
    if (presented.kind === "id") return `cookie ${presented.id}`;
  }
  return undefined;
}
