/**
 * The client's only import of the MCP SDK. An import of a `.js` subpath types silently as `any`
 * unless `@ts-types` names the declarations.
 *
 * The stdio transport is in `sdk_stdio.ts`: its module reads the environment as it is imported,
 * which a client over HTTP has no permission for.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/client/index"
export { Client } from "@modelcontextprotocol/sdk/client/index.js";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
export { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
export {
  CallToolResultSchema,
  ListRootsRequestSchema,
  McpError,
  ResultSchema,
} from "@modelcontextprotocol/sdk/types.js";

// @ts-types="@modelcontextprotocol/sdk/shared/transport"
import type {
  Transport as SdkTransport,
  TransportSendOptions as SdkTransportSendOptions,
} from "@modelcontextprotocol/sdk/shared/transport.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import type {
  JSONRPCErrorResponse as SdkErrorAnswer,
  JSONRPCMessage as SdkMessage,
  JSONRPCNotification as SdkNotification,
  JSONRPCRequest as SdkRequest,
  JSONRPCResponse as SdkAnswer,
  MessageExtraInfo as SdkMessageExtraInfo,
  RequestId as SdkRequestId,
} from "@modelcontextprotocol/sdk/types.js";

/** The SDK's transport: what an SDK client is connected to. */
export type Transport = SdkTransport;
/** The options of a transport's `send`. */
export type TransportSendOptions = SdkTransportSendOptions;
/** Data beside a received message, such as its authentication. */
export type MessageExtraInfo = SdkMessageExtraInfo;
/** Any JSON-RPC message. */
export type JSONRPCMessage = SdkMessage;
/** A JSON-RPC request. */
export type JSONRPCRequest = SdkRequest;
/** A JSON-RPC notification. */
export type JSONRPCNotification = SdkNotification;
/** A JSON-RPC response: a result or an error. */
export type JSONRPCResponse = SdkAnswer;
/** A JSON-RPC error response. */
export type JSONRPCErrorResponse = SdkErrorAnswer;
/** A request's id; `7` and `"7"` are two ids. */
export type RequestId = SdkRequestId;

/** Whether `message` is a request. */
export function isRequest(message: JSONRPCMessage): message is JSONRPCRequest {
  return "method" in message && "id" in message;
}

/** Whether `message` is a notification. */
export function isNotification(message: JSONRPCMessage): message is JSONRPCNotification {
  return "method" in message && !("id" in message);
}

/** Whether `message` is a response. */
export function isResponse(message: JSONRPCMessage): message is JSONRPCResponse {
  return !("method" in message);
}
