/**
 * Client requests: requests of tools to a legacy client, and its responses, which the server behind the
 * era layer never sees.
 *
 * @module
 */

import { member } from "../../../runtime/json.ts";
import { CoalescedTimer } from "../../../runtime/coalesced_timer.ts";
import type {
  JSONRPCMessage,
  JSONRPCRequest,
  JSONRPCResponse,
  RequestId,
  TransportSendOptions,
} from "../sdk.ts";
import type { InputRequest } from "./input_request.ts";
import { REQUEST_STATE_MS } from "./request_state_limits.ts";

type Send = (message: JSONRPCMessage, options: TransportSendOptions) => Promise<void>;

interface PendingRequest {
  readonly method: string;
  /** The id of the call that it belongs to. */
  readonly call: RequestId;
  readonly response: PromiseWithResolvers<unknown>;
}

export class ClientRequests {
  readonly #send: Send;
  readonly #pending = new Map<RequestId, PendingRequest>();
  readonly #overdue: CoalescedTimer<RequestId>;
  #isStopped = false;

  /** A client has the same time to answer in both eras. */
  constructor(send: Send, timeoutMs: number = REQUEST_STATE_MS) {
    this.#send = send;
    this.#overdue = new CoalescedTimer(timeoutMs, (id) => this.#cancel([id], "it takes too long"));
  }

  /**
   * Sends the requests of a call at once. @returns The results, which are not checked.
   *
   * @throws {Error} if one cannot be sent, is refused, or gets no response as it takes too long or the call
   * is over. The others are cancelled.
   */
  async request(
    call: RequestId,
    requests: Readonly<Record<string, InputRequest>>,
  ): Promise<Record<string, unknown>> {
    if (this.#isStopped) throw new Error("Cannot ask the client as the connection is closed");
    const sent: RequestId[] = [];
    try {
      const results = Object.entries(requests).map(async ([key, request]) => {
        // The server behind numbers its own.
        const id = `ask:${crypto.randomUUID()}`;
        sent.push(id);
        return [key, await this.#requestOne(id, call, request)] as const;
      });
      return Object.fromEntries(await Promise.all(results));
    } catch (error) {
      this.#cancel(sent, "another one has failed");
      throw error;
    }
  }

  /** Whether it is a response to one of these requests, which then have it. */
  takeResponse(message: JSONRPCResponse): boolean {
    const pending = message.id === undefined ? undefined : this.#take(message.id);
    if (pending === undefined) return false;
    if ("result" in message) pending.response.resolve(message.result);
    else {
      const { code, message: reason } = message.error;
      pending.response.reject(
        new Error(`The client has refused ${pending.method}: ${reason} (${code})`),
      );
    }
    return true;
  }

  /** Cancels what a call has asked: it is answered, or its caller has cancelled it. */
  endCall(call: RequestId): void {
    if (this.#pending.size === 0) return;
    const ids = [...this.#pending].flatMap(([id, pending]) => pending.call === call ? [id] : []);
    this.#cancel(ids, "the call is over");
  }

  /** Ends all waiting: nothing comes from the client any more. */
  stop(): void {
    this.#isStopped = true;
    for (const id of [...this.#pending.keys()]) {
      rejectUnanswered(this.#take(id), "the connection is closed");
    }
    this.#overdue.stop();
  }

  #requestOne(id: RequestId, call: RequestId, request: InputRequest): Promise<unknown> {
    const response = Promise.withResolvers<unknown>();
    this.#pending.set(id, { method: request.method, call, response });
    this.#overdue.begin(id);
    // Not awaited first: a response may come before the end of the send.
    this.#send(legacyRequest(id, request), { relatedRequestId: call }).catch((error) => {
      this.#take(id);
      response.reject(error);
    });
    return response.promise;
  }

  #cancel(ids: readonly RequestId[], why: string): void {
    for (const requestId of ids) {
      const pending = this.#take(requestId);
      if (pending === undefined) continue;
      rejectUnanswered(pending, why);
      const method = "notifications/cancelled";
      const options = { relatedRequestId: pending.call };
      this.#send({ jsonrpc: "2.0", method, params: { requestId } }, options)
        // The client may be gone.
        .catch(() => {});
    }
  }

  #take(id: RequestId): PendingRequest | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.#overdue.end(id);
    return pending;
  }
}

function rejectUnanswered(pending: PendingRequest | undefined, why: string): void {
  pending?.response.reject(new Error(`There is no answer to ${pending.method} as ${why}`));
}

function legacyRequest(id: RequestId, { method, params }: InputRequest): JSONRPCRequest {
  // Only the legacy era has an id for each elicitation by URL.
  const isUrl = method === "elicitation/create" && member(params, "mode") === "url";
  const elicitation = isUrl ? { elicitationId: crypto.randomUUID() } : {};
  return { jsonrpc: "2.0", id, method, params: { ...elicitation, ...params } };
}
