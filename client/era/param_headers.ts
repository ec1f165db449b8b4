/**
 * Arguments of tools that a modern server wants in headers, too: those whose schema has `x-mcp-header`.
 *
 * @module
 */

import { allTools } from "../../handles/tool_pages.ts";
import { headerValue } from "../../protocol/request_headers.ts";
import { isObject, member } from "../../runtime/json.ts";
import type { JSONRPCRequest } from "../sdk.ts";

/** The name of a header: a token of RFC 9110. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

interface Declaration {
  readonly header: string;
  readonly path: readonly string[];
}

export class ParamHeaders {
  readonly #declarations = new Map<unknown, readonly Declaration[]>();

  /** Learns from the result of a `tools/list`. */
  learn(method: string, result: Record<string, unknown>): void {
    if (method !== "tools/list" || !Array.isArray(result.tools)) return;
    for (const tool of result.tools) {
      const declarations = [...declarationsIn(member(tool, "inputSchema"), [])];
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
      const value = path.reduce<unknown>((inner, name) => member(inner, name), params?.arguments);
      const isText = typeof value === "string" || typeof value === "boolean" ||
        Number.isSafeInteger(value);
      if (isText) headers[`mcp-param-${header}`] = headerValue(`${value}`);
    }
    return headers;
  }
}

/** The declarations in a schema, at any depth of its `properties`. */
function* declarationsIn(schema: unknown, path: readonly string[]): Generator<Declaration> {
  const header = member(schema, "x-mcp-header");
  if (typeof header === "string" && TOKEN.test(header)) yield { header, path };
  const properties = member(schema, "properties");
  for (const [name, inner] of isObject(properties) ? Object.entries(properties) : []) {
    yield* declarationsIn(inner, [...path, name]);
  }
}
