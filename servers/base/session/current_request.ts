/**
 * Current request: the request of the client that code runs for, across all that it awaits.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { PendingRequest } from "./call_lifecycle.ts";

const current = new AsyncLocalStorage<PendingRequest | undefined>();

/** Delivers a message; what runs for it then finds its request, `undefined` for a notification. */
export function runInRequest(request: PendingRequest | undefined, deliver: () => void): void {
  current.run(request, deliver);
}

export function currentRequest(): PendingRequest | undefined {
  return current.getStore();
}
