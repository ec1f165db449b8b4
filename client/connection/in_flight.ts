/**
 * A request on its way, and how code far below `send` finds out whose way it is on.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { RequestId } from "../sdk.ts";

/** A request that is sent and not answered. */
export interface Flight {
  readonly id: RequestId;
  readonly method: string;
  /** Do the events of its answer stream have ids, so that the SDK resumes the stream? */
  resumable: boolean;
  /** Its answer stream has come to an end; what has arrived on it is delivered. */
  streamEnded(): void;
}

/**
 * The request whose `send` the running code belongs to. The SDK reports a broken answer stream
 * without saying whose it was, and one that just ends not at all, but it reads the stream within
 * that `send`'s asynchronous context.
 */
export const sending = new AsyncLocalStorage<Flight | undefined>();
