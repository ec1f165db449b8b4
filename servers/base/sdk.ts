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
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv";
// @ts-types="@modelcontextprotocol/sdk/types"
export { SUPPORTED_PROTOCOL_VERSIONS } from "@modelcontextprotocol/sdk/types.js";

// @ts-types="@modelcontextprotocol/sdk/shared/transport"
import type * as transport from "@modelcontextprotocol/sdk/shared/transport.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import type * as types from "@modelcontextprotocol/sdk/types.js";
// @ts-types="@modelcontextprotocol/sdk/server/auth/types"
import type * as auth from "@modelcontextprotocol/sdk/server/auth/types.js";

class LateValidatingServer extends SdkMcpServer {
  /** Makes a server without tools. */
  constructor(info: ServerInfo, options?: ServerOptions) {
    super(info, { jsonSchemaValidator: lateValidator(), ...options });
  }
}

/** The SDK's validator of forms, made for the first of them: it takes most of the time of a new server. */
function lateValidator(): NonNullable<ServerOptions["jsonSchemaValidator"]> {
  let made: AjvJsonSchemaValidator | undefined;
  return { getValidator: (schema) => (made ??= new AjvJsonSchemaValidator()).getValidator(schema) };
}

/** The SDK's server, without sessions: connect it through a session layer. */
export const McpServer: McpServerClass = LateValidatingServer;
/** The SDK's server. */
export type McpServer = SdkMcpServer;
/** The constructor of {@linkcode McpServer}. */
export type McpServerClass = new (info: ServerInfo, options?: ServerOptions) => McpServer;
/** A server's name and version, as in the result of `initialize`. */
export type ServerInfo = types.Implementation;
/** The SDK's options of a server, such as its `instructions`. */
export type ServerOptions = SdkServerOptions;
/** The SDK's transport, which the session layer decorates and implements. */
export type Transport = transport.Transport;
/** Options that the SDK passes with an outgoing message. */
export type TransportSendOptions = transport.TransportSendOptions;
/** A JSON-RPC message in the SDK's terms. */
export type JSONRPCMessage = types.JSONRPCMessage;
/** A JSON-RPC request in the SDK's terms. */
export type JSONRPCRequest = types.JSONRPCRequest;
/** A JSON-RPC response in the SDK's terms. */
export type JSONRPCResponse = types.JSONRPCResponse;
/** A JSON-RPC response to a request that could be read. */
export type Answer = types.JSONRPCResponse & { readonly id: types.RequestId };
/** A JSON-RPC error response in the SDK's terms. */
export type JSONRPCErrorResponse = types.JSONRPCErrorResponse;
/** The id of a JSON-RPC request. */
export type RequestId = types.RequestId;
/** Properties of an incoming message that its transport adds: headers, the caller's identity. */
export type MessageExtraInfo = types.MessageExtraInfo;
/** A caller that the transport has authenticated. */
export type AuthInfo = auth.AuthInfo;
/** The form of an elicitation: a message, and the schema of the answer. */
export type ElicitFormParams = types.ElicitRequestFormParams;
/** The user's answer to an elicitation. */
export type ElicitResult = types.ElicitResult;
/** The params of `sampling/createMessage`, without tools for the model. */
export type CreateMessageParams = types.CreateMessageRequestParamsBase;
/** The answer of the client's model. */
export type CreateMessageResult = types.CreateMessageResult;
/** The folders that the client works in. */
export type ListRootsResult = types.ListRootsResult;
