/**
 * The limit on the size of a process's files (`ulimit -f`).
 *
 * @module
 */

import { within } from "./time_limit.ts";

/** How long a signal may be on its way that the system has sent before the write failed. */
const SIGNAL_MS = 1000;

/** The signal that belongs to the last write past the limit. */
let signal: PromiseWithResolvers<void> | undefined;

/**
 * Lets a write past the limit fail, as one to a full disk does. Without it the system ends the
 * process. For programs: what a library's user does with signals is their own.
 */
export function surviveSizeLimit(): void {
  // Windows has no such limit.
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGXFSZ", () => signal?.resolve());
}

/** Notes that a write past the limit has failed. */
export function noteSizeLimit(): void {
  signal = Promise.withResolvers();
}

/**
 * Waits for the signal of the last write past the limit, if there was one. A process that ends before
 * is ended by it, with another exit status.
 */
export async function settleSizeLimit(): Promise<void> {
  if (signal === undefined) return;
  // A file system's own limit sends none.
  await within(SIGNAL_MS, signal.promise);
}
