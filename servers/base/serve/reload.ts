/**
 * Reload: what a server reads or opens again when it gets SIGHUP.
 *
 * @module
 */

import { messageOf } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log.ts";
import { Mutex } from "../../../runtime/mutex.ts";
import { onHangup } from "../../../runtime/stop_signal.ts";

/** Something that SIGHUP reloads. */
export interface Reloadable {
  /** What the log says when it is done. */
  readonly done: string;
  /** What it says when that failed, before the reason. */
  readonly failed: string;
  /** Takes it anew; if it rejects, what was there stays in force. */
  readonly reload: () => Promise<void>;
}

/** Reloads at each SIGHUP. With nothing to reload, the signal ends the process as ever. */
export function reloadOnHangup(things: readonly Reloadable[], log: Log): void {
  for (const { done, failed, reload } of things) {
    // What was read first must not replace what was read later. No other thing waits for a slow file.
    const turn = new Mutex();
    onHangup(() =>
      void turn.run(async () => {
        try {
          await reload();
          log("info", `SIGHUP: ${done}`);
        } catch (error) {
          log("error", `SIGHUP: ${failed}: ${messageOf(error)}`);
        }
      })
    );
  }
}
