/**
 * The limit on the size of a process's files (`ulimit -f`).
 *
 * @module
 */

/**
 * Lets a write past the limit fail, as one to a full disk does. Without it the system ends the
 * process. For programs: what a library's user does with signals is their own.
 */
export function surviveSizeLimit(): void {
  // Windows has no such limit.
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGXFSZ", () => {});
}
