/**
 * Handles: sessions that the model itself makes, names in its calls and ends, by tools. For hosts
 * that know nothing of sessions.
 *
 * @module
 */

import { HandleCatalog } from "../../../handles/catalog.ts";
import { handleTools, isHandleTool } from "../../../handles/tools.ts";
import * as words from "../../../handles/words.ts";
import { LAZY, resultCookie } from "../../../protocol/cookie.ts";
import { CODE, WireError } from "../../../protocol/errors.ts";
import { member } from "../../../runtime/json.ts";
import { type Advise, adviseRefused, callerKind } from "../session/operator_advice.ts";
import { Awareness } from "../session/caller_awareness.ts";
import type { Bindings } from "../session/session_binding.ts";
import { TransportDecorator } from "../transport_decorator.ts";
import { idInFlight, type WireErrorBody, wireErrorBody } from "../wire_errors.ts";
import { asError } from "../../../runtime/errors.ts";
import { handledInfo, ownerOf } from "../session/session_lookup.ts";
import {
  concernsHandles,
  type HandleCall,
  HandleError,
  readCall,
  refusedTool,
  resultOf,
} from "./handle_call.ts";
import { ToolSurvey } from "./tool_survey.ts";
import type {
  JSONRPCMessage,
  JSONRPCRequest,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from "../sdk.ts";

/** How {@linkcode sessionHandles} offers handles. */
export interface SessionHandlesOptions {
  /**
   * To whom handles are offered (section 11 of the contract): what `tools/list` shows, and how a
   * refusal is worded. The tools and the argument work for every caller.
   *
   * - `always`: to everybody. A tool that is in the way makes `tools/list` an error;
   * - `auto`: to callers that know no sessions. A tool that is in the way goes on as it is: where one
   *   has an argument `session` of its own, the argument is `session_handle`; where one has the name
   *   of one of the three tools, handles are not offered; one whose schema can take no further
   *   argument is left as it is.
   *
   * Either way a tool that takes arguments of any name makes the argument `session_handle`.
   *
   * @default "always"
   */
  readonly offer?: "auto" | "always";
}

/**
 * Lets models look after sessions by themselves, where the host knows nothing of them: adds the
 * tools `session_create`, `session_list` and `session_end`, and to every other tool an optional
 * argument `session`, which the tool's own code never sees (section 11 of the contract). It goes
 * between the transport and the session layer, and opens to a handle what the layer opens to a cookie.
 *
 * @example
 * ```ts
 * import { McpServer, sessionHandles, sessionLayer } from "@mcp-sessions/deno/server";
 * import { MemoryStore } from "@mcp-sessions/deno/store";
 * import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
 *
 * const [transport] = InMemoryTransport.createLinkedPair();
 * const server = new McpServer({ name: "example", version: "1.0.0" });
 * const handles = sessionHandles(transport, { offer: "auto" });
 * await server.connect(sessionLayer(handles, { store: new MemoryStore() }));
 * await server.close();
 * ```
 */
export function sessionHandles(
  transport: Transport,
  { offer = "always" }: SessionHandlesOptions = {},
): Transport {
  return new Handles(transport, offer);
}

/** What the session layer around a {@linkcode Handles} tells it. */
export interface LayerAround {
  /** What calls are bound to that present no session. */
  readonly bindings: Bindings;
  /** Whether the transport reaches the local user alone. */
  readonly local: boolean;
  /** How long a session is kept without use, as a sentence. */
  readonly retention: string;
  /** Tells whoever runs the server, once each. */
  readonly advise: Advise;
}

/** A request, and who sent it. */
interface Asked {
  readonly params: Record<string, unknown>;
  readonly extra: MessageExtraInfo | undefined;
  /** Whether its caller knows sessions. */
  readonly isAware: boolean;
}

/** What a request that is without an answer asked for; `reading` while that is not known. */
type Pending =
  & { readonly asked: Asked }
  & ({ readonly kind: "tools" } | { readonly kind: "reading" } | HandleCall);
type PendingCall = { readonly asked: Asked } & HandleCall;

type Answer = Extract<JSONRPCMessage, { result: unknown } | { error: unknown }>;
type ErrorAnswer = Extract<Answer, { error: unknown }>;

/** A transport whose callers can name sessions by handles. */
export class Handles extends TransportDecorator {
  readonly #isStrict: boolean;
  readonly #catalog = new HandleCatalog();
  readonly #survey: ToolSurvey;
  readonly #awareness: Awareness;
  readonly #pending = new Map<RequestId, Pending>();
  #layer: LayerAround | undefined;

  constructor(inner: Transport, offer: "auto" | "always") {
    super(inner);
    this.#isStrict = offer === "always";
    this.#awareness = new Awareness(inner);
    this.#survey = new ToolSurvey(
      (request, extra) => this.onmessage?.(request, extra),
      (tools, haveChanged) => this.#surveyed(tools, haveChanged),
    );
  }

  /** Takes what the session layer around it knows. */
  attach(layer: LayerAround): void {
    this.#layer = layer;
  }

  override async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if ("method" in message) {
      if (message.method === "notifications/tools/list_changed") this.#survey.forget();
      // What it says about a request of our own is about none that the transport knows.
      const { relatedRequestId, ...others } = options ?? {};
      const isOurs = relatedRequestId !== undefined && this.#survey.isAsking(relatedRequestId);
      return await this.inner.send(message, isOurs ? others : options);
    }
    if (this.#survey.settle(message)) return;
    await this.inner.send(await this.#complete(message), options);
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
    const isAware = this.#awareness.note(message, extra);
    const asked = { isAware, params: message.params ?? {}, extra };
    if (message.method === "tools/call") return this.#call(message, asked);
    if (message.method === "tools/list" && (this.#isStrict || !isAware)) {
      this.#pending.set(message.id, { asked, kind: "tools" });
    }
    this.onmessage?.(message, extra);
  }

  protected override release(): void {
    this.#pending.clear();
    this.#survey.stop();
  }

  #call(request: JSONRPCRequest, asked: Asked): void {
    if (concernsHandles(asked.params)) return void this.#callWithHandle(request, asked);
    this.#pending.set(request.id, { asked, kind: "call", handle: undefined });
    this.onmessage?.(request, asked.extra);
  }

  async #callWithHandle(request: JSONRPCRequest, asked: Asked): Promise<void> {
    const { params, extra } = asked;
    const reading: Pending = { asked, kind: "reading" };
    this.#pending.set(request.id, reading);
    const isPending = () => this.#pending.get(request.id) === reading;
    await this.#survey.done(extra);
    // A tool may have come without a word, or be there for this caller alone.
    if (isPending() && !this.#knows(params.name)) await this.#survey.again(extra);
    if (!isPending()) return;
    try {
      const { method, params: read, call } = readCall(params, this.#catalog);
      this.#pending.set(request.id, { asked, ...call });
      this.onmessage?.({ ...request, method, params: read }, handledInfo(extra, call));
    } catch (error) {
      this.#pending.delete(request.id);
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

  async #complete(message: Answer): Promise<JSONRPCMessage> {
    const { id } = message;
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || pending === undefined || pending.kind === "reading") return message;
    this.#pending.delete(id);
    if (pending.kind === "tools") return await this.#completeList(message, pending.asked);
    if ("error" in message) return await this.#completeError(message, pending);
    const result = resultOf(pending, message.result, this.#catalog);
    return { ...message, result: await this.#tellingNew(result, pending) };
  }

  async #completeList(message: Answer, { params, extra }: Asked): Promise<JSONRPCMessage> {
    if ("error" in message) return message;
    const { result } = message;
    const tools = Array.isArray(result.tools) ? result.tools : [];
    await this.#survey.done(extra);
    this.#catalog.add(tools);
    const obstacle = this.#catalog.findings.find(({ isObstacle }) => isObstacle);
    if (obstacle !== undefined && this.#isStrict) {
      const error = new WireError(CODE.internalError, `Cannot add handles as ${obstacle.why}`);
      this.onerror?.(error);
      return { jsonrpc: "2.0", id: message.id, error: wireErrorBody(error) };
    }
    this.#sayFindings();
    if (this.#catalog.clash !== undefined) return message;
    const isBound = this.#isBound(params, extra);
    const isFirstPage = member(params, "cursor") === undefined;
    const own = isFirstPage ? handleTools(this.#catalog.argument, this.#layer?.retention) : [];
    const shown = tools.map((tool) => this.#catalog.shown(tool, isBound));
    return { ...message, result: { ...result, tools: [...own, ...shown] } };
  }

  /** What goes out in place of an error: words for the model, where it can do something about it. */
  async #completeError(message: ErrorAnswer, pending: PendingCall): Promise<JSONRPCMessage> {
    const { id, error } = message;
    if (id === undefined) return message;
    const result = await this.#refusal(error, pending);
    return result === undefined ? message : { jsonrpc: "2.0", id, result };
  }

  async #refusal(
    error: ErrorAnswer["error"],
    pending: PendingCall,
  ): Promise<Record<string, unknown> | undefined> {
    if (pending.kind !== "call" && pending.kind !== "unlisted") return refusedTool(pending, error);
    if (error.code !== CODE.sessionRequired) return undefined;
    const { params, extra, isAware } = pending.asked;
    const handle = pending.kind === "call" ? pending.handle : undefined;
    if (handle === undefined && isAware) return undefined;
    await this.#survey.done(extra);
    const { argument, clash } = this.#catalog;
    const hasEnded = member(error.data, "reason") === "ended";
    const owner = ownerOf(extra?.authInfo);
    const caller = this.#layer && callerKind(this.#layer.local, owner);
    const isClosed = pending.kind === "call" && this.#catalog.takes(params.name) === false;
    if (handle === undefined && !hasEnded && this.#layer !== undefined && caller !== undefined) {
      const isInTheWay = clash !== undefined || isClosed;
      adviseRefused(this.#layer.advise, caller, isInTheWay ? "in the way" : "offered");
    }
    if (clash !== undefined) return undefined;
    if (hasEnded) return words.endedMeanwhile(argument);
    if (handle !== undefined) return words.deadHandle(argument);
    if (pending.kind === "unlisted") return words.unlistedTool(argument);
    const isTold = this.#layer?.bindings.leavesOut(params, owner);
    const remark = isTold ? words.NOT_AUTHENTICATED : "";
    return isClosed
      ? words.takesNoHandle(caller === "anonymous", remark)
      : words.noHandle(argument, remark);
  }

  /** Tells of a session that was made for this call alone, which its caller could not find again. */
  async #tellingNew(
    result: Record<string, unknown>,
    pending: PendingCall,
  ): Promise<Record<string, unknown>> {
    const { params, extra, isAware } = pending.asked;
    if (pending.kind !== "call" || pending.handle !== undefined || isAware) return result;
    const cookie = resultCookie(result);
    if (!cookie) return result;
    // A layer behind somebody's own decorator does not tell what it binds.
    const isBound = this.#layer === undefined
      ? cookie.data?.reason !== LAZY.reason
      : this.#isBound(params, extra);
    if (isBound) return result;
    await this.#survey.done(extra);
    if (this.#catalog.clash !== undefined || !this.#catalog.takes(params.name)) return result;
    return words.withText(result, words.newSession(cookie, this.#catalog.argument));
  }

  /** Whether calls such as this one find their session without being told. */
  #isBound(params: Record<string, unknown>, extra: MessageExtraInfo | undefined): boolean {
    return this.#layer?.bindings.binds(params, extra?.authInfo) === true;
  }

  /** Whether it is known what a tool of this name is: the server's, or one of the three. */
  #knows(name: unknown): boolean {
    return isHandleTool(name) ? this.#survey.hasLearned : this.#catalog.takes(name) !== undefined;
  }

  #surveyed(tools: readonly unknown[], haveChanged: boolean): void {
    // Another caller may have been shown others, which are there as long as nothing has changed.
    if (haveChanged) this.#catalog.replace(tools);
    else this.#catalog.add(tools);
    if (!this.#isStrict) this.#sayFindings();
  }

  #sayFindings(): void {
    for (const { why, effect } of this.#catalog.findings) {
      this.#layer?.advise("warn", `${effect[0]?.toUpperCase()}${effect.slice(1)} as ${why}`);
    }
  }
}
