/**
 * Turns the server's responses to `tools/call` into words for the model, which sees no cookies and
 * codes: for calls whose session a handle names, and for calls without a session.
 *
 * @module
 */

import { howToGetOne } from "../../handles/session_tools.ts";
import {
  deadHandle,
  endedMeanwhile,
  failed,
  foundSession,
  newHandle,
  newSession,
  noHandle,
  sessionEnded,
  unlistedTool,
  withText,
} from "../../handles/model_messages.ts";
import { type HeldCookie, resultCookie } from "../../protocol/cookie.ts";
import { CODE } from "../../protocol/errors.ts";
import { member } from "../../runtime/json.ts";
import { hasState, isLazyReplacement } from "../session/cookie_rules.ts";
import type { SessionLayer } from "../session/session_layer.ts";
import { refusesInWords } from "../session/session_refusal.ts";
import type { JSONRPCResponse } from "../sdk.ts";
import type { HandleJar, HandleSlot } from "./handle_jar.ts";
import { withoutCookie } from "./host_session.ts";
import type { ResponseBody } from "./request_plan.ts";
import type { ServerTools } from "./server_tools.ts";

type Result = Record<string, unknown>;

/** The most entries of a set of announced sessions or of sessionless tools. */
const MAX_NOTED = 10_000;

export interface HandleResponsesOptions {
  readonly layer: Pick<SessionLayer, "isGone" | "refusesByCode">;
  readonly jar: HandleJar;
  readonly tools: ServerTools;
  /** Whether models are offered handles, once the tools are known. */
  readonly isOffered: () => boolean;
}

export class HandleResponses {
  readonly #layer: HandleResponsesOptions["layer"];
  readonly #jar: HandleJar;
  readonly #tools: ServerTools;
  readonly #isOffered: () => boolean;
  /** The sessions whose handles the model has been told. */
  readonly #announced = new Set<string>();
  /** The tools that have run without a session. */
  readonly #sessionless = new Set<unknown>();

  constructor({ layer, jar, tools, isOffered }: HandleResponsesOptions) {
    this.#layer = layer;
    this.#jar = jar;
    this.#tools = tools;
    this.#isOffered = isOffered;
  }

  /** The response to a call with these `params` that was sent without a session. */
  async withoutHandle(response: JSONRPCResponse, params: unknown): Promise<ResponseBody> {
    const name = member(params, "name");
    if ("error" in response) {
      if (response.error.code !== CODE.sessionRequired) return response;
      const hasEnded = member(response.error.data, "reason") === "ended";
      return { result: await this.#refusal(name, hasEnded) };
    }
    const { result } = response;
    const cookie = resultCookie(result);
    const bare = withoutCookie(result);
    if (cookie) return { result: await this.#withNewSession(bare, cookie, name) };
    if (result.isError !== true) note(this.#sessionless, name);
    else if (cookie === undefined && !this.#layer.refusesByCode && !this.#sessionless.has(name)) {
      if (refusesInWords(params, result)) return { result: await this.#refusal(name, false) };
      if (await this.#canName(name)) {
        const next = howToGetOne(this.#tools.catalog.argument);
        const hint = `This call named no session. If it failed for want of one, ${next}.`;
        return { result: withText(bare, hint) };
      }
    }
    return { result: bare };
  }

  /** The response to a call with these `params` that was sent in the session of a handle. */
  async withHandle(
    response: JSONRPCResponse,
    params: unknown,
    slot: HandleSlot,
  ): Promise<ResponseBody> {
    const { argument } = this.#tools.catalog;
    if ("error" in response) {
      if (response.error.code !== CODE.sessionRequired) return response;
      await this.#jar.drop(slot);
      const hasEnded = member(response.error.data, "reason") === "ended";
      return { result: hasEnded ? endedMeanwhile(argument) : deadHandle(argument) };
    }
    const { result } = response;
    const cookie = resultCookie(result);
    const bare = withoutCookie(result);
    await this.#jar.saved(slot);
    if (cookie === null) return { result: withText(bare, sessionEnded(argument)) };
    if (cookie === undefined) return { result: await this.#withoutNewCookie(bare, params, slot) };
    if (cookie.id === slot.handle) return { result: bare };
    await this.#jar.keep(cookie);
    note(this.#announced, cookie.id);
    const words = isLazyReplacement(cookie, slot.cookie)
      ? `There is no session with the handle of this call: it may have expired or been ended. The ` +
        `call ran in a new, empty session instead: ${cookie.id}. To go on in that, pass this handle ` +
        `as the argument "${argument}"; nothing that was kept before is in it.`
      : newHandle(cookie.id);
    return { result: withText(bare, words) };
  }

  /** The result of a call that needs a session and had none. */
  async #refusal(name: unknown, hasEnded: boolean): Promise<Result> {
    const canName = await this.#canName(name);
    const { argument } = this.#tools.catalog;
    // The tool has run.
    if (hasEnded) return endedMeanwhile(argument);
    if (!canName) {
      if (this.#isOffered() && this.#tools.isUnlisted(name)) return unlistedTool(argument);
      return failed(
        "This call needs a session, and calls of this tool can name none. Nothing was done. Tell the " +
          "user: the session bridge gives such calls a session if it is started with --session NAME " +
          "or --per-process.",
      );
    }
    return noHandle(argument);
  }

  async #canName(name: unknown): Promise<boolean> {
    return await this.#tools.takes(name) && this.#isOffered();
  }

  /** The result of a call without a session, for which the server has made or found one. */
  async #withNewSession(bare: Result, cookie: HeldCookie, name: unknown): Promise<Result> {
    note(this.#sessionless, name);
    if (!await this.#canName(name)) return bare;
    await this.#jar.keep(cookie);
    if (this.#announced.has(cookie.id)) return bare;
    note(this.#announced, cookie.id);
    const words = isFound(cookie) ? foundSession : newSession;
    return withText(bare, words(cookie, this.#tools.catalog.argument));
  }

  /** A result without a cookie, with words for the model if it shows that the session is gone. */
  async #withoutNewCookie(bare: Result, params: unknown, slot: HandleSlot): Promise<Result> {
    if (bare.isError !== true || this.#layer.refusesByCode) return bare;
    if (!await this.#layer.isGone(slot)) return bare;
    const { argument } = this.#tools.catalog;
    if (refusesInWords(params, bare)) {
      await this.#jar.drop(slot);
      return deadHandle(argument);
    }
    // A server that keeps state in the cookie may take a session that it does not list.
    if (hasState(slot.cookie)) {
      const hint =
        "The server does not list the session of this handle any more. If the call failed " +
        `for that, the session is gone: for an empty one, ${howToGetOne(argument)}.`;
      return withText(bare, hint);
    }
    await this.#jar.drop(slot);
    const { content } = deadHandle(argument);
    return { ...bare, content: [content, bare.content ?? []].flat() };
  }
}

/** Whether the server found this session by a name or by the host's `_meta`, not made it. */
function isFound({ data }: HeldCookie): boolean {
  return data?.reason?.startsWith("host/") === true;
}

/** Adds to a bounded set, which drops its oldest value. */
function note<T>(noted: Set<T>, value: T): void {
  noted.add(value);
  if (noted.size <= MAX_NOTED) return;
  const [oldest] = noted;
  if (oldest !== undefined) noted.delete(oldest);
}
