/**
 * The host's pending requests: those without a response yet, by the host's ids.
 *
 * @module
 */

import type { JSONRPCRequest, RequestId } from "../sdk.ts";
import type { HostSession } from "./host_session.ts";
import type { RequestPlan } from "./request_plan.ts";

export interface PendingRequest {
  readonly request: JSONRPCRequest;
  readonly session: HostSession | undefined;
  /** The count of the session's losses when the request came. */
  readonly losses: number;
  plan?: RequestPlan;
  /** Resolves, by `settle`, when the request is no longer pending. */
  readonly settled: Promise<void>;
  readonly settle: () => void;
}

export class PendingRequests {
  readonly #pending = new Map<RequestId, PendingRequest>();
  #onEmpty: (() => void) | undefined;

  get size(): number {
    return this.#pending.size;
  }

  get(id: RequestId): PendingRequest | undefined {
    return this.#pending.get(id);
  }

  requests(): Iterable<JSONRPCRequest> {
    return this.#pending.values().map(({ request }) => request);
  }

  isUnplanned(id: RequestId): boolean {
    const pending = this.#pending.get(id);
    return pending !== undefined && pending.plan === undefined;
  }

  /** Adds a request, whose session then is in use. */
  add(request: JSONRPCRequest, session: HostSession | undefined): PendingRequest {
    if (session !== undefined) session.inFlight++;
    const { promise, resolve } = Promise.withResolvers<void>();
    const losses = session?.losses ?? 0;
    const pending = { request, session, losses, settled: promise, settle: resolve };
    this.#pending.set(request.id, pending);
    return pending;
  }

  settle(id: RequestId): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (pending.session !== undefined) pending.session.inFlight--;
    pending.plan?.release?.();
    this.#pending.delete(id);
    pending.settle();
    if (this.#pending.size === 0) this.#onEmpty?.();
  }

  empty(): Promise<void> {
    if (this.#pending.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty = resolve);
  }
}
