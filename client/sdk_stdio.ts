/**
 * The SDK's transport that starts a server and talks to it over stdin and stdout. Importing it
 * reads the environment, so only what spawns servers does.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/client/stdio"
export { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
