/**
 * Param headers of calls to a modern server, by its lists of tools.
 *
 * @module
 */

import { allTools } from "../../handles/tool_pages.ts";
import { type ParamHeader, paramHeaders, paramText } from "../../protocol/param_headers.ts";
import { headerValue } from "../../protocol/request_headers.ts";
import { member } from "../../runtime/json.ts";
import type { JSONRPCRequest } from "../sdk.ts";

export class ParamHeaders {
  /** The declarations of each tool that has some. */
  readonly #declarations = new Map<unknown, readonly ParamHeader[]>();

  /** Learns from the result of a `tools/list`. */
  learn(method: string, result: Record<string, unknown>): void {
    if (method !== "tools/list" || !Array.isArray(result.tools)) return;
    for (const tool of result.tools) {
      const declarations = paramHeaders(member(tool, "inputSchema"));
      const name = member(tool, "name");
      if (declarations.length > 0) this.#declarations.set(name, declarations);
      else this.#declarations.delete(name);
    }
  }

  /** Learns of all tools by `ask`. Never rejects: the call that needs them tells what is wrong. */
  async load(
    ask: (params: Record<string, unknown>) => Promise<Record<string, unknown>>,
  ): Promise<void> {
    const tools = await allTools(ask).catch(() => undefined);
    if (tools !== undefined) this.learn("tools/list", { tools });
  }

  /** The headers of a request. */
  of({ method, params }: JSONRPCRequest): Record<string, string> {
    const declarations = method === "tools/call" && this.#declarations.get(params?.name);
    const headers: Record<string, string> = {};
    for (const { header, path } of declarations || []) {
      const text = paramText(path.reduce<unknown>(member, params?.arguments));
      if (text !== undefined) headers[header] = headerValue(text);
    }
    return headers;
  }
}
