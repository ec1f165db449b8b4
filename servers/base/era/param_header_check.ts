/**
 * Check of param headers: which tools of the server behind declare some, learned from its own list of
 * tools, and whether a call over HTTP has them.
 *
 * @module
 */

import { CODE, WireError } from "../../../protocol/errors.ts";
import { type ParamHeader, paramHeaders, paramText } from "../../../protocol/param_headers.ts";
import { headerText } from "../../../protocol/request_headers.ts";
import { member } from "../../../runtime/json.ts";
import { ToolDiscovery } from "../handles/tool_discovery.ts";
import type { JSONRPCRequest, JSONRPCResponse, MessageExtraInfo } from "../sdk.ts";

const DECIMAL = /^-?\d+(\.\d+)?$/;

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

/**
 * Compares the arguments of a call with the headers of its request.
 *
 * @throws {WireError} -32020 if an argument is not repeated, or another value is.
 */
export function checkParamHeaders(
  declared: readonly ParamHeader[],
  args: unknown,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): void {
  for (const { path, header, type } of declared) {
    const argument = path.reduce(member, args);
    const expected = paramText(argument);
    const value = headers[header];
    const text = value === undefined ? undefined : headerText(`${value}`);
    if (value !== undefined && text === undefined) {
      throw mismatch(header, path, "is no visible ASCII and no valid base64 of UTF-8");
    }
    // Without a value there is nothing to repeat: the header says nothing then.
    if (expected === undefined) continue;
    if (text === undefined) throw mismatch(header, path, "is missing");
    const isSame = typeof argument === "number" && type === "integer" && DECIMAL.test(text)
      ? Number(text) === argument
      : text === expected;
    if (!isSame) throw mismatch(header, path, "has another value");
  }
}

function mismatch(header: string, path: readonly string[], what: string): WireError {
  return new WireError(
    CODE.headerMismatch,
    `Header mismatch: ${header} ${what}, and the argument ${
      path.join(".")
    } has to be repeated in it`,
  );
}
