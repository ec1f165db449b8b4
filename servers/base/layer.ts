/**
 * The server's half without an SDK: all of `./server` but its `McpServer`. It loads no SDK, and its
 * types fit both, so for a server written with SDK 2 nothing of SDK 1 need be installed.
 *
 * @example
 * ```ts ignore
 * import { McpServer } from "@modelcontextprotocol/server";
 * import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
 * import { currentSession, sessionLayer, toolResult } from "@mcp-sessions/deno/layer";
 * import { openStore } from "@mcp-sessions/deno/store";
 *
 * const server = new McpServer({ name: "counter", version: "1.0.0" });
 * server.registerTool("count", {}, async () => {
 *   const calls = await currentSession().count();
 *   return toolResult(`call ${calls}`, { calls });
 * });
 * const store = await openStore("sqlite:counter.db", { namespace: "counter" });
 * const options = { store, policy: "auto", local: true } as const;
 * await server.connect(sessionLayer(new StdioServerTransport(), options));
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
export type {
  AuthInfo,
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  MessageBody,
  MessageExtraInfo,
  RequestId,
  SentMessage,
  Transport,
  TransportSendOptions,
} from "../../jsonrpc/transport.ts";
export { CONVERSATION_KEYS } from "../../protocol/host_conversations.ts";
export type { Cookie } from "../../protocol/cookie.ts";
export type { SessionStore, StoreLimits } from "../../store/mod.ts";
