/**
 * Handle calls: from a `tools/call` of a model that names its session to the request for the session
 * layer, with a note of the handle, and from that request's result to the model's. Pure.
 *
 * @module
 */

import type { HandleCatalog } from "../../../handles/tool_catalog.ts";
import { HANDLE_TOOL, howToGetOne, isHandleTool } from "../../../handles/session_tools.ts";
import * as messages from "../../../handles/model_messages.ts";
import { META_KEY, presentedCookie, resultCookie } from "../../../protocol/cookie.ts";
import { CODE, invalid, WireError } from "../../../protocol/errors.ts";
import { METHOD } from "../../../protocol/methods.ts";
import { isOurSessionId } from "../../../protocol/session_id.ts";
import { isObject, member } from "../../../runtime/json.ts";
import type { MessageExtraInfo } from "../sdk.ts";

export type HandleCall =
  | { readonly kind: "call"; readonly handle: string | undefined }
  /** A tool that is not listed, and gets its arguments as they are. */
  | { readonly kind: "unlisted" }
  | { readonly kind: "create" | "list" }
  | { readonly kind: "end"; readonly handle: string };

/** The request for the session layer in the place of a call. */
interface ParsedCall {
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly call: HandleCall;
}

/** A wrong call, which is answered with a result for the model and goes no further. */
export class HandleError extends Error {
  readonly result: Record<string, unknown>;

  constructor(result: Record<string, unknown>) {
    super("A call that goes no further");
    this.name = "HandleError";
    this.result = result;
  }
}

/** Whether a call may name a session, or is one of the three tools: needs the server's tools. */
export function concernsHandles({ name, arguments: args }: Record<string, unknown>): boolean {
  return isHandleTool(name) || (isObject(args) && ("session" in args || "session_handle" in args));
}

/**
 * Parses a `tools/call` into a request for the session layer.
 *
 * @throws {HandleError} with the result for the model, if an argument is wrong.
 * @throws {WireError} -32602 if a cookie and a handle name different sessions.
 */
export function parseCall(params: Record<string, unknown>, catalog: HandleCatalog): ParsedCall {
  const { name, arguments: args, _meta, task } = params;
  const { argument, clash } = catalog;
  const meta = _meta === undefined ? {} : { _meta };
  const asIs = { method: "tools/call", params } as const;
  const ownTool = clash === undefined && isHandleTool(name) ? name : undefined;
  // The session layer has the errors for a task, and for arguments that are no object.
  if (task !== undefined || !(args === undefined || args === null || isObject(args))) {
    if (task === undefined && ownTool !== undefined) {
      throw invalid("params.arguments", "an object", args);
    }
    return { ...asIs, call: { kind: "call", handle: undefined } };
  }
  if (ownTool === HANDLE_TOOL.create) {
    const title = member(args, "title");
    if (title !== undefined && typeof title !== "string") {
      throw new HandleError(messages.failed('The argument "title" must be a text.'));
    }
    const hints = { label: title };
    return { method: METHOD.create, params: { hints, ...meta }, call: { kind: "create" } };
  }
  if (ownTool === HANDLE_TOOL.list) {
    return { method: METHOD.list, params: meta, call: { kind: "list" } };
  }
  if (ownTool === HANDLE_TOOL.end) {
    const handle = handleIn(args, "session", catalog) ?? handleIn(args, argument, catalog);
    if (handle === undefined) throw notAHandle("session", catalog);
    checkCookie(params, handle, "session");
    const call = { kind: "end", handle } as const;
    return { method: METHOD.delete, params: { id: handle, ...meta }, call };
  }
  if (clash !== undefined || !isObject(args) || catalog.takes(name) === false) {
    return { ...asIs, call: { kind: "call", handle: undefined } };
  }
  // A tool that is not listed may have any argument: only what is surely a handle is taken.
  if (catalog.takes(name) === undefined && !isOurSessionId(member(args, argument))) {
    return { ...asIs, call: { kind: "unlisted" } };
  }
  const handle = handleIn(args, argument, catalog);
  if (handle !== undefined) checkCookie(params, handle, argument);
  const { [argument]: _, ...rest } = args;
  const call = { kind: "call", handle } as const;
  return { method: "tools/call", params: { ...params, arguments: rest }, call };
}

/** The handle in an argument. An empty text is none: models write it where they must give one. */
function handleIn(args: unknown, argument: string, catalog: HandleCatalog): string | undefined {
  const handle = member(args, argument);
  if (handle === undefined || handle === "") return undefined;
  if (typeof handle !== "string") throw notAHandle(argument, catalog);
  return handle;
}

function notAHandle(argument: string, catalog: HandleCatalog): HandleError {
  return new HandleError(messages.failed(
    `The argument "${argument}" must be the handle of a session. To get one, ` +
      `${howToGetOne(catalog.argument)}.`,
  ));
}

function checkCookie(params: unknown, handle: string, argument: string): void {
  const presented = presentedCookie(params);
  if (presented.kind === "missing" || (presented.kind === "id" && presented.id === handle)) return;
  throw new WireError(
    CODE.invalidParams,
    `params._meta["${META_KEY}"] and the argument "${argument}" name different sessions: leave the ` +
      "argument out to go on in the session of the cookie, or send no cookie",
  );
}

export function handleResult(
  call: HandleCall,
  result: Record<string, unknown>,
  { argument }: HandleCatalog,
): Record<string, unknown> {
  switch (call.kind) {
    case "create":
      return messages.created(result, argument);
    case "list": {
      const cookies = Array.isArray(result.sessions) ? result.sessions : [];
      return messages.listed(cookies, member(result, "nextCursor") !== undefined, argument);
    }
    case "end": {
      if (member(result, "deleted") !== true) return messages.deadHandle(argument);
      const meta = isObject(result._meta) ? { _meta: result._meta } : {};
      return { ...messages.ended(call.handle), ...meta };
    }
    case "call": {
      // Models do not see cookies: a changed one is put into words.
      const cookie = call.handle === undefined ? undefined : resultCookie(result);
      if (cookie === undefined || cookie?.id === call.handle) return result;
      const text = cookie === null
        ? messages.sessionEnded(argument)
        : messages.newHandle(cookie.id);
      return messages.withText(result, text);
    }
    case "unlisted":
      return result;
  }
}

/** The result for a model in the place of an error of one of the three tools. */
export function handleToolRefusal(
  call: HandleCall & { readonly kind: "create" | "list" | "end" },
  error: { readonly code: number; readonly message: string },
): Record<string, unknown> | undefined {
  if (error.code !== CODE.invalidParams) return undefined;
  // The model knows arguments, not params.
  const argument = call.kind === "create" ? "title" : "session";
  const field = /^params\.(hints(\.label)?|id)\b/;
  return messages.failed(error.message.replace(field, `The argument "${argument}"`));
}

/** Notes for the session layer, passed along with a message. */
interface HandleInfo extends MessageExtraInfo {
  readonly sessionHandle?: string;
  readonly handleTool?: string;
}

/** Adds the handle that was taken out of a call, or the tool that a method stands for. */
export function withHandleInfo(
  extra: MessageExtraInfo | undefined,
  call: HandleCall,
): HandleInfo | undefined {
  switch (call.kind) {
    case "create":
    case "list":
    case "end":
      return { ...extra, handleTool: HANDLE_TOOL[call.kind] };
    case "call":
      return call.handle === undefined ? extra : withHandle(extra, call.handle);
    case "unlisted":
      return extra;
  }
}

export function withHandle(extra: MessageExtraInfo | undefined, handle: string): HandleInfo {
  return { ...extra, sessionHandle: handle };
}

export function handleOf(extra: MessageExtraInfo | undefined): string | undefined {
  const handle = member(extra, "sessionHandle");
  return typeof handle === "string" ? handle : undefined;
}

/** The tool for handles that a `session/*` request stands for, as a model has called it. */
export function handleToolOf(extra: MessageExtraInfo | undefined): string | undefined {
  const tool = member(extra, "handleTool");
  return typeof tool === "string" ? tool : undefined;
}

/** Whether a list leaves out sessions that a conversation, a name or an environment leads to. */
export function listsUnboundOnly(extra: MessageExtraInfo | undefined): boolean {
  return handleToolOf(extra) === HANDLE_TOOL.list;
}
