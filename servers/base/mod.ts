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

export * from "./layer.ts";
export { McpServer } from "./mcp_server.ts";
export type { McpServerClass, ServerInfo, ServerOptions } from "./mcp_server.ts";
