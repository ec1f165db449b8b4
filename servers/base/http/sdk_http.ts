/**
 * The SDK's own HTTP transport, apart from the rest of the SDK: only a server that was asked for it
 * loads it.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/server/webStandardStreamableHttp"
export { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
