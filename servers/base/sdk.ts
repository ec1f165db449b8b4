/**
 * The parts of the MCP SDK that servers use, imported in one place: without the `@ts-types` line
 * above it, Deno would take each of these for `any`, silently.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import {
  McpServer as SdkMcpServer,
  type McpServerOptions as SdkServerOptions,
} from "@modelcontextprotocol/sdk/server/mcp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
export { SUPPORTED_PROTOCOL_VERSIONS } from "@modelcontextprotocol/sdk/types.js";

// @ts-types="@modelcontextprotocol/sdk/shared/transport"
import type * as transport from "@modelcontextprotocol/sdk/shared/transport.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import type * as types from "@modelcontextprotocol/sdk/types.js";
// @ts-types="@modelcontextprotocol/sdk/server/auth/types"
import type * as auth from "@modelcontextprotocol/sdk/server/auth/types.js";

/** The SDK's server, which knows nothing of sessions: what a session layer is put under. */
export const McpServer: McpServerClass = SdkMcpServer;
/** The SDK's server. */
export type McpServer = SdkMcpServer;
/** What makes an {@linkcode McpServer}. */
export type McpServerClass = new (info: ServerInfo, options?: ServerOptions) => McpServer;
/** A server's name and version, as `initialize` tells them. */
export type ServerInfo = types.Implementation;
/** The SDK's options of a server, such as its `instructions`. */
export type ServerOptions = SdkServerOptions;
/** The SDK's transport: what the session layer decorates, and what it is itself. */
export type Transport = transport.Transport;
/** What the SDK passes along with a message that it sends. */
export type TransportSendOptions = transport.TransportSendOptions;
/** A JSON-RPC message in the SDK's terms. */
export type JSONRPCMessage = types.JSONRPCMessage;
/** A JSON-RPC request in the SDK's terms. */
export type JSONRPCRequest = types.JSONRPCRequest;
/** A JSON-RPC response, in the SDK's terms. */
export type JSONRPCResponse = types.JSONRPCResponse;
/** A JSON-RPC response that is an error, in the SDK's terms. */
export type JSONRPCErrorResponse = types.JSONRPCErrorResponse;
/** The id of a JSON-RPC request. */
export type RequestId = types.RequestId;
/** What a transport knows of a message beside the message: headers, the caller's identity. */
export type MessageExtraInfo = types.MessageExtraInfo;
/** A caller whom the transport has authenticated. */
export type AuthInfo = auth.AuthInfo;
