/**
 * The console of a program whose standard output belongs to a protocol.
 *
 * @module
 */

import { Console } from "node:console";
import process from "node:process";

/**
 * Sends `console` to stderr alone. The stream behind it is made at the first use, as that takes
 * a program that never logs longer than the rest of its start.
 */
export function logToStderr(): void {
  let made: Console | undefined;
  const make = () => {
    const { stderr } = process;
    // A host that reads the log no more has calls all the same: unheard, the error ends the process.
    stderr.on("error", () => {});
    // On a terminal, asking for its colors would take leave to read the environment.
    return new Console({ stdout: stderr, stderr, colorMode: false });
  };
  const toStderr = () => made ??= make();
  globalThis.console = new Proxy(console, {
    get: (_, name) => Reflect.get(toStderr(), name),
    set: (_, name, value) => Reflect.set(toStderr(), name, value),
  });
}
