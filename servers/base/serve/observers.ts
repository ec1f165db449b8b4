/**
 * The observers of a server: those given, and those that the command line and the environment
 * ask for. Each is loaded on demand, so that a start without them is quick.
 *
 * @module
 */

import { type Log, LOG_LEVELS, type LogLevel } from "../../../runtime/log.ts";
import { combineObservers } from "../observer/combine_observers.ts";
import type { Observer } from "../observer/observer.ts";
import { openTelemetryObserver } from "../observer/open_telemetry_observer.ts";
import { variable } from "./variables.ts";

/** All that observe a server, as one; `undefined` for none. */
export async function observerOf(
  given: readonly (Observer | undefined)[],
  logLevel: LogLevel,
  log: Log,
): Promise<Observer | undefined> {
  const logsRequests = LOG_LEVELS.indexOf(logLevel) >= LOG_LEVELS.indexOf("info");
  const observers = [
    ...given,
    logsRequests ? (await import("../observer/request_log.ts")).requestLog(log) : undefined,
    // As Deno itself decides whether it exports anything: in any case of letters.
    variable("OTEL_DENO")?.toLowerCase() === "true" ? await openTelemetryObserver() : undefined,
  ];
  return combineObservers(observers, ({ message }) => log("error", message));
}
