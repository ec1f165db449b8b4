/**
 * A program from a server's definition: `serve()` reads flags and environment, opens the store, and
 * serves over stdio or Streamable HTTP. What the code of its tools uses is here too. The layer and the
 * HTTP transport, without a command line, are in `@mcp-sessions/deno/server`; a program that imports
 * them starts later, by some milliseconds.
 *
 * @example
 * ```ts
 * import { currentSession, McpServer, serve, toolResult } from "@mcp-sessions/deno/serve";
 *
 * function create(): McpServer {
 *   const server = new McpServer({ name: "counter", version: "1.0.0" });
 *   server.registerTool("count", {}, async () => {
 *     const calls = await currentSession().count();
 *     return toolResult(`call ${calls}`, { calls });
 *   });
 *   return server;
 * }
 *
 * if (import.meta.main) {
 *   await serve({ name: "counter", description: "counts its calls", policy: "auto", create });
 * }
 * ```
 *
 * @module
 */

export { serve, VERSION } from "./serve.ts";
export type { ServerDefinition } from "./serve.ts";
export type * from "../observer/observer.ts";
export * from "../tool_api.ts";
export { McpServer } from "../mcp_server.ts";
export type { McpServerClass, ServerInfo, ServerOptions } from "../mcp_server.ts";
export type { ConnectableServer } from "../connectable_server.ts";
export type { HandlesMode } from "../handles/session_handles.ts";
export type { ServedEras } from "../era/era_transport.ts";
export type { SessionBind } from "./binding_options.ts";
