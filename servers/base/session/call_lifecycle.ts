/**
 * Lifecycle of calls and other requests: each begins here once and finishes here once, answered or
 * not. The place to emit a metric for each call.
 *
 * @module
 */

import type { JSONRPCRequest, RequestId } from "../sdk.ts";
import type { LookupFailure } from "./current_session.ts";
import type { Resolved } from "./session_resolver.ts";

export interface PendingRequest {
  readonly id: RequestId;
  readonly method: string;
  resolved: Resolved;
  lookupFailure?: LookupFailure;
}

/** The pending requests of one connection. */
export class CallLifecycle {
  readonly #pending = new Map<RequestId, PendingRequest>();

  /** Begins a request; `undefined` if its id is that of a pending one. */
  begin({ id, method }: JSONRPCRequest): PendingRequest | undefined {
    if (this.#pending.has(id)) return undefined;
    const request = { id, method, resolved: { session: undefined, isCookieDead: false } };
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
