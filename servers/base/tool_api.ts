/**
 * Tool API: what the code of a server and its tools takes from this project, whatever serves it. It has
 * no part of HTTP, so that a program on stdio starts without loading that.
 *
 * @module
 */

export { toolResult } from "./tool_result.ts";
export type { ToolResult } from "./tool_result.ts";
export { ask, clientCapabilities } from "./era/ask.ts";
export type {
  ElicitUrlParams,
  InputRequest,
  InputResultOf,
  InputResults,
} from "./era/input_request.ts";
export { currentSession, optionalSession, SessionError } from "./session/current_session.ts";
export type { Session, SessionErrorCode, SessionLabel } from "./session/current_session.ts";
export { McpServer } from "./sdk.ts";
export type {
  CreateMessageParams,
  CreateMessageResult,
  ElicitFormParams,
  ElicitResult,
  ListRootsResult,
  McpServerClass,
  ServerInfo,
  ServerOptions,
} from "./sdk.ts";
export type { Json } from "../../runtime/json.ts";
export type { StateUpdate } from "../../store/mod.ts";
