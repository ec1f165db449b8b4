/**
 * The SDK's terms that servers use, of either generation. It loads neither.
 *
 * @module
 */

import type { JSONRPCResponse, RequestId } from "../../jsonrpc/transport.ts";

export type {
  AuthInfo,
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCRequest,
  JSONRPCResponse,
  LayeredTransport,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from "../../jsonrpc/transport.ts";
export type {
  CreateMessageParams,
  CreateMessageResult,
  ElicitFormParams,
  ElicitResult,
  ListRootsResult,
} from "../../protocol/client_input.ts";

/** A JSON-RPC response to a request that could be read. */
export type Answer = JSONRPCResponse & { readonly id: RequestId };
