/**
 * What becomes of the server's answers to calls whose session a handle names, or nothing does: words
 * for the model, in place of cookies and codes that it never sees.
 *
 * @module
 */

import { howToGetOne } from "../../handles/tools.ts";
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
} from "../../handles/words.ts";
import { type HeldCookie, resultCookie } from "../../protocol/cookie.ts";
import { CODE } from "../../protocol/errors.ts";
import { member } from "../../runtime/json.ts";
import { hasState, isLazyReplacement } from "../session/cookie_rules.ts";
import type { SessionLayer } from "../session/session_layer.ts";
import { refusesInWords } from "../session/session_refusal.ts";
import type { JSONRPCErrorResponse, JSONRPCResponse } from "../sdk.ts";
import { withoutCookie } from "./bridged_session.ts";
import type { HandleJar, HandleSlot } from "./handle_jar.ts";
import type { ServerTools } from "./server_tools.ts";

type Result = Record<string, unknown>;
/** An answer but for its id, which the relay knows. */
export type Body = { readonly result: Result } | Pick<JSONRPCErrorResponse, "error">;

/** Sessions that have been told to the model, or tools that run without one: not more than these. */
const MAX_NOTED = 10_000;

/** What the answers are judged by. */
export interface HandleAnswersParts {
  readonly layer: SessionLayer;
  readonly jar: HandleJar;
  readonly tools: ServerTools;
  /** Whether models are offered handles, once the tools are known. */
  readonly isOffered: () => boolean;
}

/** Completes the answers to `tools/call`. */
export class HandleAnswers {
  readonly #layer: SessionLayer;
  readonly #jar: HandleJar;
  readonly #tools: ServerTools;
  readonly #isOffered: () => boolean;
  /** The sessions whose handles were told. */
  readonly #told = new Set<string>();
  /** The tools that have run without a session. */
  readonly #free = new Set<unknown>();

  /** Knows nothing of the server at first. */
  constructor({ layer, jar, tools, isOffered }: HandleAnswersParts) {
    this.#layer = layer;
    this.#jar = jar;
    this.#tools = tools;
    this.#isOffered = isOffered;
  }

  /** The answer to a call with these `params` that was sent without a session. */
  async withoutHandle(answer: JSONRPCResponse, params: unknown): Promise<Body> {
    const name = member(params, "name");
    if ("error" in answer) {
      if (answer.error.code !== CODE.sessionRequired) return answer;
      const hasEnded = member(answer.error.data, "reason") === "ended";
      return { result: await this.#refusal(name, hasEnded) };
    }
    const { result } = answer;
    const cookie = resultCookie(result);
    const bare = withoutCookie(result);
    if (cookie) {
      return { result: await this.#withNewSession(bare, cookie, name) };
    }
    if (result.isError !== true) note(this.#free, name);
    else if (cookie === undefined && !this.#layer.refusesByCode && !this.#free.has(name)) {
      if (refusesInWords(params, result)) return { result: await this.#refusal(name, false) };
      if (await this.#canName(name)) {
        const next = howToGetOne(this.#tools.catalog.argument);
        const hint = `This call named no session. If it failed for want of one, ${next}.`;
        return { result: withText(bare, hint) };
      }
    }
    return { result: bare };
  }

  /** The answer to a call with these `params` that was sent in the session of a handle. */
  async withHandle(answer: JSONRPCResponse, params: unknown, slot: HandleSlot): Promise<Body> {
    const { argument } = this.#tools.catalog;
    if ("error" in answer) {
      if (answer.error.code !== CODE.sessionRequired) return answer;
      await this.#jar.drop(slot);
      const hasEnded = member(answer.error.data, "reason") === "ended";
      return { result: hasEnded ? endedMeanwhile(argument) : deadHandle(argument) };
    }
    const { result } = answer;
    const cookie = resultCookie(result);
    const bare = withoutCookie(result);
    await this.#jar.saved(slot);
    if (cookie === null) return { result: withText(bare, sessionEnded(argument)) };
    if (cookie === undefined) return { result: await this.#explained(bare, params, slot) };
    if (cookie.id === slot.handle) return { result: bare };
    await this.#jar.keep(cookie);
    note(this.#told, cookie.id);
    const words = isLazyReplacement(cookie, slot.cookie)
      ? `There is no session with the handle of this call: it may have expired or been ended. The ` +
        `call ran in a new, empty session instead: ${cookie.id}. To go on in that, pass this handle ` +
        `as the argument "${argument}"; nothing that was kept before is in it.`
      : newHandle(cookie.id);
    return { result: withText(bare, words) };
  }

  /** What the model is told of a call that had no session, and needs one. */
  async #refusal(name: unknown, hasEnded: boolean): Promise<Result> {
    const canName = await this.#canName(name);
    const { argument } = this.#tools.catalog;
    // Its tool has run.
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

  /** Whether the model can name a session in calls of this tool. */
  async #canName(name: unknown): Promise<boolean> {
    return await this.#tools.takes(name) && this.#isOffered();
  }

  /** A result from a session that the server has made or found for a call without one. */
  async #withNewSession(bare: Result, cookie: HeldCookie, name: unknown): Promise<Result> {
    note(this.#free, name);
    if (!await this.#canName(name)) return bare;
    await this.#jar.keep(cookie);
    if (this.#told.has(cookie.id)) return bare;
    note(this.#told, cookie.id);
    const words = isFound(cookie) ? foundSession : newSession;
    return withText(bare, words(cookie, this.#tools.catalog.argument));
  }

  /** A result that brings no cookie, with what it means for the session, if anything. */
  async #explained(bare: Result, params: unknown, slot: HandleSlot): Promise<Result> {
    if (bare.isError !== true || this.#layer.refusesByCode) return bare;
    if (!await this.#layer.isGone(slot)) return bare;
    const { argument } = this.#tools.catalog;
    if (refusesInWords(params, bare)) {
      await this.#jar.drop(slot);
      return deadHandle(argument);
    }
    // A server that keeps its state in the cookie takes what its list does not have.
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

/** Whether the server found this session, by a name or what the host tells, as it says in its reason. */
function isFound({ data }: HeldCookie): boolean {
  return data?.reason?.startsWith("host/") === true;
}

/** Adds to a set that must not grow for ever. */
function note<T>(noted: Set<T>, value: T): void {
  noted.add(value);
  if (noted.size <= MAX_NOTED) return;
  const [oldest] = noted;
  if (oldest !== undefined) noted.delete(oldest);
}
