/**
 * Asking the server behind a transport for all its tools, beside what its callers ask.
 *
 * @module
 */

import { member } from "../../../runtime/json.ts";
import type { JSONRPCMessage, JSONRPCRequest, MessageExtraInfo, RequestId } from "../sdk.ts";

type Ask = (request: JSONRPCRequest, extra: MessageExtraInfo | undefined) => void;
type Learn = (tools: readonly unknown[], haveChanged: boolean) => void;

// A server that does not answer is taken as it was seen.
const SURVEY_MS = 5_000;
// A server whose tools change each time it is asked is taken as it last was.
const MAX_TRIES = 3;
// A server may go on making up pages.
const MAX_PAGES = 1_000;

/** Knows whether the tools have been asked for since they last changed. */
export class ToolSurvey {
  readonly #ask: Ask;
  readonly #learn: Learn;
  readonly #prefix = `tools:${crypto.randomUUID()}:`;
  readonly #waiting = new Map<RequestId, (result: unknown) => void>();
  #lastId = 0;
  #lastNumber = 0;
  /** The number of the latest survey whose tools are known. */
  #learned = 0;
  #haveChanged = false;
  /** The survey that holds until the tools change. Never rejects. */
  #current: Promise<void> | undefined;

  /** Sends by means of `ask`, and gives all tools of one caller to `learn`. */
  constructor(ask: Ask, learn: Learn) {
    this.#ask = ask;
    this.#learn = learn;
  }

  /** Whether the server has ever told its tools. */
  get hasLearned(): boolean {
    return this.#learned > 0;
  }

  /** Whether this is the id of a request of its own that is without an answer. */
  isAsking(id: RequestId): boolean {
    return this.#waiting.has(id);
  }

  /** Resolves when the tools are known; they are asked for on behalf of a caller. */
  async done(extra: MessageExtraInfo | undefined): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const survey = this.#current ??= this.#begin(extra);
      await survey;
      if (this.#current === survey) return;
    }
  }

  /** Asks once more, and resolves when the tools are known. */
  async again(extra: MessageExtraInfo | undefined): Promise<void> {
    this.#current = undefined;
    await this.done(extra);
  }

  /** Takes note that the tools have changed. */
  forget(): void {
    this.#haveChanged = true;
    this.#current = undefined;
  }

  /** Takes the answer to a request of its own; `false` for any other. */
  settle(answer: Extract<JSONRPCMessage, { result: unknown } | { error: unknown }>): boolean {
    const resolve = answer.id === undefined ? undefined : this.#waiting.get(answer.id);
    if (answer.id === undefined || resolve === undefined) return false;
    this.#waiting.delete(answer.id);
    resolve("result" in answer ? answer.result : undefined);
    return true;
  }

  /** Lets everybody go who waits. */
  stop(): void {
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }

  #begin(extra: MessageExtraInfo | undefined): Promise<void> {
    const number = ++this.#lastNumber;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, SURVEY_MS);
    const asked = this.#pages(extra).then((tools) => {
      // Good even if they have changed meanwhile: tools that always do are known in no other way.
      if (tools === undefined || number < this.#learned) return;
      this.#learned = number;
      const haveChanged = this.#haveChanged;
      if (this.#current === survey) this.#haveChanged = false;
      this.#learn(tools, haveChanged);
    }).catch(() => {/* Tools that nobody can read are taken as those that nobody tells. */});
    const survey: Promise<void> = Promise.race([asked, late.promise]).then(() =>
      clearTimeout(timer)
    );
    return survey;
  }

  /** All tools; `undefined` if the server does not tell them. */
  async #pages(extra: MessageExtraInfo | undefined): Promise<unknown[] | undefined> {
    const tools: unknown[] = [];
    const cursors = new Set<unknown>();
    let cursor: unknown = undefined;
    // A last page that leads back to an earlier one is a server's mistake.
    while (!cursors.has(cursor) && cursors.size < MAX_PAGES) {
      cursors.add(cursor);
      const page = await this.#request(cursor === undefined ? {} : { cursor }, extra);
      const listed = member(page, "tools");
      if (!Array.isArray(listed)) return undefined;
      tools.push(...listed);
      cursor = member(page, "nextCursor");
    }
    return tools;
  }

  #request(params: Record<string, unknown>, extra: MessageExtraInfo | undefined): Promise<unknown> {
    const id = `${this.#prefix}${++this.#lastId}`;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, resolve);
    this.#ask({ jsonrpc: "2.0", id, method: "tools/list", params }, extra);
    return promise;
  }
}
