/**
 * The transport of MCP, and its messages, as this project uses them: types of the same shape as the
 * SDK's, so that the transports, servers and clients of SDK 1 and SDK 2 fit, whichever is installed.
 *
 * @module
 */

import type { MessageMeta } from "../protocol/client_input.ts";
import type { RequestId } from "./envelope.ts";

export type { RequestId };

/** The params of a message, or its result. */
export interface MessageBody {
  /** What the method defines. */
  [name: string]: unknown;
  /** What is added to that. */
  _meta?: MessageMeta | undefined;
}

/** A JSON-RPC request. */
export interface JSONRPCRequest {
  /** The version of JSON-RPC. */
  jsonrpc: "2.0";
  /** The id, which its response repeats. */
  id: RequestId;
  /** The method, such as `tools/call`. */
  method: string;
  /** The method's params. */
  params?: MessageBody | undefined;
}

/** A JSON-RPC notification: it has no response. */
export interface JSONRPCNotification {
  /** The version of JSON-RPC. */
  jsonrpc: "2.0";
  /** The method, such as `notifications/cancelled`. */
  method: string;
  /** The method's params. */
  params?: MessageBody | undefined;
}

/** A JSON-RPC response with an error. */
export interface JSONRPCErrorResponse {
  /** The version of JSON-RPC. */
  jsonrpc: "2.0";
  /** The id of the request, unless it could not be read. */
  id?: RequestId | undefined;
  /** The error. */
  error: {
    /** Its kind, such as -32602. */
    code: number;
    /** A sentence for people. */
    message: string;
    /** What the kind of error defines. */
    data?: unknown;
  };
}

/** A JSON-RPC response: a result or an error. */
export type JSONRPCResponse =
  | { jsonrpc: "2.0"; id: RequestId; result: MessageBody }
  | JSONRPCErrorResponse;

/** A JSON-RPC message. */
export type JSONRPCMessage = JSONRPCRequest | JSONRPCNotification | JSONRPCResponse;

/** A message as every SDK's transport takes it: to those before 1.25, an error has the id of its request. */
export type SentMessage =
  | JSONRPCRequest
  | JSONRPCNotification
  | { jsonrpc: "2.0"; id: RequestId; result: MessageBody }
  | JSONRPCErrorResponse & { id: RequestId };

/** A caller that the transport has authenticated. */
export interface AuthInfo {
  /** The access token. */
  token: string;
  /** The client that it was given to. */
  clientId: string;
  /** What it allows. */
  scopes: string[];
  /** The time of its end, in seconds since 1970. */
  expiresAt?: number;
  /** The server that it is for. */
  resource?: URL;
  /** Claims of the token; the layer reads `iss` and `sub`. */
  extra?: Record<string, unknown>;
}

/** Properties of an incoming message that its transport adds: headers, the caller's identity. */
export interface MessageExtraInfo {
  /** The HTTP request that brought the message; SDK 2 has `request` instead. */
  requestInfo?: {
    /** Its headers, in lower case. */
    headers: Record<string, string | string[] | undefined>;
    /** The address that it was sent to. */
    url?: URL;
  };
  /** The caller, where the transport has authenticated it. */
  authInfo?: AuthInfo;
  /** Ends the stream of this request, for the client to come back to it. */
  closeSSEStream?: () => void;
  /** Ends the stream that belongs to no request. */
  closeStandaloneSSEStream?: () => void;
}

/** Options of an outgoing message. */
export interface TransportSendOptions {
  /** The request in whose course the message is sent, on whose stream it then travels. */
  relatedRequestId?: RequestId | undefined;
  /** The last event that was received, from which a broken stream goes on. */
  resumptionToken?: string | undefined;
  /** Called with the token of each event. */
  onresumptiontoken?: ((token: string) => void) | undefined;
}

/**
 * A transport of MCP: what a server or a client of the SDK is connected to, such as its
 * `StdioServerTransport`.
 */
export interface Transport {
  /** Begins to receive; called once the callbacks are set. */
  start(): Promise<void>;
  /** Sends a message. */
  send(message: SentMessage, options?: TransportSendOptions): Promise<void>;
  /** Ends the connection. */
  close(): Promise<void>;
  /** Called when the connection has ended. */
  onclose?: (() => void) | undefined;
  /** Called with an error, which need not be the end. */
  onerror?: ((error: Error) => void) | undefined;
  /**
   * Called with each received message. As a method's, its parameters may be those of either SDK, whose
   * messages differ a little.
   */
  onmessage?:
    | { handle(message: JSONRPCMessage, extra?: MessageExtraInfo): void }["handle"]
    | undefined;
  /** The id of the connection, where the transport has one. It is no session of this project's. */
  sessionId?: string | undefined;
  /** Takes the version of MCP that was agreed on. */
  setProtocolVersion?: ((version: string) => void) | undefined;
}

/** A transport as layers use it, which pass on errors without an id too. */
export interface LayeredTransport extends Transport {
  /** Sends a message. */
  send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void>;
}

/** Whether a message is a request. */
export function isRequest(message: JSONRPCMessage): message is JSONRPCRequest {
  return "method" in message && "id" in message;
}

/** Whether a message is a notification. */
export function isNotification(message: JSONRPCMessage): message is JSONRPCNotification {
  return "method" in message && !("id" in message);
}

/** Whether a message is a response. */
export function isResponse(message: JSONRPCMessage): message is JSONRPCResponse {
  return !("method" in message);
}
