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
export type {
  Annotations,
  CreateMessageParams,
  CreateMessageResult,
  ElicitFormParams,
  ElicitResult,
  FormField,
  ListRootsResult,
  MediaContent,
  MessageMeta,
  SamplingContent,
  ToolContent,
} from "../../protocol/client_input.ts";
export type { Json } from "../../runtime/json.ts";
export type { StateUpdate } from "../../store/mod.ts";
