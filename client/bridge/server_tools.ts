/**
 * The tools of the server behind the bridge, all of them: one tool more or less may change the
 * argument by which calls name their session.
 *
 * @module
 */

import { HandleCatalog } from "../../handles/catalog.ts";
import { mayDeclare } from "../../handles/schema.ts";
import { HANDLE_TOOL, type HandleArgument, isHandleTool } from "../../handles/tools.ts";
import { withCookie } from "../../protocol/cookie.ts";
import { isObject, member } from "../../runtime/json.ts";
import { messageOf } from "../../runtime/errors.ts";
import type { Ask } from "../session/internal_requests.ts";
import type { Log } from "../../runtime/log.ts";

/** A list without an end is given up. */
const MAX_PAGES = 100;

/** Knows the server's tools once they are needed, and until they change. */
export class ServerTools {
  /** The tools, without what the server does for handles itself. */
  readonly catalog = new HandleCatalog();
  readonly #ask: Ask;
  readonly #log: Log;
  /** The findings that have been logged. */
  readonly #said = new Set<string>();
  /** Settles when the tools are known; `undefined` while nobody has asked. */
  #known: Promise<void> | undefined;
  /** The argument for handles of a server that offers them itself. */
  #offered: HandleArgument | undefined;

  /** Asks by means of `ask`. */
  constructor(ask: Ask, log: Log) {
    this.#ask = ask;
    this.#log = log;
  }

  /** Resolves when the tools are known, or the server does not tell them. Never rejects. */
  known(): Promise<void> {
    if (this.#known !== undefined) return this.#known;
    const asking: Promise<void> = this.#all().then((tools) => {
      // Unless a newer list has come meanwhile.
      if (this.#known === asking || this.#known === undefined) this.#replace(tools);
    }, (error) => {
      // Whoever needs the tools next asks again.
      if (this.#known === asking) this.#known = undefined;
      this.#log("warn", `Cannot learn the server's tools: ${messageOf(error)}`);
    });
    return this.#known = asking;
  }

  /** Whether calls of this tool can name a session. A tool that is not known is asked for anew. */
  async takes(name: unknown): Promise<boolean> {
    await this.known();
    if (this.catalog.takes(name) === undefined) {
      this.forget();
      await this.known();
    }
    return this.catalog.takes(name) === true;
  }

  /** Whether no tool of this name is known, be it that no list has come. */
  isUnknown(name: unknown): boolean {
    return this.catalog.takes(name) === undefined;
  }

  /** Whether the server's list has come, and has no tool of this name. */
  isUnlisted(name: unknown): boolean {
    return this.#known !== undefined && this.isUnknown(name);
  }

  /** The tools may be others from now on. */
  forget(): void {
    this.#known = undefined;
  }

  /** Takes a page that somebody was shown, once the tools are known. Never rejects. */
  async note(tools: readonly unknown[], isWhole: boolean): Promise<void> {
    if (isWhole) {
      this.#known = Promise.resolve();
      return this.#replace(tools);
    }
    await this.known();
    this.catalog.add(this.plain(tools));
    this.#report();
  }

  /** The tools of a page as they would be if the server did nothing for handles. */
  plain(tools: readonly unknown[]): unknown[] {
    const argument = this.#offered;
    if (argument === undefined) return [...tools];
    return tools.filter((tool) => !isHandleTool(member(tool, "name")))
      .map((tool) => withoutArgument(tool, argument));
  }

  async #all(): Promise<unknown[]> {
    const tools: unknown[] = [];
    let params = {};
    for (let page = 0; page < MAX_PAGES; page++) {
      // To a caller that knows sessions, servers show the tools as they are.
      const result = await this.#ask("tools/list", withCookie(params, null));
      if (Array.isArray(result.tools)) tools.push(...result.tools);
      const cursor = member(result, "nextCursor");
      if (typeof cursor !== "string") break;
      params = { cursor };
    }
    return tools;
  }

  #replace(tools: readonly unknown[]): void {
    this.#offered = offeredBy(tools);
    this.catalog.replace(this.plain(tools));
    this.#report();
  }

  #report(): void {
    const { clash, findings } = this.catalog;
    const none =
      `none, as the server has a tool ${clash} of its own: --session NAME or --per-process ` +
      "gives calls a session";
    const some = findings.map(({ why, effect }) => `${effect}, as ${why}`);
    for (const finding of clash === undefined ? some : [none]) {
      if (!this.#said.has(finding)) this.#log("warn", `handles: ${finding}`);
      this.#said.add(finding);
    }
  }
}

/** The argument that a server has put into its tools, if it offers handles itself. */
function offeredBy(tools: readonly unknown[]): HandleArgument | undefined {
  const names = new Set(tools.map((tool) => member(tool, "name")));
  if (!Object.values(HANDLE_TOOL).every((name) => names.has(name))) return undefined;
  const isOther = tools.some((tool) => mayDeclare(member(tool, "inputSchema"), "session_handle"));
  return isOther ? "session_handle" : "session";
}

function withoutArgument(tool: unknown, argument: HandleArgument): unknown {
  const schema = member(tool, "inputSchema");
  if (!isObject(tool) || !isObject(schema) || !isObject(schema.properties)) return tool;
  const { [argument]: _, ...properties } = schema.properties;
  return { ...tool, inputSchema: { ...schema, properties } };
}
