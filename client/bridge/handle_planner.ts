/**
 * Plans requests by handles: sessions that the model makes, names in its calls and ends, in front of
 * any server that has sessions (section 11 of PROTOCOL.md).
 *
 * @module
 */

import {
  HANDLE_TOOL,
  handleTools,
  howToGetOne,
  isHandleTool,
} from "../../handles/session_tools.ts";
import { created, deadHandle, ended, failed, listed } from "../../handles/model_messages.ts";
import { heldCookie, META_KEY, presentedCookie, withCookie } from "../../protocol/cookie.ts";
import { CODE } from "../../protocol/errors.ts";
import { LIST_PAGE, METHOD } from "../../protocol/methods.ts";
import { isObject, member } from "../../runtime/json.ts";
import { presentsCookie } from "../session/pending_requests.ts";
import { createdCookie } from "../session/session_requests.ts";
import { hasState } from "../session/cookie_rules.ts";
import type { SessionLayer } from "../session/session_layer.ts";
import type { JSONRPCErrorResponse, JSONRPCRequest, JSONRPCResponse } from "../sdk.ts";
import { HandleJar, type HandleJarOptions } from "./handle_jar.ts";
import { HandleResponses } from "./handle_responses.ts";
import { type HostSession, withoutCookie } from "./host_session.ts";
import type { RequestPlan, ResponseBody } from "./request_plan.ts";
import { ServerTools } from "./server_tools.ts";

/** The deadline of `tools/list`. */
const LIST_MS = 30_000;

/** Plans each request: by its handle, by its conversation, or without a session. */
export class HandlePlanner {
  readonly #layer: SessionLayer;
  readonly #jar: HandleJar;
  readonly tools: ServerTools;
  readonly #responses: HandleResponses;

  constructor(options: HandleJarOptions & { readonly layer: SessionLayer }) {
    const { layer, log } = options;
    this.#layer = layer;
    this.#jar = new HandleJar(options);
    this.tools = new ServerTools((method, params = {}) => layer.ask(LIST_MS, method, params), log);
    this.#responses = new HandleResponses({
      layer,
      jar: this.#jar,
      tools: this.tools,
      isOffered: () => this.#isOffered,
    });
  }

  /**
   * The plan of a request whose conversation, if it tells one, has `session`.
   *
   * @throws {Error} If the jar cannot be read for a handle.
   */
  plan(
    request: JSONRPCRequest,
    session: HostSession | undefined,
  ): RequestPlan | Promise<RequestPlan> {
    const { method, params } = request;
    if (this.#layer.capability === undefined || method === "initialize") {
      return { message: request };
    }
    if (method === "tools/call" && mayConcern(params)) return this.#planCall(request, session);
    return this.#planWithoutHandle(request, session);
  }

  /** Whether models are offered handles, once the tools are known. */
  get #isOffered(): boolean {
    return this.#offers("create") && this.tools.catalog.clash === undefined;
  }

  #offers(feature: string): boolean {
    return this.#layer.capability?.features.includes(feature) === true;
  }

  #planWithoutHandle(request: JSONRPCRequest, session: HostSession | undefined): RequestPlan {
    const { method, params } = request;
    const hasOwnSession = method.startsWith("session/") || presentsCookie(params);
    if (method === "tools/list") {
      const complete = (response: JSONRPCResponse) =>
        this.#listed(hasOwnSession ? response : bare(response), params, session !== undefined);
      return { ...(hasOwnSession ? { message: request } : inSession(request, session)), complete };
    }
    if (hasOwnSession) return { message: request };
    const plan = inSession(request, session);
    if (session !== undefined) return plan;
    const complete = method === "tools/call"
      ? (response: JSONRPCResponse) => this.#responses.withoutHandle(response, params)
      : (response: JSONRPCResponse) => Promise.resolve(bare(response));
    return { ...plan, complete };
  }

  /** A call that may name a handle, or one of the three tools. */
  async #planCall(
    request: JSONRPCRequest,
    session: HostSession | undefined,
  ): Promise<RequestPlan> {
    const params = request.params ?? {};
    const args = isObject(params.arguments) ? params.arguments : {};
    await this.tools.load();
    if (!this.#isOffered) return this.#planWithoutHandle(request, session);
    if (this.#isHandleTool(params)) {
      if ((params.arguments ?? args) !== args) {
        return malformed("params.arguments must be an object");
      }
      return await this.#planHandleTool(request, params.name, args);
    }
    const takes = await this.tools.takes(params.name);
    const { argument } = this.tools.catalog;
    if (!this.#isOffered || !Object.hasOwn(args, argument)) {
      return this.#planWithoutHandle(request, session);
    }
    const { [argument]: handle, ...rest } = args;
    // For an unknown tool, a handle of the jar counts: without it, the call may run in another session.
    if (!takes && !(this.tools.isUnknown(params.name) && await this.#jar.has(handle))) {
      return this.#planWithoutHandle(request, session);
    }
    const message = { ...request, params: { ...params, arguments: rest } };
    if (handle === null || handle === "") return this.#planWithoutHandle(message, session);
    if (typeof handle !== "string") {
      return reply(wrongHandle(argument, `To get one, ${howToGetOne(argument)}`));
    }
    return await this.#planWithHandle(handle, message);
  }

  async #planWithHandle(handle: string, message: JSONRPCRequest): Promise<RequestPlan> {
    const { argument } = this.tools.catalog;
    const presented = presentedCookie(message.params);
    if (isOther(presented, handle)) return contradiction(argument);
    // A host that sends its own cookie gets the response as it is.
    if (presented.kind === "id") return { message };
    if (heldCookie({ id: handle }) === undefined) return reply(deadHandle(argument));
    const slot = await this.#jar.open(handle);
    const release = () => this.#jar.close(slot);
    // Some servers would run a call with a dead handle in a new session.
    if (!slot.isFiled && await this.#layer.isGone(slot)) {
      return { ...reply(deadHandle(argument)), release };
    }
    const complete = (response: JSONRPCResponse) =>
      this.#responses.withHandle(response, message.params, slot);
    return { message: withoutNullCookie(message), slot, complete, release };
  }

  /** Whether a call is of one of the three tools, as far as they are listed. */
  #isHandleTool({ name, task }: Record<string, unknown>): boolean {
    return isHandleTool(name) && (name !== HANDLE_TOOL.end || this.#offers("delete")) &&
      task === undefined;
  }

  async #planHandleTool(
    request: JSONRPCRequest,
    name: unknown,
    args: Record<string, unknown>,
  ): Promise<RequestPlan> {
    const { argument } = this.tools.catalog;
    switch (name) {
      case HANDLE_TOOL.create:
        return this.#planCreate(request, member(args, "title"));
      case HANDLE_TOOL.end:
        return await this.#planEnd(request, member(args, "session") ?? member(args, argument));
      default: {
        const cookies = await this.#jar.list();
        const hasMore = cookies.length > LIST_PAGE;
        return reply(listed(cookies.slice(-LIST_PAGE), hasMore, argument));
      }
    }
  }

  #planCreate(request: JSONRPCRequest, title: unknown): RequestPlan {
    if (title !== undefined && typeof title !== "string") {
      return reply(failed('The argument "title" must be a text.'));
    }
    const label = title || this.#layer.title;
    const params = { hints: { label, data: { title: label } } };
    const complete = async (response: JSONRPCResponse) => {
      if ("error" in response) return namingArgument(response, /params\.hints[^ ]*/, "title");
      const cookie = createdCookie(response.result);
      if (cookie === undefined) {
        return { result: failed("The server has made no session that can be named.") };
      }
      await this.#jar.keep(cookie);
      return { result: created(cookie, this.tools.catalog.argument) };
    };
    return { message: replacement(request, METHOD.create, params), complete };
  }

  async #planEnd(request: JSONRPCRequest, handle: unknown): Promise<RequestPlan> {
    const { argument } = this.tools.catalog;
    if (typeof handle !== "string" || handle === "") {
      return reply(
        wrongHandle("session", `The tool ${HANDLE_TOOL.list} shows those that there are`),
      );
    }
    if (isOther(presentedCookie(request.params), handle)) return contradiction("session");
    if (heldCookie({ id: handle }) === undefined) return reply(deadHandle(argument));
    const slot = await this.#jar.open(handle);
    const complete = async (response: JSONRPCResponse) => {
      if ("error" in response) return namingArgument(response, /params\.id/, "session");
      // State in the cookie ends with the jar's copy.
      const wasThere = response.result.deleted === true || hasState(slot.cookie);
      await this.#jar.drop(slot);
      return { result: wasThere ? ended(handle) : deadHandle(argument) };
    };
    const release = () => this.#jar.close(slot);
    return { message: replacement(request, METHOD.delete, { id: handle }), complete, release };
  }

  /** A page of `tools/list`, with what handles add. */
  async #listed(
    response: JSONRPCResponse,
    params: unknown,
    isBound: boolean,
  ): Promise<ResponseBody> {
    if ("error" in response) return response;
    const { result } = response;
    const tools = Array.isArray(result.tools) ? result.tools : [];
    const isFirst = member(params, "cursor") === undefined;
    await this.tools.addPage(tools, isFirst && member(result, "nextCursor") === undefined);
    if (!this.#isOffered) return response;
    const { catalog } = this.tools;
    const three = handleTools(catalog.argument).filter((tool) =>
      isFirst && (member(tool, "name") !== HANDLE_TOOL.end || this.#offers("delete"))
    );
    const theirs = this.tools.withoutHandles(tools).map((tool) => catalog.shown(tool, isBound));
    return { result: { ...result, tools: [...three, ...theirs] } };
  }
}

/** Whether a call's params may concern handles, whatever the tools are. */
function mayConcern(params: unknown): boolean {
  const args = member(params, "arguments");
  return isHandleTool(member(params, "name")) ||
    isObject(args) && (Object.hasOwn(args, "session") || Object.hasOwn(args, "session_handle"));
}

/** A request in its conversation's session, or else with the `null` cookie. */
function inSession(request: JSONRPCRequest, session: HostSession | undefined): RequestPlan {
  if (session !== undefined) return { message: request, slot: session.slot, session };
  return { message: { ...request, params: withCookie(request.params ?? {}, null) } };
}

function bare(response: JSONRPCResponse): JSONRPCResponse {
  return "result" in response ? { ...response, result: withoutCookie(response.result) } : response;
}

/** Another request with the same id, by which the host can cancel it. */
function replacement(
  { id, jsonrpc, params }: JSONRPCRequest,
  method: string,
  own: object,
): JSONRPCRequest {
  const meta = params?._meta === undefined ? {} : { _meta: params._meta };
  return { jsonrpc, id, method, params: { ...own, ...meta } };
}

/** The request without the host's `null` cookie. */
function withoutNullCookie(request: JSONRPCRequest): JSONRPCRequest {
  if (!presentsCookie(request.params)) return request;
  const { _meta: { [META_KEY]: _, ...meta } = {}, ...params } = request.params ?? {};
  return { ...request, params: { ...params, _meta: meta } };
}

function isOther(presented: ReturnType<typeof presentedCookie>, handle: string): boolean {
  return presented.kind === "malformed" || presented.kind === "id" && presented.id !== handle;
}

function reply(result: Record<string, unknown>): RequestPlan {
  return { response: { result } };
}

function wrongHandle(argument: string, next: string): Record<string, unknown> {
  return failed(`The argument "${argument}" must be the handle of a session. ${next}.`);
}

function contradiction(argument: string): RequestPlan {
  const message = `params._meta["${META_KEY}"] and the argument "${argument}" name different ` +
    "sessions: send one of them";
  return malformed(message);
}

function malformed(message: string): RequestPlan {
  return { response: { error: { code: CODE.invalidParams, message } } };
}

/** An error for the model: in place of the field of `params`, it names the model's argument. */
function namingArgument(
  response: JSONRPCErrorResponse,
  field: RegExp,
  argument: string,
): ResponseBody {
  if (response.error.code !== CODE.invalidParams) return response;
  return { result: failed(response.error.message.replace(field, `The argument "${argument}"`)) };
}
