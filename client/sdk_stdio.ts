/**
 * The SDK's stdio transport. Importing it reads the environment, so only programs that start servers
 * do.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/client/stdio"
export { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
