/**
 * Client of a proof: an SDK client with a session.
 *
 * @module
 */

import { type HeldCookie, META_KEY } from "../../protocol/cookie.ts";
import { CODE } from "../../protocol/errors.ts";
import { isObject, member } from "../../runtime/json.ts";
import type { CookieJar } from "../jar/cookie_jar.ts";
import { Client, McpError } from "../sdk.ts";
import type { SessionCapability } from "../session/capability.ts";
import type { SessionEvent } from "../session/events.ts";
import { type SessionTransport, withSession } from "../with_session.ts";
import type { DemoServer } from "./demo_server.ts";
import type { Check, Reporter } from "./reporter.ts";

export class DemoClient implements AsyncDisposable {
  /** Tells its session in the jar from those of other clients. */
  readonly profile: string;
  readonly transport: SessionTransport;
  /** Events of the session, oldest first. */
  readonly events: SessionEvent[] = [];
  readonly #client: Client;
  readonly #reporter: Reporter;

  constructor(profile: string, server: DemoServer, jar: CookieJar, reporter: Reporter) {
    this.profile = profile;
    this.transport = withSession(() => server.connect(), {
      jar,
      server: "the demo's",
      profile,
      onsession: (event) => this.events.push(event),
    });
    this.#client = new Client({ name: profile, version: "1.0.0" });
    this.#reporter = reporter;
  }

  async connect(): Promise<void> {
    this.#reporter.progress("connection and session");
    await this.#client.connect(this.transport);
    this.#reporter.session(this);
  }

  get capability(): SessionCapability | undefined {
    return this.transport.capability;
  }

  get cookie(): HeldCookie | undefined {
    return this.transport.cookie;
  }

  /**
   * Calls a tool, with the held cookie or another, and returns its structured content.
   *
   * @throws {Error} If the tool fails; the error says what came.
   */
  async call(
    name: string,
    args: Record<string, unknown> = {},
    cookie?: HeldCookie | null,
  ): Promise<Record<string, unknown>> {
    const result = await this.#call(name, args, cookie);
    if (result.isError === true) throw new Error(`an isError result: ${textOf(result)}`);
    return isObject(result.structuredContent) ? result.structuredContent : result;
  }

  /** Calls a tool that should be refused with -32002, and tells what came. */
  async refusal(
    name: string,
    cookie: HeldCookie | null,
  ): Promise<{ isRefused: boolean; came: string; reason?: unknown }> {
    try {
      const result = await this.#call(name, {}, cookie);
      const kind = result.isError === true ? "an isError result" : "the result of a call that ran";
      return { isRefused: false, came: `${kind}: ${textOf(result)}` };
    } catch (error) {
      if (!(error instanceof McpError)) throw error;
      const { code, message, data } = error;
      if (code !== CODE.sessionRequired) return { isRefused: false, came: message };
      // Only servers of this project tell a reason.
      return { isRefused: true, came: message, reason: member(data, "reason") };
    }
  }

  /** @throws {ProofFailed} If the step does not hold. */
  step(text: string, check: Check): void {
    this.#reporter.step(this, text, check);
  }

  #call(name: string, args: Record<string, unknown>, cookie: HeldCookie | null | undefined) {
    this.#reporter.progress(`call of ${name}`);
    const _meta = cookie === undefined ? {} : { _meta: { [META_KEY]: cookie } };
    return this.#client.callTool({ name, arguments: args, ..._meta });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.close();
  }
}

/** The texts of a result, or else all of it. */
function textOf(result: Record<string, unknown>): string {
  const content = Array.isArray(result.content) ? result.content : [];
  const texts = content.map((block) => member(block, "text"));
  return texts.filter((text) => typeof text === "string").join(" ") || JSON.stringify(result);
}
