/**
 * Sessions for MCP servers: the layer to put on a transport, the session that tools get, and a
 * runner that serves a definition over stdio or Streamable HTTP.
 *
 * @module
 */

export { answer } from "./answer.ts";
export type { ToolAnswer } from "./answer.ts";
export { sessionHandles } from "./handles.ts";
export type { SessionHandlesOptions } from "./handles.ts";
export { sessionLayer } from "./layer.ts";
export type { SessionLayerOptions } from "./layer.ts";
export type { Policy } from "./admission.ts";
export type { Bind } from "./bind.ts";
export type { HandlesMode } from "./flags.ts";
export type { BindingOptions, SessionVia } from "./binding.ts";
export { currentSession, findSession, SessionError } from "./session.ts";
export type { Session, SessionErrorCode, SessionNames } from "./session.ts";
export { StatelessHttpTransport } from "./http.ts";
export type { StatelessHttpOptions } from "./http.ts";
export { httpHandler } from "./handler.ts";
export type { HttpEndpoint, HttpHandlerOptions } from "./handler.ts";
export type { Authenticate, AuthenticationOptions } from "./authenticate.ts";
export type { RequestLimits } from "./load.ts";
export { serve, VERSION } from "./serve.ts";
export type { ServerDefinition } from "./serve.ts";
export { McpServer } from "./sdk.ts";
export type {
  AuthInfo,
  JSONRPCMessage,
  McpServerClass,
  ServerInfo,
  ServerOptions,
  Transport,
  TransportSendOptions,
} from "./sdk.ts";
export { CONVERSATION_KEYS } from "../../conversation.ts";
export type { Cookie, Json } from "../../protocol.ts";
export type { SessionStore, StoreLimits, Update } from "../../store/mod.ts";
