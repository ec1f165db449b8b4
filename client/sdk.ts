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
import type * as transport from "@modelcontextprotocol/sdk/shared/transport.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import type * as types from "@modelcontextprotocol/sdk/types.js";

/** The SDK's transport: what an SDK client is connected to. */
export type Transport = transport.Transport;
/** A transport with what the SDK's second generation has besides. */
export type Sdk2Transport = Transport & {
  readonly hasPerRequestStream?: boolean | undefined;
  setSupportedProtocolVersions?: ((versions: string[]) => void) | undefined;
};
/** The options of `send`, with those of the SDK's second generation. */
export type TransportSendOptions = transport.TransportSendOptions & {
  /** Closes the stream of a request, where each has its own. */
  readonly requestSignal?: AbortSignal | undefined;
  /** Called when the stream of a request has ended, unless by `requestSignal`. */
  readonly onRequestStreamEnd?: (() => void) | undefined;
  /** HTTP headers for one message. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
};
/** Data beside a received message, such as its authentication. */
export type MessageExtraInfo = types.MessageExtraInfo;
export type JSONRPCMessage = types.JSONRPCMessage;
export type JSONRPCRequest = types.JSONRPCRequest;
export type JSONRPCNotification = types.JSONRPCNotification;
/** A response: a result or an error. */
export type JSONRPCResponse = types.JSONRPCResponse;
export type JSONRPCErrorResponse = types.JSONRPCErrorResponse;
/** A request's id; `7` and `"7"` are two ids. */
export type RequestId = types.RequestId;

export function isRequest(message: JSONRPCMessage): message is JSONRPCRequest {
  return "method" in message && "id" in message;
}

export function isNotification(message: JSONRPCMessage): message is JSONRPCNotification {
  return "method" in message && !("id" in message);
}

export function isResponse(message: JSONRPCMessage): message is JSONRPCResponse {
  return !("method" in message);
}
