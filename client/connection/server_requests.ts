/**
 * The server's requests to the client, under ids that are unique across connections.
 *
 * @module
 */

import { cancelledId } from "../../jsonrpc/message.ts";
import type { InFlightRequest } from "./in_flight.ts";
import { isNotification, isRequest, isResponse } from "../../jsonrpc/transport.ts";
import type { JSONRPCMessage, JSONRPCNotification, JSONRPCResponse, RequestId } from "../sdk.ts";

/** The most tasks whose progress tokens are kept; the oldest are forgotten. */
const MAX_TASKS = 1000;

interface PendingServerRequest {
  readonly id: RequestId;
  readonly progressToken: RequestId | undefined;
  /** Whether it began a task, whose progress goes on after the answer. */
  readonly isTask: boolean;
  /** The client's request whose answer stream it came on; `undefined` without streams. */
  readonly clientRequest: InFlightRequest | undefined;
}

/**
 * Translates the ids and progress tokens of one connection. Servers count their requests from 0, so
 * a late answer to a dead server would otherwise answer its successor's request.
 */
export class ServerRequests {
  readonly #newId: () => number;
  readonly #pendingRequests = new Map<RequestId, PendingServerRequest>();
  readonly #ids = new Map<RequestId, number>();
  /** The progress tokens of running tasks, oldest first. */
  readonly #taskTokens = new Map<RequestId, RequestId>();

  constructor(newId: () => number) {
    this.#newId = newId;
  }

  incoming(message: JSONRPCMessage, clientRequest: InFlightRequest | undefined): JSONRPCMessage[] {
    const cancelled = cancelledId(message);
    if (isNotification(message) && cancelled !== undefined) {
      const requestId = this.#ids.get(cancelled);
      if (requestId === undefined) return [];
      this.#forget(requestId);
      return [{ ...message, params: { ...message.params, requestId } }];
    }
    if (!isRequest(message)) return [message];
    // A restarted server behind the same connection counts from 0 again.
    const superseded = this.#ids.get(message.id);
    const cancellations = superseded === undefined ? [] : [this.#cancel(superseded)];
    const id = this.#newId();
    const { params } = message;
    const progressToken = params?._meta?.progressToken;
    const isTask = params?.task !== undefined;
    this.#pendingRequests.set(id, { id: message.id, progressToken, isTask, clientRequest });
    this.#ids.set(message.id, id);
    if (progressToken === undefined) return [...cancellations, { ...message, id }];
    const _meta = { ...params?._meta, progressToken: id };
    return [...cancellations, { ...message, id, params: { ...params, _meta } }];
  }

  owns(reply: JSONRPCResponse | JSONRPCNotification): boolean {
    const id = isResponse(reply) ? reply.id : progressTokenOf(reply);
    if (id === undefined) return false;
    return isResponse(reply)
      ? this.#pendingRequests.has(id)
      : this.#progressToken(id) !== undefined;
  }

  /** Translates a message of the client for the server. A response ends its request. */
  outgoing(message: JSONRPCMessage): JSONRPCMessage {
    if (isResponse(message)) {
      const pending = message.id === undefined ? undefined : this.#pendingRequests.get(message.id);
      if (pending === undefined || message.id === undefined) return message;
      this.#forget(message.id);
      if (pending.isTask) this.#keepToken(message.id, pending.progressToken);
      return { ...message, id: pending.id };
    }
    const token = progressTokenOf(message);
    if (token === undefined) return message;
    return { ...message, params: { ...message.params, progressToken: this.#progressToken(token) } };
  }

  /** The server's own id for the request that the client knows as `id`. */
  idOf(id: RequestId): RequestId | undefined {
    return this.#pendingRequests.get(id)?.id;
  }

  /** Ends every request, or those on the answer stream of `clientRequest`, and cancels them. */
  cancelAll(clientRequest?: InFlightRequest): JSONRPCMessage[] {
    const open = [...this.#pendingRequests].filter(([, pending]) =>
      !clientRequest || pending.clientRequest === clientRequest
    );
    return open.map(([id]) => this.#cancel(id));
  }

  #progressToken(id: RequestId): RequestId | undefined {
    return this.#pendingRequests.get(id)?.progressToken ?? this.#taskTokens.get(id);
  }

  #keepToken(id: RequestId, token: RequestId | undefined): void {
    if (token !== undefined) this.#taskTokens.set(id, token);
    const [oldest] = this.#taskTokens.keys();
    if (oldest !== undefined && this.#taskTokens.size > MAX_TASKS) this.#taskTokens.delete(oldest);
  }

  #cancel(requestId: RequestId): JSONRPCMessage {
    this.#forget(requestId);
    const params = { requestId, reason: "The connection to the server broke" };
    return { jsonrpc: "2.0", method: "notifications/cancelled", params };
  }

  #forget(id: RequestId): void {
    const pending = this.#pendingRequests.get(id);
    this.#pendingRequests.delete(id);
    if (pending !== undefined) this.#ids.delete(pending.id);
  }
}

export function progressTokenOf(message: JSONRPCMessage): RequestId | undefined {
  if (!isNotification(message) || message.method !== "notifications/progress") return undefined;
  const token = message.params?.progressToken;
  return typeof token === "string" || typeof token === "number" ? token : undefined;
}
