/**
 * Request log: a line of the log for each request of a client.
 *
 * @module
 */

import type { Log } from "../../../runtime/log.ts";
import type { Observer } from "./observer.ts";

/** The observer that writes it, at the level `info`. */
export function requestLog(log: Log): Observer {
  return {
    request: ({ method, target, era, transport, id, owner, address }) => ({
      end: ({ kind, code, durationMs, session }) =>
        log("info", "request", {
          method,
          target,
          outcome: kind,
          code,
          ms: Math.round(durationMs * 100) / 100,
          session: session?.key,
          via: session?.via,
          era,
          transport,
          id,
          owner,
          address,
        }),
    }),
  };
}
