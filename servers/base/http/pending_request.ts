/**
 * Pending request of the stateless transport: its HTTP response, as JSON or as an event stream.
 *
 * @module
 */

import { LISTEN } from "../../../protocol/era.ts";
import { METHOD } from "../../../protocol/methods.ts";
import { utf8Length } from "../../../runtime/utf8.ts";
import type { EraSendOptions } from "../era/era_transport.ts";
import { encodeResponse } from "../message_reader.ts";
import type { JSONRPCResponse, RequestId } from "../sdk.ts";
import { isBraked, isStoreFull } from "../wire_errors.ts";
import { jsonResponse, RETRY_LATER } from "./error_responses.ts";
import { EventStream, eventStreamResponse } from "./event_stream.ts";
import type { Lease } from "./request_quota.ts";
import {
  ResponseBody,
  SMALL_RESPONSE_BYTES,
  unreadQuotaError,
  type UnreadResponses,
} from "./response_body.ts";

interface PendingRequestOptions {
  /** The id that the client has given. */
  readonly wireId: RequestId;
  readonly method: string;
  /** The caller who may cancel the request: its principal, or everybody with the same cookie. */
  readonly caller: () => string | undefined;
  readonly lease: Lease;
  /** Called when the event stream is over; `undefined` if the request outlives its connection. */
  readonly onover: (() => void) | undefined;
}

export class PendingRequest {
  readonly wireId: RequestId;
  readonly caller: () => string | undefined;
  readonly #method: string;
  readonly #lease: Lease;
  readonly #onover: (() => void) | undefined;
  readonly #response = Promise.withResolvers<Response>();
  #stream: EventStream | undefined;

  constructor({ wireId, method, caller, lease, onover }: PendingRequestOptions) {
    this.wireId = wireId;
    this.caller = caller;
    this.#method = method;
    this.#lease = lease;
    this.#onover = onover;
  }

  get response(): Promise<Response> {
    return this.#response.promise;
  }

  /** Whether the loss of the connection would matter, and goes unnoticed without an event stream. */
  get isUnwatched(): boolean {
    return this.#onover !== undefined && this.#stream === undefined;
  }

  /** Sends a notification, unless the client is far behind. */
  notify(text: string): void {
    // A subscription is no call that ends: the era layer limits their number.
    if (this.#method === LISTEN) this.#lease.release();
    this.#streamed().trySend(text);
  }

  keepAlive(): void {
    this.#streamed().keepAlive();
  }

  /** Sends the response; one that is large counts against the quota until it has been read. */
  respond(
    message: JSONRPCResponse,
    unread: UnreadResponses,
    options: EraSendOptions = {},
  ): void {
    const { httpStatus: status = 200, onreplaced } = options;
    let { text } = encodeResponse({ ...message, id: this.wireId }, options);
    if (text.length > SMALL_RESPONSE_BYTES) {
      if (this.#lease.reserveResponse(utf8Length(text))) {
        return this.#respondLarge(text, status, unread);
      }
      const lost = unreadQuotaError(this.wireId);
      onreplaced?.(lost);
      text = JSON.stringify(lost);
    }
    if (this.#stream !== undefined) {
      this.#stream.send(text);
      return this.end();
    }
    this.#lease.release();
    const isLater = "error" in message &&
      (isBraked(message) || this.#method === METHOD.create && isStoreFull(message));
    const sent = isLater ? 503 : status;
    this.#response.resolve(jsonResponse(sent, text, sent === 503 ? RETRY_LATER : undefined));
  }

  /** Ends a request that gets no further message. */
  end(): void {
    this.#lease.release();
    if (this.#stream === undefined) this.#response.resolve(eventStreamResponse(null));
    else this.#stream.end();
  }

  #respondLarge(text: string, status: number, unread: UnreadResponses): void {
    const body = this.#stream?.body ?? new ResponseBody(new Blob([text]).stream());
    unread.add(body, this.#lease);
    if (this.#stream === undefined) {
      return this.#response.resolve(jsonResponse(status, body.stream));
    }
    this.#stream.send(text);
    this.#stream.end();
  }

  #streamed(): EventStream {
    if (this.#stream === undefined) {
      this.#stream = new EventStream();
      if (this.#onover !== undefined) this.#stream.body.watch({ onover: this.#onover });
      this.#response.resolve(eventStreamResponse(this.#stream.body.stream));
    }
    return this.#stream;
  }
}
