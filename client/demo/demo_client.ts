/**
 * Client of a proof: an SDK client with a session.
 *
 * @module
 */

import { type HeldCookie, META_KEY } from "../../protocol/cookie.ts";
import { CODE } from "../../protocol/errors.ts";
import { member } from "../../runtime/json.ts";
import { type Client, McpError } from "../sdk.ts";
import type { SessionCapability } from "../session/capability.ts";
import type { SessionEvent } from "../session/events.ts";
import type { SessionTransport } from "../with_session.ts";

/** Result of a call that should be refused with -32002. */
export interface Refusal {
  readonly isRefused: boolean;
  /** The server's words. */
  readonly came: string;
  /** Why the server refused, if it tells. */
  readonly reason?: unknown;
}

/** Parts of a client. */
export interface DemoClientOptions {
  /** Tells its session in the jar from those of other clients. */
  readonly profile: string;
  /** The SDK's client, connected to the transport. */
  readonly client: Client;
  /** The transport, which holds the cookie. */
  readonly transport: SessionTransport;
  /** Events of the session, oldest first. */
  readonly events: readonly SessionEvent[];
  /** Told of each call before it is sent. */
  readonly oncall: (tool: string) => void;
}

/** A connected client, and the calls of proofs. */
export class DemoClient implements AsyncDisposable {
  /** Tells its session in the jar from those of other clients. */
  readonly profile: string;
  /** The transport, which holds the cookie. */
  readonly transport: SessionTransport;
  /** Events of the session, oldest first. */
  readonly events: readonly SessionEvent[];
  readonly #client: Client;
  readonly #oncall: (tool: string) => void;

  /** Takes a client that is connected to the transport. */
  constructor({ profile, client, transport, events, oncall }: DemoClientOptions) {
    this.profile = profile;
    this.transport = transport;
    this.events = events;
    this.#client = client;
    this.#oncall = oncall;
  }

  /** The name that the server gives itself. */
  get serverName(): string | undefined {
    return this.#client.getServerVersion()?.name;
  }

  /** The server's capability of sessions. */
  get capability(): SessionCapability | undefined {
    return this.transport.capability;
  }

  /** The held cookie. */
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
    return typeof result.structuredContent === "object" && result.structuredContent !== null
      ? { ...result.structuredContent }
      : { ...result };
  }

  /** Calls a tool that should be refused with -32002, and tells what came. */
  async refusal(name: string, cookie: HeldCookie | null): Promise<Refusal> {
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

  #call(name: string, args: Record<string, unknown>, cookie: HeldCookie | null | undefined) {
    this.#oncall(name);
    const _meta = cookie === undefined ? {} : { _meta: { [META_KEY]: cookie } };
    return this.#client.callTool({ name, arguments: args, ..._meta });
  }

  /** Ends the connection. The session lives on. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.close();
  }
}

/** The texts of a result, or else all of it. */
function textOf(result: Record<string, unknown>): string {
  const content = Array.isArray(result.content) ? result.content : [];
  const texts = content.map((block) => member(block, "text")).filter((text) =>
    typeof text === "string"
  );
  return texts.join(" ") || JSON.stringify(result);
}
