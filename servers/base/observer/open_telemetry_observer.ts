import type { Observer } from "./observer.ts";

/**
 * Loads OpenTelemetry's API, and makes the observer that gives it a span and a duration of each request,
 * as its convention for MCP has them: names, parents (`params._meta.traceparent`), links, and the
 * histogram `mcp.server.operation.duration`. Spans that a tool makes are children of its call's span.
 * They go to the providers that the program has registered; Deno registers its own if `OTEL_DENO` is
 * `true`, in which case `serve()` has this observer by itself.
 *
 * @throws {Error} if the package `@opentelemetry/api` cannot be loaded.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { openTelemetryObserver, type SessionLayerOptions } from "@mcp-sessions/deno/server";
 * import { MemoryStore } from "@mcp-sessions/deno/store";
 *
 * const observer = await openTelemetryObserver();
 * export const options: SessionLayerOptions = { store: new MemoryStore(), observer };
 *
 * assert(observer.request !== undefined);
 * ```
 */
export async function openTelemetryObserver(): Promise<Observer> {
  return (await import("./open_telemetry.ts")).openTelemetry();
}
