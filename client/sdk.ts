/**
 * What this side takes from the MCP SDK, in one place. An import of a `.js` subpath types silently
 * as `any` unless `@ts-types` names the declarations, which is why nobody else imports them.
 *
 * The stdio transport is in `stdio.ts`: its module reads the environment as it is imported, which
 * a client over HTTP has no permission for.
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
/** How the SDK asks a transport to send. */
export type SendOptions = SdkTransportSendOptions;
/** What a transport tells about a message that came in. */
export type Extra = SdkMessageExtraInfo;
/** Any JSON-RPC message. */
export type JSONRPCMessage = SdkMessage;
/** A JSON-RPC request. */
export type JSONRPCRequest = SdkRequest;
/** A JSON-RPC notification. */
export type JSONRPCNotification = SdkNotification;
/** The answer to a request: a result or an error. */
export type JSONRPCResponse = SdkAnswer;
/** The answer to a request that failed. */
export type JSONRPCErrorResponse = SdkErrorAnswer;
/** A request's id, which keeps its type: `7` and `"7"` are two ids. */
export type RequestId = SdkRequestId;

/** Does `message` ask for an answer? */
export function isRequest(message: JSONRPCMessage): message is JSONRPCRequest {
  return "method" in message && "id" in message;
}

/** Is `message` one that nobody answers? */
export function isNotification(message: JSONRPCMessage): message is JSONRPCNotification {
  return "method" in message && !("id" in message);
}

/** Does `message` answer a request? */
export function isResponse(message: JSONRPCMessage): message is JSONRPCResponse {
  return !("method" in message);
}
