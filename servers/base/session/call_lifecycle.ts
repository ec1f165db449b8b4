/**
 * Lifecycle of calls and other requests: each begins here once and finishes here once, answered or
 * not.
 *
 * @module
 */

import { type Caller, callerOf } from "../era/caller.ts";
import type { ClientInput } from "../era/client_input.ts";
import type { JSONRPCRequest, MessageExtraInfo, RequestId } from "../sdk.ts";
import type { LookupFailure } from "./current_session.ts";
import type { Resolved } from "./session_resolver.ts";

export interface PendingRequest {
  readonly id: RequestId;
  readonly method: string;
  /** Its client, if it is a modern request, which speaks for itself alone. */
  readonly caller: Caller | undefined;
  /** Whether it came in an HTTP request of its own. */
  readonly isFromHttp: boolean;
  /** The way to ask its client. */
  readonly client: ClientInput;
  resolved: Resolved;
  lookupFailure?: LookupFailure;
  isFinished: boolean;
}

/** The pending requests of one connection. */
export class CallLifecycle {
  readonly #pending = new Map<RequestId, PendingRequest>();
  readonly #client: ClientInput;

  constructor(client: ClientInput) {
    this.#client = client;
  }

  /** Begins a request; `undefined` if its id is that of a pending one. */
  begin(
    { id, method }: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
  ): PendingRequest | undefined {
    if (this.#pending.has(id)) return undefined;
    const resolved = { session: undefined, isCookieDead: false };
    // Not `extra`, with its HTTP request: an AsyncLocalStorage of Deno keeps its values, once they are old,
    // until a full collection.
    const request = {
      id,
      method,
      caller: callerOf(extra),
      isFromHttp: extra?.requestInfo !== undefined,
      client: this.#client,
      resolved,
      isFinished: false,
    };
    this.#pending.set(id, request);
    return request;
  }

  isPending(request: PendingRequest): boolean {
    return this.#pending.get(request.id) === request;
  }

  /** Finishes a request: it is answered, or never will be. `undefined` if it was finished before. */
  finish(id: RequestId): PendingRequest | undefined {
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    if (request !== undefined) request.isFinished = true;
    return request;
  }

  /** Finishes a request that gets no answer: it is cancelled, or its connection closed. */
  abandon(id: RequestId): void {
    this.finish(id)?.resolved.session?.close();
  }

  abandonAll(): void {
    for (const id of [...this.#pending.keys()]) this.abandon(id);
  }
}
