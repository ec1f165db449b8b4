/** A host of the modern era, pinned to it: raw requests with their envelope, in front of a bridge. */

import { assert, assertEquals } from "@std/assert";
import type { Reply, WireMessage, WireResult } from "../servers/server.ts";
import type { TempFolder } from "../temp_folder.ts";
import { BridgeHost } from "./host.ts";

export const VERSION = "io.modelcontextprotocol/protocolVersion";
export const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
export const LOG_LEVEL = "io.modelcontextprotocol/logLevel";
export const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";

/** The `_meta` of a request, with what is given in place of the defaults; `undefined` leaves out. */
export function envelope(meta: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    [VERSION]: "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "modern", version: "1" },
    [CAPABILITIES]: {},
    ...meta,
  };
}

/** A modern result, with the members that tests read. */
export interface ModernResult extends WireResult {
  resultType: string;
  supportedVersions: string[];
  inputRequests: Record<string, { method: string; params: Record<string, unknown> }>;
  requestState: string;
}

export class ModernHost implements AsyncDisposable {
  readonly bridge: BridgeHost;
  readonly capabilities: Record<string, unknown>;

  private constructor(bridge: BridgeHost, capabilities: Record<string, unknown>) {
    this.bridge = bridge;
    this.capabilities = capabilities;
  }

  /** Starts a bridge with these arguments; `folder` has its jar. */
  static start(
    folder: Pick<TempFolder, "path">,
    args: readonly string[],
    capabilities: Record<string, unknown> = {},
  ): ModernHost {
    return new ModernHost(BridgeHost.start(folder, args), capabilities);
  }

  /** Sends a request with its envelope, and awaits the answer, in which nothing is legacy. */
  async request(
    method: string,
    params: Record<string, unknown> = {},
    meta: Record<string, unknown> = {},
    id?: unknown,
  ): Promise<Reply> {
    const _meta = envelope({ [CAPABILITIES]: this.capabilities, ...meta });
    const reply = await this.bridge.request(method, { ...params, _meta }, id);
    const text = JSON.stringify([reply.error, reply.result?._meta, reply.result?.content]);
    for (const legacy of ["-32002", '"mcp/session']) assert(!text.includes(legacy), text);
    return reply;
  }

  async result(
    method: string,
    params: Record<string, unknown> = {},
    meta: Record<string, unknown> = {},
  ): Promise<ModernResult> {
    const { result, error } = await this.request(method, params, meta);
    assert(
      isModernResult(result),
      `${method} was answered with ${JSON.stringify(error ?? result)}`,
    );
    return result;
  }

  /** Calls a tool, whose result must be complete. */
  async tool(name: string, args: Record<string, unknown> = {}, meta = {}): Promise<ModernResult> {
    const result = await this.result("tools/call", { name, arguments: args }, meta);
    assertEquals(result.resultType, "complete");
    return result;
  }

  /** Whether a message is a notification of this subscription. */
  static isOf(id: unknown, { params }: WireMessage): boolean {
    return Object(Object(params)._meta)[SUBSCRIPTION] === id;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.bridge[Symbol.asyncDispose]();
  }
}

function isModernResult(result: unknown): result is ModernResult {
  return typeof Object(result).resultType === "string";
}
