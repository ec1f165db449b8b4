/**
 * The limit on the size of a process's files (`ulimit -f`).
 *
 * @module
 */

import { within } from "./time_limit.ts";

/** The longest delay of the signal (SIGXFSZ), which the system sends before the write fails. */
const SIGNAL_MS = 1000;

let signal: PromiseWithResolvers<void> | undefined;

/**
 * Lets a write past the limit fail like one to a full disk. Without it the system ends the process. For
 * programs alone: a library leaves signals to its user.
 */
export function surviveSizeLimit(): void {
  // Windows has no such limit.
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGXFSZ", () => signal?.resolve());
}

export function noteSizeLimit(): void {
  signal = Promise.withResolvers();
}

/**
 * Waits for the signal of the last write past the limit, if there was one. A process that ends before
 * it arrives is killed by it, with another exit status.
 */
export async function settleSizeLimit(): Promise<void> {
  if (signal === undefined) return;
  // A file system's own limit sends none.
  await within(SIGNAL_MS, signal.promise);
}
