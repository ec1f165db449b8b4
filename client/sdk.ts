/**
 * The client's only import of the MCP SDK: programs use it, the library only types of it, which load
 * nothing. An import of a `.js` subpath types silently as `any`
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

import type {
  LayeredTransport,
  TransportSendOptions as SendOptions,
} from "../jsonrpc/transport.ts";

export type {
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  LayeredTransport,
  MessageExtraInfo,
  RequestId,
  Transport,
} from "../jsonrpc/transport.ts";

/** A transport with what the SDK's second generation has besides. */
export type Sdk2Transport = LayeredTransport & {
  readonly hasPerRequestStream?: boolean | undefined;
  setSupportedProtocolVersions?: ((versions: string[]) => void) | undefined;
};
/** The options of `send`, with those of the SDK's second generation. */
export type TransportSendOptions = SendOptions & {
  /** Closes the stream of a request, where each has its own. */
  readonly requestSignal?: AbortSignal | undefined;
  /** Called when the stream of a request has ended, unless by `requestSignal`. */
  readonly onRequestStreamEnd?: (() => void) | undefined;
  /** HTTP headers for one message. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
};
