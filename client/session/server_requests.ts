/**
 * The server's requests to the client, under ids that no two of them share.
 *
 * @module
 */

import { cancelledId } from "../../jsonrpc/message.ts";
import type { Flight } from "../connection/in_flight.ts";
import {
  isNotification,
  isRequest,
  isResponse,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCResponse,
  type RequestId,
} from "../sdk.ts";

/** Answered requests whose tasks may still be told about; the oldest ones are forgotten. */
const MAX_TASKS = 1000;

/** A request without an answer. */
interface Asked {
  /** The server's own id of it. */
  readonly id: RequestId;
  readonly progressToken: RequestId | undefined;
  /** Progress goes on after the answer. */
  readonly isTask: boolean;
  /** The client's request whose answer stream it came on; `undefined` where there are no streams. */
  readonly flight: Flight | undefined;
}

/**
 * Translates the ids and progress tokens of one connection. Servers count their requests from 0, so
 * a late answer to the question of a dead one would else answer its successor's.
 */
export class ServerRequests {
  readonly #newId: () => number;
  readonly #asked = new Map<RequestId, Asked>();
  /** The ids of those, by the server's own. */
  readonly #ids = new Map<RequestId, number>();
  /** The tokens of tasks that go on, oldest first. */
  readonly #tasks = new Map<RequestId, RequestId>();

  /** Takes ids from `newId`, which gives none twice. */
  constructor(newId: () => number) {
    this.#newId = newId;
  }

  /** What the client gets for a message of the server's. */
  incoming(message: JSONRPCMessage, flight: Flight | undefined): JSONRPCMessage[] {
    const cancelled = cancelledId(message);
    if (isNotification(message) && cancelled !== undefined) {
      const requestId = this.#ids.get(cancelled);
      if (requestId === undefined) return [];
      this.#forget(requestId);
      return [{ ...message, params: { ...message.params, requestId } }];
    }
    if (!isRequest(message)) return [message];
    // A successor may stand behind the same connection, and count from 0 again.
    const superseded = this.#ids.get(message.id);
    const withdrawn = superseded === undefined ? [] : [this.#withdrawn(superseded)];
    const id = this.#newId();
    const { params } = message;
    const progressToken = params?._meta?.progressToken;
    const isTask = params?.task !== undefined;
    this.#asked.set(id, { id: message.id, progressToken, isTask, flight });
    this.#ids.set(message.id, id);
    if (progressToken === undefined) return [...withdrawn, { ...message, id }];
    const _meta = { ...params?._meta, progressToken: id };
    return [...withdrawn, { ...message, id, params: { ...params, _meta } }];
  }

  /** Is this an answer to, or the progress of, a request of this connection? */
  concerns(reply: JSONRPCResponse | JSONRPCNotification): boolean {
    const id = isResponse(reply) ? reply.id : tokenOf(reply);
    if (id === undefined) return false;
    return isResponse(reply) ? this.#asked.has(id) : this.#token(id) !== undefined;
  }

  /** What the server gets for a message of the client's; an answer is its request's last. */
  outgoing(message: JSONRPCMessage): JSONRPCMessage {
    if (isResponse(message)) {
      const asked = message.id === undefined ? undefined : this.#asked.get(message.id);
      if (asked === undefined || message.id === undefined) return message;
      this.#forget(message.id);
      if (asked.isTask) this.#keepToken(message.id, asked.progressToken);
      return { ...message, id: asked.id };
    }
    const token = tokenOf(message);
    if (token === undefined) return message;
    return { ...message, params: { ...message.params, progressToken: this.#token(token) } };
  }

  /** The server's own id of the request that the client knows as `id`. */
  idOf(id: RequestId): RequestId | undefined {
    return this.#asked.get(id)?.id;
  }

  /** Gives up all requests, or those that came on the answer stream of `flight`; tells the client. */
  withdraw(flight?: Flight): JSONRPCMessage[] {
    const open = [...this.#asked].filter(([, asked]) => !flight || asked.flight === flight);
    return open.map(([id]) => this.#withdrawn(id));
  }

  #token(id: RequestId): RequestId | undefined {
    return this.#asked.get(id)?.progressToken ?? this.#tasks.get(id);
  }

  #keepToken(id: RequestId, token: RequestId | undefined): void {
    if (token !== undefined) this.#tasks.set(id, token);
    const [oldest] = this.#tasks.keys();
    if (oldest !== undefined && this.#tasks.size > MAX_TASKS) this.#tasks.delete(oldest);
  }

  #withdrawn(requestId: RequestId): JSONRPCMessage {
    this.#forget(requestId);
    const params = { requestId, reason: "The connection to the server broke" };
    return { jsonrpc: "2.0", method: "notifications/cancelled", params };
  }

  #forget(id: RequestId): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (asked !== undefined) this.#ids.delete(asked.id);
  }
}

/** The token of a progress notification. */
export function tokenOf(message: JSONRPCMessage): RequestId | undefined {
  if (!isNotification(message) || message.method !== "notifications/progress") return undefined;
  const token = message.params?.progressToken;
  return typeof token === "string" || typeof token === "number" ? token : undefined;
}
