/**
 * Retries of messages that found no server.
 *
 * @module
 */

import { Deadline } from "../../runtime/deadline.ts";
import { retryAction } from "../connection/retry.ts";
import { isRequest } from "../../jsonrpc/transport.ts";
import type { JSONRPCMessage } from "../sdk.ts";
import type { SessionLayer } from "../session/session_layer.ts";

/** The deadline of `initialize`: hosts have little patience as they start. */
const INITIALIZE_MS = 5_000;
const RETRY_MS = 100;

/**
 * Sends a message. A host may start the bridge before the server listens, so an `initialize` that was
 * never sent is retried, until `signal` ends that.
 */
export async function sendWithRetry(
  layer: SessionLayer,
  message: JSONRPCMessage,
  signal: AbortSignal,
): Promise<void> {
  const isFirst = isRequest(message) && message.method === "initialize";
  const deadline = new Deadline(isFirst ? INITIALIZE_MS : 0, signal);
  for (;;) {
    try {
      return await layer.send(message);
    } catch (error) {
      if (retryAction(error) !== "backoff" || !await deadline.wait(RETRY_MS)) throw error;
    }
  }
}
