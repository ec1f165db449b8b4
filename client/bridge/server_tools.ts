/**
 * Every tool of the server behind the bridge: each one may change the argument by which calls name
 * their session.
 *
 * @module
 */

import { HandleCatalog } from "../../handles/tool_catalog.ts";
import { mayDeclare } from "../../handles/argument_schema.ts";
import { allTools } from "../../handles/tool_pages.ts";
import { HANDLE_TOOL, type HandleArgument, isHandleTool } from "../../handles/session_tools.ts";
import { withCookie } from "../../protocol/cookie.ts";
import { isObject, member } from "../../runtime/json.ts";
import { messageOf } from "../../runtime/errors.ts";
import type { Ask } from "../session/internal_requests.ts";
import type { Log } from "../../runtime/log.ts";

/** Loads the server's tools when they are needed, and again after a change. */
export class ServerTools {
  /** The tools as they would be if the server offered no handles itself. */
  readonly catalog = new HandleCatalog();
  readonly #ask: Ask;
  readonly #log: Log;
  readonly #logged = new Set<string>();
  /** Resolves when the tools are known; `undefined` if they have to be loaded. */
  #loading: Promise<void> | undefined;
  /** The argument by which the server itself takes handles, if it does. */
  #serverArgument: HandleArgument | undefined;

  constructor(ask: Ask, log: Log) {
    this.#ask = ask;
    this.#log = log;
  }

  /** Resolves when the tools are known, or the server does not tell them. Never rejects. */
  load(): Promise<void> {
    if (this.#loading !== undefined) return this.#loading;
    // The null cookie says that this client knows sessions, so the server adds no handles.
    const all = allTools((params) => this.#ask("tools/list", withCookie(params, null)));
    const loading: Promise<void> = all.then((tools = []) => {
      // Unless a newer list has come meanwhile.
      if (this.#loading === loading || this.#loading === undefined) this.#replace(tools);
    }, (error) => {
      // The next call that needs the tools tries again.
      if (this.#loading === loading) this.#loading = undefined;
      this.#log("warn", `Cannot learn the server's tools: ${messageOf(error)}`);
    });
    return this.#loading = loading;
  }

  /** Whether calls of this tool can name a session. Reloads the tools if it is not known. */
  async takes(name: unknown): Promise<boolean> {
    await this.load();
    if (this.catalog.takes(name) === undefined) {
      this.forget();
      await this.load();
    }
    return this.catalog.takes(name) === true;
  }

  /** Whether no tool of this name is known; also while no list has come. */
  isUnknown(name: unknown): boolean {
    return this.catalog.takes(name) === undefined;
  }

  /** Whether the server's list has come, and has no tool of this name. */
  isUnlisted(name: unknown): boolean {
    return this.#loading !== undefined && this.isUnknown(name);
  }

  forget(): void {
    this.#loading = undefined;
  }

  /** Adds a page of the list that the host asked for. Never rejects. */
  async addPage(tools: readonly unknown[], isWhole: boolean): Promise<void> {
    if (isWhole) {
      this.#loading = Promise.resolve();
      return this.#replace(tools);
    }
    await this.load();
    this.catalog.add(this.withoutHandles(tools));
    this.#report();
  }

  /** The tools of a page as they would be if the server offered no handles itself. */
  withoutHandles(tools: readonly unknown[]): unknown[] {
    const argument = this.#serverArgument;
    if (argument === undefined) return [...tools];
    return tools.filter((tool) => !isHandleTool(member(tool, "name")))
      .map((tool) => withoutArgument(tool, argument));
  }

  #replace(tools: readonly unknown[]): void {
    this.#serverArgument = argumentOf(tools);
    this.catalog.replace(this.withoutHandles(tools));
    this.#report();
  }

  #report(): void {
    const { clash, findings } = this.catalog;
    const none =
      `none, as the server has a tool ${clash} of its own: --session NAME or --per-process ` +
      "gives calls a session";
    const some = findings.map(({ why, effect }) => `${effect}, as ${why}`);
    for (const finding of clash === undefined ? some : [none]) {
      if (!this.#logged.has(finding)) this.#log("warn", `handles: ${finding}`);
      this.#logged.add(finding);
    }
  }
}

/** The argument for handles in the tools of a server that offers handles itself. */
function argumentOf(tools: readonly unknown[]): HandleArgument | undefined {
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
