/**
 * Request names: the methods, tools and prompts that a server is known to have. Callers can send any
 * other name, so only these become labels.
 *
 * @module
 */

import { DISCOVER, LISTEN } from "../../../protocol/era.ts";
import { METHOD } from "../../../protocol/methods.ts";
import { isObject, member } from "../../../runtime/json.ts";
import type { RequestLabel } from "./observer.ts";

/** The label of every name that is not known. */
const OTHER = "_OTHER";
/** A server that takes any name for a tool has no more labels than these. */
const MAX_NAMES = 1000;
/** The longest name of a tool in the specification. */
const MAX_LENGTH = 128;

/** The methods of MCP and of the contract. */
const METHODS: ReadonlySet<string> = new Set([
  "completion/complete",
  "initialize",
  "logging/setLevel",
  "ping",
  "prompts/get",
  "prompts/list",
  "resources/list",
  "resources/read",
  "resources/subscribe",
  "resources/templates/list",
  "resources/unsubscribe",
  "tools/call",
  "tools/list",
  DISCOVER,
  LISTEN,
  ...Object.values(METHOD),
]);

/** The methods that name one of the things that another method lists. */
const LISTED = [
  { list: "tools/list", member: "tools", use: "tools/call" },
  { list: "prompts/list", member: "prompts", use: "prompts/get" },
] as const;

/** The tool, prompt or resource that a request names. */
export function targetOf(params: unknown): string | undefined {
  const target = member(params, "name") ?? member(params, "uri");
  return typeof target === "string" ? target : undefined;
}

export class RequestNames {
  readonly #known = new Set<string>();

  /** Learns from the result of a request that was answered without an error. */
  learn(method: string, target: string | undefined, result: Record<string, unknown>): void {
    if (!METHODS.has(method)) this.#add(method);
    for (const { list, member, use } of LISTED) {
      if (method === use) this.#addTarget(use, target);
      const listed = method === list ? result[member] : undefined;
      if (!Array.isArray(listed)) continue;
      for (const each of listed) this.#addTarget(use, isObject(each) ? each.name : undefined);
    }
  }

  labelOf(method: string, target: string | undefined): RequestLabel {
    const isTargeted = target !== undefined && LISTED.some(({ use }) => use === method);
    return {
      method: METHODS.has(method) || this.#known.has(method) ? method : OTHER,
      target: isTargeted ? this.#known.has(key(method, target)) ? target : OTHER : undefined,
    };
  }

  #addTarget(method: string, target: unknown): void {
    if (typeof target === "string" && target.length <= MAX_LENGTH) this.#add(key(method, target));
  }

  #add(name: string): void {
    if (this.#known.size < MAX_NAMES && name.length <= 2 * MAX_LENGTH) this.#known.add(name);
  }
}

/** No method has a line break before the name of a tool. */
function key(method: string, target: string): string {
  return `${method}\n${target}`;
}
