/**
 * Handles: sessions that the model makes, names in its calls and ends, in front of any server that
 * has sessions (section 11 of the contract).
 *
 * @module
 */

import { HANDLE_TOOL, handleTools, howToGetOne, isHandleTool } from "../../handles/tools.ts";
import { created, deadHandle, ended, failed, listed } from "../../handles/words.ts";
import { heldCookie, META_KEY, presentedCookie, withCookie } from "../../protocol/cookie.ts";
import { CODE } from "../../protocol/errors.ts";
import { LIST_PAGE, METHOD } from "../../protocol/methods.ts";
import { isObject, member } from "../../runtime/json.ts";
import { presentsCookie } from "../session/pending_requests.ts";
import { createdCookie } from "../session/session_requests.ts";
import { hasState } from "../session/cookie_rules.ts";
import type { CookieSlot } from "../session/cookie_slot.ts";
import type { SessionLayer } from "../session/session_layer.ts";
import type { JSONRPCErrorResponse, JSONRPCRequest, JSONRPCResponse } from "../sdk.ts";
import { type BridgedSession, withoutCookie } from "./bridged_session.ts";
import { type Body, HandleAnswers } from "./handle_answers.ts";
import { HandleJar, type HandleJarParts } from "./handle_jar.ts";
import { ServerTools } from "./server_tools.ts";

/** How long the server may take to list its tools. */
const LIST_MS = 30_000;

/** How a request of the host's goes on. */
export interface Plan {
  /** What is sent to the server; `undefined` if `answer` is all there is to it. */
  readonly message?: JSONRPCRequest;
  /** The answer that needs no server. */
  readonly answer?: Body;
  /** Holds the cookie that goes with it. */
  readonly slot?: CookieSlot | undefined;
  /** The session whose losses the answer tells of. */
  readonly session?: BridgedSession | undefined;
  /** Turns the server's answer into the host's. Never rejects. */
  readonly complete?: (answer: JSONRPCResponse) => Promise<Body>;
  /** To be called when the request is over. */
  readonly release?: () => void;
}

/** What handles are made of. */
export interface HandlesParts extends HandleJarParts {
  readonly layer: SessionLayer;
}

/** Plans what requests need that tell no conversation, or name a handle. */
export class Handles {
  readonly #layer: SessionLayer;
  readonly #jar: HandleJar;
  readonly #tools: ServerTools;
  readonly #answers: HandleAnswers;

  /** Knows nothing of the server at first. */
  constructor(parts: HandlesParts) {
    const { layer, log } = parts;
    this.#layer = layer;
    this.#jar = new HandleJar(parts);
    this.#tools = new ServerTools((method, params = {}) => layer.ask(LIST_MS, method, params), log);
    this.#answers = new HandleAnswers({
      layer,
      jar: this.#jar,
      tools: this.#tools,
      isOffered: () => this.#isOffered,
    });
  }

  /** The server's tools may be others from now on. */
  forgetTools(): void {
    this.#tools.forget();
  }

  /**
   * How `request` goes on, whose conversation has `session` if it tells one.
   *
   * @throws {Error} If the jar cannot say what there is of a handle's session.
   */
  plan(request: JSONRPCRequest, session: BridgedSession | undefined): Plan | Promise<Plan> {
    const { method, params } = request;
    if (this.#layer.capability === undefined || method === "initialize") {
      return { message: request };
    }
    if (method === "tools/call" && mayConcern(params)) return this.#planCall(request, session);
    return this.#pass(request, session);
  }

  /** Whether models are offered handles, once the tools are known. */
  get #isOffered(): boolean {
    return this.#offers("create") && this.#tools.catalog.clash === undefined;
  }

  #offers(feature: string): boolean {
    return this.#layer.capability?.features.includes(feature) === true;
  }

  /** A request that names no handle. */
  #pass(request: JSONRPCRequest, session: BridgedSession | undefined): Plan {
    const { method, params } = request;
    const isOwn = method.startsWith("session/") || presentsCookie(params);
    if (method === "tools/list") {
      const complete = (answer: JSONRPCResponse) =>
        this.#shown(isOwn ? answer : bare(answer), params, session !== undefined);
      return { ...(isOwn ? { message: request } : plain(request, session)), complete };
    }
    if (isOwn) return { message: request };
    const plan = plain(request, session);
    if (session !== undefined) return plan;
    const complete = method === "tools/call"
      ? (answer: JSONRPCResponse) => this.#answers.withoutHandle(answer, params)
      : (answer: JSONRPCResponse) => Promise.resolve(bare(answer));
    return { ...plan, complete };
  }

  /** A call that may name a handle, or one of the three tools. */
  async #planCall(request: JSONRPCRequest, session: BridgedSession | undefined): Promise<Plan> {
    const params = request.params ?? {};
    const args = isObject(params.arguments) ? params.arguments : {};
    await this.#tools.known();
    if (!this.#isOffered) return this.#pass(request, session);
    if (this.#isTool(params)) {
      if ((params.arguments ?? args) !== args) {
        return malformed("params.arguments must be an object");
      }
      return await this.#planTool(request, params.name, args);
    }
    const takes = await this.#tools.takes(params.name);
    const { argument } = this.#tools.catalog;
    if (!this.#isOffered || !Object.hasOwn(args, argument)) return this.#pass(request, session);
    const { [argument]: handle, ...rest } = args;
    // Without the session that it names, a server may run the call in another one.
    if (!takes && !(this.#tools.isUnknown(params.name) && await this.#jar.has(handle))) {
      return this.#pass(request, session);
    }
    const message = { ...request, params: { ...params, arguments: rest } };
    if (handle === null || handle === "") return this.#pass(message, session);
    if (typeof handle !== "string") {
      return reply(wrongHandle(argument, `To get one, ${howToGetOne(argument)}`));
    }
    return await this.#planWith(handle, message);
  }

  /** A call that names a handle. */
  async #planWith(handle: string, message: JSONRPCRequest): Promise<Plan> {
    const { argument } = this.#tools.catalog;
    const presented = presentedCookie(message.params);
    if (isOther(presented, handle)) return contradiction(argument);
    // The host's own cookie is the host's own affair.
    if (presented.kind === "id") return { message };
    if (heldCookie({ id: handle }) === undefined) return reply(deadHandle(argument));
    const slot = await this.#jar.open(handle);
    const release = () => this.#jar.close(slot);
    // Some servers would run the call in a new session.
    if (!slot.isFiled && await this.#layer.isGone(slot)) {
      return { ...reply(deadHandle(argument)), release };
    }
    const complete = (answer: JSONRPCResponse) =>
      this.#answers.withHandle(answer, message.params, slot);
    return { message: withoutMark(message), slot, complete, release };
  }

  /** Whether a call is of one of the three tools, as far as they are shown. */
  #isTool({ name, task }: Record<string, unknown>): boolean {
    return isHandleTool(name) && (name !== HANDLE_TOOL.end || this.#offers("delete")) &&
      task === undefined;
  }

  async #planTool(
    request: JSONRPCRequest,
    name: unknown,
    args: Record<string, unknown>,
  ): Promise<Plan> {
    const { argument } = this.#tools.catalog;
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

  #planCreate(request: JSONRPCRequest, title: unknown): Plan {
    if (title !== undefined && typeof title !== "string") {
      return reply(failed('The argument "title" must be a text.'));
    }
    const label = title || this.#layer.title;
    const params = { hints: { label, data: { title: label } } };
    const complete = async (answer: JSONRPCResponse) => {
      if ("error" in answer) return inWords(answer, /params\.hints[^ ]*/, "title");
      const cookie = createdCookie(answer.result);
      if (cookie === undefined) {
        return { result: failed("The server has made no session that can be named.") };
      }
      await this.#jar.keep(cookie);
      return { result: created(cookie, this.#tools.catalog.argument) };
    };
    return { message: instead(request, METHOD.create, params), complete };
  }

  async #planEnd(request: JSONRPCRequest, handle: unknown): Promise<Plan> {
    const { argument } = this.#tools.catalog;
    if (typeof handle !== "string" || handle === "") {
      return reply(
        wrongHandle("session", `The tool ${HANDLE_TOOL.list} shows those that there are`),
      );
    }
    if (isOther(presentedCookie(request.params), handle)) return contradiction("session");
    if (heldCookie({ id: handle }) === undefined) return reply(deadHandle(argument));
    const slot = await this.#jar.open(handle);
    const complete = async (answer: JSONRPCResponse) => {
      if ("error" in answer) return inWords(answer, /params\.id/, "session");
      // State in the cookie ends with the jar's.
      const wasThere = answer.result.deleted === true || hasState(slot.cookie);
      await this.#jar.drop(slot);
      return { result: wasThere ? ended(handle) : deadHandle(argument) };
    };
    const release = () => this.#jar.close(slot);
    return { message: instead(request, METHOD.delete, { id: handle }), complete, release };
  }

  /** A page of the server's tools, as the host sees it. */
  async #shown(answer: JSONRPCResponse, params: unknown, isBound: boolean): Promise<Body> {
    if ("error" in answer) return answer;
    const { result } = answer;
    const tools = Array.isArray(result.tools) ? result.tools : [];
    const isFirst = member(params, "cursor") === undefined;
    await this.#tools.note(tools, isFirst && member(result, "nextCursor") === undefined);
    if (!this.#isOffered) return answer;
    const { catalog } = this.#tools;
    const three = handleTools(catalog.argument).filter((tool) =>
      isFirst && (member(tool, "name") !== HANDLE_TOOL.end || this.#offers("delete"))
    );
    const theirs = this.#tools.plain(tools).map((tool) => catalog.shown(tool, isBound));
    return { result: { ...result, tools: [...three, ...theirs] } };
  }
}

/** Whether a call's params may have to do with handles, whatever the tools are. */
function mayConcern(params: unknown): boolean {
  const args = member(params, "arguments");
  return isHandleTool(member(params, "name")) ||
    isObject(args) && (Object.hasOwn(args, "session") || Object.hasOwn(args, "session_handle"));
}

/** A request in its conversation's session, or else in none, which it says. */
function plain(request: JSONRPCRequest, session: BridgedSession | undefined): Plan {
  if (session !== undefined) return { message: request, slot: session.slot, session };
  return { message: { ...request, params: withCookie(request.params ?? {}, null) } };
}

/** The answer without a cookie. */
function bare(answer: JSONRPCResponse): JSONRPCResponse {
  return "result" in answer ? { ...answer, result: withoutCookie(answer.result) } : answer;
}

/** Another request with the same id, which the host can cancel. */
function instead(
  { id, jsonrpc, params }: JSONRPCRequest,
  method: string,
  own: object,
): JSONRPCRequest {
  const meta = params?._meta === undefined ? {} : { _meta: params._meta };
  return { jsonrpc, id, method, params: { ...own, ...meta } };
}

/** The request without the host's mark that it holds no cookie. */
function withoutMark(request: JSONRPCRequest): JSONRPCRequest {
  if (!presentsCookie(request.params)) return request;
  const { _meta: { [META_KEY]: _, ...meta } = {}, ...params } = request.params ?? {};
  return { ...request, params: { ...params, _meta: meta } };
}

function isOther(presented: ReturnType<typeof presentedCookie>, handle: string): boolean {
  return presented.kind === "malformed" || presented.kind === "id" && presented.id !== handle;
}

function reply(result: Record<string, unknown>): Plan {
  return { answer: { result } };
}

function wrongHandle(argument: string, next: string): Record<string, unknown> {
  return failed(`The argument "${argument}" must be the handle of a session. ${next}.`);
}

function contradiction(argument: string): Plan {
  const message = `params._meta["${META_KEY}"] and the argument "${argument}" name different ` +
    "sessions: send one of them";
  return malformed(message);
}

function malformed(message: string): Plan {
  return { answer: { error: { code: CODE.invalidParams, message } } };
}

/** Names the argument that the model has given, where the server names the field that it became. */
function inWords(
  answer: JSONRPCErrorResponse,
  field: RegExp,
  argument: string,
): Body {
  if (answer.error.code !== CODE.invalidParams) return answer;
  return { result: failed(answer.error.message.replace(field, `The argument "${argument}"`)) };
}
