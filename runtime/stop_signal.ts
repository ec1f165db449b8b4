/**
 * The stop signals of the system: SIGINT, SIGTERM, SIGHUP; on Windows Ctrl-C and Ctrl-Break.
 *
 * @module
 */

const STATUSES: readonly (readonly [Deno.Signal, number])[] = Deno.build.os === "windows"
  ? [["SIGINT", 130], ["SIGBREAK", 149]]
  : [["SIGHUP", 129], ["SIGINT", 130], ["SIGTERM", 143]];

/**
 * Resolves with the exit status of the first stop signal but for `except`. A second one ends
 * the process at once.
 */
export function stopSignal(except?: Deno.Signal): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let isStopping = false;
  for (const [signal, status] of STATUSES) {
    if (signal === except) continue;
    Deno.addSignalListener(signal, () => {
      if (isStopping) Deno.exit(status);
      isStopping = true;
      resolve(status);
    });
  }
  return promise;
}

/**
 * Calls `reload` at each SIGHUP, which ends the process otherwise. It still does when the terminal has
 * gone from which the process was started: nobody else would end it. Windows has no such signal to send.
 */
export function onHangup(reload: () => void): void {
  if (Deno.build.os === "windows") return;
  const hadTerminal = hasTerminal();
  Deno.addSignalListener("SIGHUP", () => {
    if (hadTerminal && !hasTerminal()) Deno.exit(129);
    reload();
  });
}

function hasTerminal(): boolean {
  return [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
}
