/**
 * Sessions for MCP servers: the layer to put on a transport, the session that tools get, handles, and
 * a stateless Streamable HTTP transport. This module reads no flags, no environment and no files; for a
 * program with a command line, see `serve()` in `@mcp-sessions/deno/serve`.
 *
 * @example
 * ```ts
 * import {
 *   currentSession,
 *   httpHandler,
 *   McpServer,
 *   sessionLayer,
 *   StatelessHttpTransport,
 *   toolResult,
 * } from "@mcp-sessions/deno/server";
 * import { MemoryStore } from "@mcp-sessions/deno/store";
 *
 * const server = new McpServer({ name: "counter", version: "1.0.0" });
 * server.registerTool("count", {}, async () => {
 *   const calls = await currentSession().count();
 *   return toolResult(`call ${calls}`, { calls });
 * });
 * const transport = new StatelessHttpTransport();
 * await server.connect(sessionLayer(transport, { store: new MemoryStore(), policy: "auto" }));
 * export const handler = httpHandler(transport, { hosts: ["mcp.example.com"] });
 * // Deno.serve({ port: 8765 }, handler);
 * ```
 *
 * @module
 */

export * from "./tool_api.ts";
export type { HandlesMode } from "./handles/session_handles.ts";
export type { ServedEras } from "./era/era_transport.ts";
export { sessionLayer } from "./session/session_layer.ts";
export type { SessionLayerOptions } from "./session/session_layer.ts";
export { combineObservers } from "./observer/combine_observers.ts";
export type * from "./observer/observer.ts";
export { openTelemetryObserver } from "./observer/open_telemetry_observer.ts";
export type { SessionPolicy } from "./session/policy.ts";
export type { SessionBindingOptions, SessionVia } from "./session/session_binding.ts";
export { StatelessHttpTransport } from "./http/stateless_transport.ts";
export type { StatelessHttpOptions } from "./http/stateless_endpoint.ts";
export { httpHandler } from "./http/guard/guard.ts";
export type { ConnectionInfo } from "./http/guard/client_address.ts";
export { HealthChecks } from "./http/health.ts";
export type { HealthChecksOptions } from "./http/health.ts";
export type { HttpEndpoint, HttpHandlerOptions } from "./http/guard/guard.ts";
export type { AuthenticationOptions, Authenticator } from "./http/guard/authentication.ts";
export type { RequestLimits } from "./http/request_quota.ts";
export type { AuthInfo, JSONRPCMessage, Transport, TransportSendOptions } from "./sdk.ts";
export { CONVERSATION_KEYS } from "../../protocol/host_conversations.ts";
export type { Cookie } from "../../protocol/cookie.ts";
export type { SessionStore, StoreLimits } from "../../store/mod.ts";
