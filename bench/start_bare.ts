/**
 * The barest MCP server on stdio, with the SDK alone: the yardstick of `start.ts`.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
// @ts-types="@modelcontextprotocol/sdk/server/stdio"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";

await new McpServer({ name: "bare", version: "1.0.0" }).connect(new StdioServerTransport());
