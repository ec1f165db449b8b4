/**
 * The observers of a server: those given, and those that the command line and the environment
 * ask for. Each is loaded on demand, so that a start without them is quick.
 *
 * @module
 */

import { resolve } from "node:path";
import { UsageError } from "../../../runtime/flags.ts";
import { type Log, LOG_LEVELS, type LogLevel } from "../../../runtime/log.ts";
import { isSameFile, tryStat } from "../../../store/journal/fs.ts";
import { parseStoreUrl } from "../../../store/store_url.ts";
import type { AuditLog, AuditLogOptions } from "../observer/audit_log.ts";
import { combineObservers } from "../observer/combine_observers.ts";
import type { Observer } from "../observer/observer.ts";
import { openTelemetryObserver } from "../observer/open_telemetry_observer.ts";
import { variable } from "./variables.ts";

/**
 * Opens the audit log that `--audit` names.
 *
 * @throws {UsageError} if it is the file of the store or of the tokens, which its lines would damage.
 * @throws {JournalError} if the file cannot be opened.
 */
export async function auditLogAt(
  place: string,
  { store, tokens }: { readonly store: string; readonly tokens: string | undefined },
  options: AuditLogOptions,
): Promise<AuditLog> {
  const others = { "the store's": (await parseStoreUrl(store)).place, "that of --tokens": tokens };
  for (const [whose, other] of Object.entries(others)) {
    if (other === undefined || !isOneFile(place, other)) continue;
    throw new UsageError(`--audit needs a file of its own: ${place} is ${whose}`);
  }
  const { AuditLog } = await import("../observer/audit_log.ts");
  return new AuditLog(place, options);
}

function isOneFile(one: string, another: string): boolean {
  if (resolve(one) === resolve(another)) return true;
  const [a, b] = [tryStat(one), tryStat(another)];
  return a !== undefined && b !== undefined && isSameFile(a, b);
}

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
