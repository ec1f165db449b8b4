/**
 * Handles: sessions that the model itself makes, names in its calls and ends, by tools. For hosts
 * that know nothing of sessions.
 *
 * @module
 */

import {
  CODE,
  isObject,
  member,
  META_KEY,
  METHOD,
  presentedCookie,
  resultCookie,
  WireError,
} from "../../protocol.ts";
import { TransportDecorator } from "./decorator.ts";
import { asError, idInFlight, type WireErrorBody, wireErrorBody } from "./errors.ts";
import { withHandle } from "./find.ts";
import {
  clashIn,
  created,
  deadHandle,
  ended,
  endedMeanwhile,
  failed,
  HANDLE_ARGUMENT,
  HANDLE_TOOL,
  HANDLE_TOOLS,
  HOW_TO_GET_ONE,
  listed,
  withArgument,
} from "./handle_tools.ts";
import type {
  JSONRPCMessage,
  JSONRPCRequest,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from "./sdk.ts";

/**
 * Lets models look after sessions by themselves, where the host knows nothing of them: adds the
 * tools `session_create`, `session_list` and `session_end`, and to every other tool an optional
 * argument `session`, which the tool's own code never sees. It goes between the transport and the
 * session layer, and opens to a handle what the layer opens to a cookie.
 *
 * A server that has such a tool, or a tool with such an argument, cannot have handles: its
 * `tools/list` is then an error.
 *
 * @example
 * ```ts
 * import { McpServer, sessionHandles, sessionLayer } from "@mcp-sessions/deno/server";
 * import { MemoryStore } from "@mcp-sessions/deno/store";
 * import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
 *
 * const [transport] = InMemoryTransport.createLinkedPair();
 * const server = new McpServer({ name: "example", version: "1.0.0" });
 * await server.connect(sessionLayer(sessionHandles(transport), { store: new MemoryStore() }));
 * await server.close();
 * ```
 */
export function sessionHandles(transport: Transport): Transport {
  return new Handles(transport);
}

/** What a request that is without an answer asked for. */
type Pending =
  | { readonly kind: "tools"; readonly isFirstPage: boolean }
  | { readonly kind: "call"; readonly handle: string | undefined }
  | { readonly kind: "create" | "list" }
  | { readonly kind: "end"; readonly handle: string };

type Answer = Extract<JSONRPCMessage, { result: unknown } | { error: unknown }>;

class Handles extends TransportDecorator {
  readonly #pending = new Map<RequestId, Pending>();

  override async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    await this.inner.send("method" in message ? message : this.#complete(message), options);
  }

  protected override receive(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void {
    if (!("method" in message)) return this.onmessage?.(message, extra);
    if (!("id" in message)) {
      const id = member(message.params, "requestId");
      const cancels = message.method === "notifications/cancelled";
      if (cancels && (typeof id === "string" || typeof id === "number")) this.#pending.delete(id);
      return this.onmessage?.(message, extra);
    }
    // The layer behind would refuse it, and the first request would be taken for the refused one.
    if (this.#pending.has(message.id)) {
      return this.#reply(message.id, { error: wireErrorBody(idInFlight()) });
    }
    if (message.method === "tools/call") return this.#call(message, extra);
    if (message.method === "tools/list") {
      const isFirstPage = member(message.params, "cursor") === undefined;
      this.#pending.set(message.id, { kind: "tools", isFirstPage });
    }
    this.onmessage?.(message, extra);
  }

  protected override release(): void {
    this.#pending.clear();
  }

  #call(request: JSONRPCRequest, extra: MessageExtraInfo | undefined): void {
    try {
      const { method, params, pending } = readCall(request.params ?? {});
      const handle = pending.kind === "call" ? pending.handle : undefined;
      this.#pending.set(request.id, pending);
      this.onmessage?.({ ...request, method, params }, withHandle(extra, handle));
    } catch (error) {
      this.#reply(
        request.id,
        error instanceof HandleError ? { result: error.result } : { error: wireErrorBody(error) },
      );
    }
  }

  /** Answers a request that goes no further. */
  #reply(
    id: RequestId,
    body: { result: Record<string, unknown> } | { error: WireErrorBody },
  ): void {
    this.inner.send({ jsonrpc: "2.0", id, ...body }).catch((error) =>
      this.onerror?.(asError(error))
    );
  }

  #complete(message: Answer): JSONRPCMessage {
    const { id } = message;
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || pending === undefined) return message;
    this.#pending.delete(id);
    if ("error" in message) return completeError(message, pending);
    const { result } = message;
    if (pending.kind !== "tools") return { ...message, result: resultOf(result, pending) };
    const tools = Array.isArray(result.tools) ? result.tools : [];
    const clash = clashIn(tools);
    if (clash !== undefined) {
      const error = new WireError(CODE.internalError, `Cannot add handles as ${clash}`);
      this.onerror?.(error);
      return { jsonrpc: "2.0", id, error: wireErrorBody(error) };
    }
    const own = pending.isFirstPage ? HANDLE_TOOLS : [];
    return { ...message, result: { ...result, tools: [...own, ...tools.map(withArgument)] } };
  }
}

/** A call that is answered with a result for the model, and goes no further. */
class HandleError extends Error {
  readonly result: Record<string, unknown>;

  constructor(result: Record<string, unknown>) {
    super("A call that goes no further");
    this.name = "HandleError";
    this.result = result;
  }
}

interface ReadCall {
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly pending: Pending;
}

/** Turns a `tools/call` into the request that the layer behind understands. */
function readCall(params: Record<string, unknown>): ReadCall {
  const { name, arguments: args, _meta, task } = params;
  // The layer has the words for what is no call.
  const isOwn = task === undefined && (args === undefined || args === null || isObject(args));
  const meta = _meta === undefined ? {} : { _meta };
  if (isOwn && name === HANDLE_TOOL.create) {
    const title = member(args, "title");
    if (title !== undefined && typeof title !== "string") throw wrong("title");
    return {
      method: METHOD.create,
      params: { hints: { label: title }, ...meta },
      pending: { kind: "create" },
    };
  }
  if (isOwn && name === HANDLE_TOOL.list) {
    return { method: METHOD.list, params: meta, pending: { kind: "list" } };
  }
  const handle = member(args, HANDLE_ARGUMENT);
  if (isOwn && name === HANDLE_TOOL.end) {
    if (typeof handle !== "string" || handle === "") throw wrong(HANDLE_ARGUMENT);
    checkCookie(params, handle);
    const pending = { kind: "end", handle } as const;
    return { method: METHOD.delete, params: { id: handle, ...meta }, pending };
  }
  if (handle !== undefined && typeof handle !== "string") throw wrong(HANDLE_ARGUMENT);
  if (handle !== undefined) checkCookie(params, handle);
  const stripped = isObject(args) ? { arguments: without(args, HANDLE_ARGUMENT) } : {};
  return {
    method: "tools/call",
    params: { ...params, ...stripped },
    pending: { kind: "call", handle },
  };
}

function wrong(argument: string): HandleError {
  const next = argument === HANDLE_ARGUMENT ? `. To get one, ${HOW_TO_GET_ONE}` : "";
  const what = argument === HANDLE_ARGUMENT ? "the handle of a session" : "a text";
  return new HandleError(failed(`The argument "${argument}" must be ${what}${next}.`));
}

/** A cookie and a handle may only come together if they say the same. */
function checkCookie(params: unknown, handle: string): void {
  const presented = presentedCookie(params);
  if (presented.kind === "none" || (presented.kind === "id" && presented.id === handle)) return;
  throw new WireError(
    CODE.invalidParams,
    `params._meta["${META_KEY}"] and the argument "${HANDLE_ARGUMENT}" name different sessions: ` +
      "send one of them",
  );
}

function without(args: Record<string, unknown>, name: string): Record<string, unknown> {
  const { [name]: _, ...rest } = args;
  return rest;
}

/** The result that goes out, from the one that the layer gave. */
function resultOf(
  result: Record<string, unknown>,
  pending: Exclude<Pending, { kind: "tools" }>,
): Record<string, unknown> {
  switch (pending.kind) {
    case "create":
      return created(result);
    case "list":
      return listed(result);
    case "end":
      return ended(pending.handle, result);
    case "call":
      return pending.handle === undefined ? result : tellingChange(result, pending.handle);
  }
}

/** Models do not see cookies: one that has changed is told in words. */
function tellingChange(result: Record<string, unknown>, handle: string): Record<string, unknown> {
  const cookie = resultCookie(result);
  if (cookie === undefined || cookie?.id === handle) return result;
  const text = cookie === null
    ? `This session has ended. For an empty one, ${HOW_TO_GET_ONE}.`
    : `The session has another handle from now on: ${cookie.id}`;
  const content = Array.isArray(result.content) ? result.content : [];
  return { ...result, content: [...content, { type: "text", text }] };
}

/** What goes out in place of an error: words for the model, where it can do something about it. */
function completeError(
  message: Extract<Answer, { error: unknown }>,
  pending: Pending,
): JSONRPCMessage {
  const { id, error } = message;
  if (id === undefined || pending.kind === "tools") return message;
  const answered = (result: Record<string, unknown>) => ({ jsonrpc: "2.0", id, result }) as const;
  if (pending.kind !== "call") {
    if (error.code !== CODE.invalidParams) return message;
    // The model has given an argument, and knows of no params.
    const argument = pending.kind === "create" ? "title" : HANDLE_ARGUMENT;
    const field = /^params\.(hints(\.label)?|id)\b/;
    return answered(failed(error.message.replace(field, `The argument "${argument}"`)));
  }
  if (error.code !== CODE.sessionRequired) return message;
  const hasEnded = member(error.data, "reason") === "ended";
  if (pending.handle !== undefined) return answered(hasEnded ? endedMeanwhile() : deadHandle());
  if (hasEnded) return message;
  return { ...message, error: { ...error, message: `${error.message} Or ${HOW_TO_GET_ONE}.` } };
}
