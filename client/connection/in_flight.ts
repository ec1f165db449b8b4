/**
 * Requests in flight, and how code far below `send` finds out which of them it works for.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { RequestId } from "../sdk.ts";

export interface InFlightRequest {
  readonly id: RequestId;
  readonly method: string;
  /** Whether the events of its answer stream have ids, so that the SDK resumes the stream. */
  isResumable: boolean;
  /** To be called when its answer stream has ended and has been delivered. */
  streamEnded(): void;
}

/**
 * The request whose `send` the running code belongs to. The SDK reports a broken answer stream
 * without its request, and one that just ends not at all, but reads the stream within the
 * asynchronous context of that `send`.
 */
export const requestInFlight = new AsyncLocalStorage<InFlightRequest | undefined>();
