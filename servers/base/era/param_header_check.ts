/**
 * Check of param headers: which tools of the server behind declare some, learned from its own list of
 * tools, and whether a call over HTTP has them.
 *
 * @module
 */

import { member } from "../../../runtime/json.ts";
import { ToolDiscovery } from "../handles/tool_discovery.ts";
import type { JSONRPCRequest, JSONRPCResponse, MessageExtraInfo } from "../sdk.ts";
import { checkParamHeaders, type ParamHeader, paramHeaders } from "./param_headers.ts";

export class ParamHeaderCheck {
  readonly #discovery: ToolDiscovery;
  /** The declarations of each known tool, mostly none. */
  readonly #declared = new Map<unknown, readonly ParamHeader[]>();

  constructor(deliver: (request: JSONRPCRequest, extra: MessageExtraInfo | undefined) => void) {
    this.#discovery = new ToolDiscovery(deliver, (tools, haveChanged) => {
      // Another caller may see other tools, which stay known as long as nothing has changed.
      if (haveChanged) this.#declared.clear();
      this.#add(tools);
    });
  }

  /** Whether the declarations of a tool are known, and need not be learned first. */
  knows(tool: unknown): boolean {
    return this.#discovery.isCurrent && this.#declared.has(tool);
  }

  /** Lists the tools on behalf of a caller. Of a server that does not list them, nothing is checked. */
  async learn(tool: unknown, extra: MessageExtraInfo | undefined): Promise<void> {
    await this.#discovery.discovered(extra);
    // The tool may be new without a notification, or there for this caller alone.
    if (this.#discovery.hasLearned && !this.#declared.has(tool)) {
      await this.#discovery.rediscover(extra);
    }
  }

  /** @throws {WireError} -32020 if the headers of a call contradict its arguments. */
  check(params: unknown, { requestInfo }: MessageExtraInfo): void {
    const declared = this.#declared.get(member(params, "name"));
    if (declared === undefined || declared.length === 0 || requestInfo === undefined) return;
    checkParamHeaders(declared, member(params, "arguments"), requestInfo.headers);
  }

  /** Learns from a list of tools on its way to a client. */
  observe(tools: unknown): void {
    if (this.#discovery.hasLearned && Array.isArray(tools)) this.#add(tools);
  }

  forget(): void {
    this.#discovery.invalidate();
  }

  /** Takes the response to a request of its own; `false` for any other. */
  takeResponse(response: JSONRPCResponse): boolean {
    return this.#discovery.takeResponse(response);
  }

  stop(): void {
    this.#discovery.stop();
  }

  #add(tools: readonly unknown[]): void {
    for (const tool of tools) {
      this.#declared.set(member(tool, "name"), paramHeaders(member(tool, "inputSchema")));
    }
  }
}
