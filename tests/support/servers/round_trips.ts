/** Modern clients of `tests/fixtures/asking.ts`, which sends input requests, and of other servers. */

import { assert, assertEquals } from "@std/assert";
import {
  HttpServer,
  messagesOf,
  post,
  type Reply,
  type Server,
  type StartOptions,
  startServer,
  type WireResult,
} from "./server.ts";
import { bearer } from "./tokens.ts";

export const ASKING = new URL("../../fixtures/asking.ts", import.meta.url);

/** The capabilities of a client that can answer everything. */
export const ALL = {
  elicitation: { form: {}, url: {} },
  sampling: {},
  roots: {},
};

/** A result by which a client is asked. */
export interface InputRequired {
  resultType: "input_required";
  inputRequests: Record<string, { method: string; params: Record<string, unknown> }>;
  requestState: string;
  _meta: Record<string, unknown>;
}

export interface CallerOptions {
  readonly capabilities?: Record<string, unknown>;
  readonly token?: string;
}

/** A modern client; each request speaks for itself. */
export class ModernCaller {
  readonly #server: Server;
  readonly #options: CallerOptions;

  constructor(server: Server, options: CallerOptions = {}) {
    this.#server = server;
    this.#options = options;
  }

  async request(method: string, params: Record<string, unknown> = {}): Promise<Reply> {
    const { capabilities = ALL, token } = this.#options;
    const { _meta, ...rest } = params;
    const envelope = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": capabilities,
    };
    const sent = { ...rest, _meta: { ...envelope, ...(_meta ?? {}) } };
    if (!(this.#server instanceof HttpServer)) return await this.#server.request(method, sent);
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: sent });
    const name = rest.name ?? rest.uri;
    const response = await post(this.#server.url, body, {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(typeof name === "string" && { "mcp-name": name }),
      ...bearer(token),
    });
    const reply = (await messagesOf(response)).at(-1);
    assert(reply?.id !== undefined, `no answer in a response of status ${response.status}`);
    return { jsonrpc: "2.0", id: reply.id, ...reply, status: response.status };
  }

  call(name: string, more: Record<string, unknown> = {}): Promise<Reply> {
    return this.request("tools/call", { name, arguments: {}, ...more });
  }

  /** Calls a tool that asks. */
  async asked(name: string, more: Record<string, unknown> = {}): Promise<InputRequired> {
    return inputRequired(await this.call(name, more));
  }

  /** Calls a tool that is done. */
  async done(name: string, more: Record<string, unknown> = {}): Promise<WireResult> {
    return complete(await this.call(name, more));
  }
}

export function inputRequired({ result, error }: Reply): InputRequired {
  assert(result, `answered with ${JSON.stringify(error)}`);
  const asked: unknown = result;
  assert(isInputRequired(asked), `not asked, but ${JSON.stringify(result)}`);
  return asked;
}

function isInputRequired(result: unknown): result is InputRequired {
  const { resultType, inputRequests, requestState } = Object(result);
  return resultType === "input_required" && typeof inputRequests === "object" &&
    typeof requestState === "string";
}

export function complete({ result, error }: Reply): WireResult {
  assert(result, `answered with ${JSON.stringify(error)}`);
  assertEquals(Object(result).resultType, "complete", JSON.stringify(result));
  return result;
}

export function textOf({ content }: WireResult): string | undefined {
  return content[0]?.text;
}

/** The refusal of a state, which says to nobody why. */
export function assertRefused({ error }: Reply, message = "params.requestState does not"): void {
  assertEquals(error?.code, -32602, JSON.stringify(error));
  assert(error?.message.startsWith(message), error?.message);
}

/** The user's answer. */
export function accepted(text: string) {
  return { action: "accept", content: { text, name: text } };
}

export const MODEL = {
  role: "assistant",
  content: { type: "text", text: "yes" },
  model: "a model",
};

export function startAsking(
  options: Omit<StartOptions, "server"> & { transport: "http" },
): Promise<HttpServer>;
export function startAsking(options: Omit<StartOptions, "server">): Promise<Server>;
export function startAsking(options: Omit<StartOptions, "server">): Promise<Server> {
  return startServer({ server: ASKING, ...options });
}
