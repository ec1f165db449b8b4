/**
 * The retry policy: which failed sends are retried, and with what backoff.
 *
 * @module
 */

import { type SendErrorKind, sendErrorKind } from "./send_errors.ts";

/**
 * - `backoff`: sent again after a pause, as the server has not seen it.
 * - `reconnect`: sent again over a new connection.
 * - `fail`: not sent again, as the server may have acted on it or has refused it.
 */
export type RetryAction = "backoff" | "reconnect" | "fail";

export function retryAction(error: unknown): RetryAction {
  return ACTIONS[sendErrorKind(error)];
}

const ACTIONS: Record<SendErrorKind, RetryAction> = {
  unsent: "backoff",
  gone: "reconnect",
  broken: "fail",
  other: "fail",
};

/** The pause after the attempt with this index, in milliseconds: 50, 100, 200, … 1,000. */
export function backoffMs(attempt: number): number {
  return Math.min(1000, 50 * 2 ** attempt);
}
