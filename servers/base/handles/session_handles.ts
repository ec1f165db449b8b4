/**
 * Handles: sessions that the model makes, names in its calls and ends, by tools. For hosts that know no
 * sessions.
 *
 * @module
 */

import { cancelledId } from "../../../jsonrpc/message.ts";
import { asError } from "../../../runtime/errors.ts";
import { HandleCatalog } from "../../../handles/tool_catalog.ts";
import { handleTools, isHandleTool } from "../../../handles/session_tools.ts";
import * as messages from "../../../handles/model_messages.ts";
import { resultCookie } from "../../../protocol/cookie.ts";
import { CODE, WireError } from "../../../protocol/errors.ts";
import { member } from "../../../runtime/json.ts";
import type {
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCRequest,
  JSONRPCResponse,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from "../sdk.ts";
import { type Advise, adviseRefused, callerKind } from "../session/operator_advice.ts";
import { SessionAwareness } from "../session/session_awareness.ts";
import type { SessionBinder } from "../session/session_binding.ts";
import { ownerOf } from "../session/session_owner.ts";
import { TransportDecorator } from "../transport_decorator.ts";
import { idInFlight, type WireErrorBody, wireErrorBody } from "../wire_errors.ts";
import {
  concernsHandles,
  type HandleCall,
  HandleError,
  handleResult,
  handleToolRefusal,
  parseCall,
  withHandleInfo,
} from "./handle_call.ts";
import { ToolDiscovery } from "./tool_discovery.ts";

/** The callers that handles are offered to (section 11 of the contract). */
export type HandlesMode = "auto" | "always" | "never";

/** Facts that a {@linkcode HandleLayer} gets from the session layer around it. */
export interface SessionLayerInfo {
  readonly binder: SessionBinder;
  readonly local: boolean;
  /** A sentence about how long a session is kept without use. */
  readonly retention: string;
  readonly advise: Advise;
}

interface CallerRequest {
  readonly params: Record<string, unknown>;
  readonly extra: MessageExtraInfo | undefined;
  /** Whether its caller knows sessions. */
  readonly isAware: boolean;
}

type PendingCall = { readonly request: CallerRequest } & HandleCall;
/** A request without an answer: a list of tools, a call that is still to be parsed, or a call. */
type PendingRequest =
  | { readonly request: CallerRequest; readonly kind: "tools" }
  | { readonly request: CallerRequest; readonly kind: "unparsed" }
  | PendingCall;

export class HandleLayer extends TransportDecorator {
  readonly #isStrict: boolean;
  readonly #catalog = new HandleCatalog();
  readonly #discovery: ToolDiscovery;
  readonly #awareness: SessionAwareness;
  readonly #pending = new Map<RequestId, PendingRequest>();
  #layer!: SessionLayerInfo;

  constructor(inner: Transport, offer: "auto" | "always") {
    super(inner);
    this.#isStrict = offer === "always";
    this.#awareness = new SessionAwareness(inner);
    this.#discovery = new ToolDiscovery(
      (request, extra) => this.onmessage?.(request, extra),
      (tools, haveChanged) => this.#learn(tools, haveChanged),
    );
  }

  attach(layer: SessionLayerInfo): void {
    this.#layer = layer;
  }

  override send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if ("method" in message) {
      if (message.method === "notifications/tools/list_changed") this.#discovery.invalidate();
      // The transport knows no request of the discovery.
      const { relatedRequestId, ...others } = options ?? {};
      const isOurs = relatedRequestId !== undefined && this.#discovery.isPending(relatedRequestId);
      return this.inner.send(message, isOurs ? others : options);
    }
    if (this.#discovery.takeResponse(message)) return Promise.resolve();
    const { id } = message;
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || pending === undefined || pending.kind === "unparsed") {
      return this.inner.send(message, options);
    }
    this.#pending.delete(id);
    return this.#complete(message, id, pending)
      .then((completed) => this.inner.send(completed, options));
  }

  protected override receive(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void {
    if (!("method" in message)) return this.onmessage?.(message, extra);
    if (!("id" in message)) {
      const cancelled = cancelledId(message);
      if (cancelled !== undefined) this.#pending.delete(cancelled);
      return this.onmessage?.(message, extra);
    }
    // The layer behind would refuse it, and the first request would be taken for the refused one.
    if (this.#pending.has(message.id)) {
      return this.#reply(message.id, { error: wireErrorBody(idInFlight()) });
    }
    const isAware = this.#awareness.observe(message, extra);
    const request = { isAware, params: message.params ?? {}, extra };
    if (message.method === "tools/call") {
      if (concernsHandles(request.params)) return void this.#callWithHandle(message, request);
      // The answer to a caller that knows sessions stays as it is.
      if (!isAware) this.#pending.set(message.id, { request, kind: "call", handle: undefined });
    } else if (message.method === "tools/list" && (this.#isStrict || !isAware)) {
      this.#pending.set(message.id, { request, kind: "tools" });
    }
    this.onmessage?.(message, extra);
  }

  protected override release(): void {
    this.#pending.clear();
    this.#discovery.stop();
  }

  async #callWithHandle(message: JSONRPCRequest, request: CallerRequest): Promise<void> {
    const { params, extra } = request;
    const unparsed: PendingRequest = { request, kind: "unparsed" };
    this.#pending.set(message.id, unparsed);
    const isPending = () => this.#pending.get(message.id) === unparsed;
    await this.#discovery.discovered(extra);
    // The tool may be new without a notification, or there for this caller alone.
    if (isPending() && !this.#knows(params.name)) await this.#discovery.rediscover(extra);
    if (!isPending()) return;
    try {
      const { method, params: read, call } = parseCall(params, this.#catalog);
      this.#pending.set(message.id, { request, ...call });
      this.onmessage?.({ ...message, method, params: read }, withHandleInfo(extra, call));
    } catch (error) {
      this.#pending.delete(message.id);
      this.#reply(
        message.id,
        error instanceof HandleError ? { result: error.result } : { error: wireErrorBody(error) },
      );
    }
  }

  #reply(
    id: RequestId,
    body: { result: Record<string, unknown> } | { error: WireErrorBody },
  ): void {
    this.inner.send({ jsonrpc: "2.0", id, ...body }).catch((error) =>
      this.onerror?.(asError(error))
    );
  }

  async #complete(
    response: JSONRPCResponse,
    id: RequestId,
    pending: Exclude<PendingRequest, { readonly kind: "unparsed" }>,
  ): Promise<JSONRPCMessage> {
    if (pending.kind === "tools") return await this.#completeList(response, pending.request);
    if ("error" in response) {
      const refusal = await this.#refusal(response.error, pending);
      return refusal === undefined ? response : { jsonrpc: "2.0", id, result: refusal };
    }
    const result = handleResult(pending, response.result, this.#catalog);
    return { ...response, result: await this.#withNewSession(result, pending) };
  }

  async #completeList(
    response: JSONRPCResponse,
    { params, extra }: CallerRequest,
  ): Promise<JSONRPCMessage> {
    if ("error" in response) return response;
    const { result } = response;
    const tools = Array.isArray(result.tools) ? result.tools : [];
    await this.#discovery.discovered(extra);
    this.#catalog.add(tools);
    const obstacle = this.#catalog.findings.find(({ isObstacle }) => isObstacle);
    if (obstacle !== undefined && this.#isStrict) {
      const error = new WireError(CODE.internalError, `Cannot add handles as ${obstacle.why}`);
      this.onerror?.(error);
      return { jsonrpc: "2.0", id: response.id, error: wireErrorBody(error) };
    }
    this.#adviseOnFindings();
    if (this.#catalog.clash !== undefined) return response;
    const isBound = this.#isBound(params, extra);
    const isFirstPage = member(params, "cursor") === undefined;
    const own = isFirstPage ? handleTools(this.#catalog.argument, this.#layer.retention) : [];
    const shown = tools.map((tool) => this.#catalog.shown(tool, isBound));
    return { ...response, result: { ...result, tools: [...own, ...shown] } };
  }

  /** The result with words for the model in the place of an error that the model can act on. */
  async #refusal(
    error: JSONRPCErrorResponse["error"],
    pending: PendingCall,
  ): Promise<Record<string, unknown> | undefined> {
    if (pending.kind !== "call" && pending.kind !== "unlisted") {
      return handleToolRefusal(pending, error);
    }
    if (error.code !== CODE.sessionRequired) return undefined;
    const { params, extra, isAware } = pending.request;
    const handle = pending.kind === "call" ? pending.handle : undefined;
    if (handle === undefined && isAware) return undefined;
    await this.#discovery.discovered(extra);
    const { argument, clash } = this.#catalog;
    const hasEnded = member(error.data, "reason") === "ended";
    const owner = ownerOf(extra?.authInfo);
    const caller = callerKind(this.#layer.local, owner);
    const isClosed = pending.kind === "call" && this.#catalog.takes(params.name) === false;
    if (handle === undefined && !hasEnded) {
      const isInTheWay = clash !== undefined || isClosed;
      adviseRefused(this.#layer.advise, caller, isInTheWay ? "in the way" : "offered");
    }
    if (clash !== undefined) return undefined;
    if (hasEnded) return messages.endedMeanwhile(argument);
    if (handle !== undefined) return messages.deadHandle(argument);
    if (pending.kind === "unlisted") return messages.unlistedTool(argument);
    const isIgnored = this.#layer.binder.ignoresConversation(params, owner);
    const remark = isIgnored ? messages.NOT_AUTHENTICATED : "";
    return isClosed
      ? messages.takesNoHandle(caller === "anonymous", remark)
      : messages.noHandle(argument, remark);
  }

  /** Adds the handle of a lazy session, which its caller could not find again. */
  async #withNewSession(
    result: Record<string, unknown>,
    pending: PendingCall,
  ): Promise<Record<string, unknown>> {
    const { params, extra, isAware } = pending.request;
    if (pending.kind !== "call" || pending.handle !== undefined || isAware) return result;
    const cookie = resultCookie(result);
    if (!cookie) return result;
    if (this.#isBound(params, extra)) return result;
    await this.#discovery.discovered(extra);
    if (this.#catalog.clash !== undefined || !this.#catalog.takes(params.name)) return result;
    return messages.withText(result, messages.newSession(cookie, this.#catalog.argument));
  }

  /** Whether calls such as this one find their session without a handle. */
  #isBound(params: Record<string, unknown>, extra: MessageExtraInfo | undefined): boolean {
    return this.#layer.binder.isBound(params, extra);
  }

  /** Whether a tool of this name is known: the server's, or one of the three. */
  #knows(name: unknown): boolean {
    return isHandleTool(name)
      ? this.#discovery.hasLearned
      : this.#catalog.takes(name) !== undefined;
  }

  #learn(tools: readonly unknown[], haveChanged: boolean): void {
    // Another caller may see other tools, which stay known as long as nothing has changed.
    if (haveChanged) this.#catalog.replace(tools);
    else this.#catalog.add(tools);
    if (!this.#isStrict) this.#adviseOnFindings();
  }

  #adviseOnFindings(): void {
    for (const { why, effect } of this.#catalog.findings) {
      this.#layer.advise("warn", `${effect[0]?.toUpperCase()}${effect.slice(1)} as ${why}`);
    }
  }
}
