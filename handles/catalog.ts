/**
 * What is known of a server's own tools: which argument can name a call's session, and which tools
 * can take it.
 *
 * @module
 */

import { isObject, member } from "../protocol.ts";
import { canTakeProperty, mayDeclare, withProperty } from "./schema.ts";
import { HANDLE_TOOL, type HandleArgument, isHandleTool } from "./tools.ts";

const NEEDED = { type: "string", description: `Session handle, from ${HANDLE_TOOL.create}` };
const NOT_NEEDED = { type: "string", description: "Handle of another session; not needed here" };

/** What is in the way of handles, and what comes of it where that is put up with. */
export interface HandleFinding {
  readonly why: string;
  readonly effect: string;
}

/** The tools of one server, as far as they have been seen. */
export class HandleCatalog {
  /** The `inputSchema` of each tool, by its name. */
  #schemas = new Map<string, unknown>();
  #argument: HandleArgument = "session";

  /** Takes every tool that the server has, in place of those that were known. */
  replace(tools: readonly unknown[]): void {
    this.#schemas = new Map();
    this.add(tools);
  }

  /** Takes tools that the server has shown to somebody. */
  add(tools: readonly unknown[]): void {
    for (const tool of tools) {
      const name = member(tool, "name");
      if (typeof name === "string") this.#schemas.set(name, member(tool, "inputSchema"));
    }
    const declared = this.#schemas.values().some((schema) => mayDeclare(schema, "session"));
    this.#argument = declared ? "session_handle" : "session";
  }

  /** The argument that names a call's session, the same for every tool of the server. */
  get argument(): HandleArgument {
    return this.#argument;
  }

  /** The server's own tool that has the name of one of the three, for which there are no handles. */
  get clash(): string | undefined {
    return this.#schemas.keys().find(isHandleTool);
  }

  /** Whether calls of this tool can name a session; `undefined` for a tool that is not known. */
  takes(name: unknown): boolean | undefined {
    if (typeof name !== "string" || !this.#schemas.has(name)) return undefined;
    return canTakeProperty(this.#schemas.get(name), this.#argument);
  }

  /** A tool as it is shown. `isBound` tells that its calls have a session without a handle. */
  shown(tool: unknown, isBound: boolean): unknown {
    const schema = member(tool, "inputSchema");
    if (!isObject(tool) || !isObject(schema) || !canTakeProperty(schema, this.#argument)) {
      return tool;
    }
    const property = isBound ? NOT_NEEDED : NEEDED;
    return { ...tool, inputSchema: withProperty(schema, this.#argument, property) };
  }

  /** What is in the way of handles, at most once of each kind. */
  get findings(): readonly HandleFinding[] {
    const names = [...this.#schemas.keys()];
    const clash = this.clash;
    if (clash !== undefined) {
      return [{
        why: `the server has a tool ${clash} of its own`,
        effect: "handles are not offered",
      }];
    }
    const findings: HandleFinding[] = [];
    const declaring = names.filter((name) => mayDeclare(this.#schemas.get(name), "session"));
    if (declaring.length > 0) {
      const [tools, have] = [listOf(declaring), declaring.length === 1 ? "has" : "have"];
      findings.push({
        why: `${tools} ${have} an argument "session" of ${have === "has" ? "its" : "their"} own`,
        effect: 'the argument that names a session is "session_handle"',
      });
    }
    const closed = names.filter((name) => this.takes(name) === false);
    if (closed.length > 0) {
      const [tools, whose] = [listOf(closed), closed.length === 1 ? "its schema" : "their schemas"];
      findings.push({
        why: `${tools} can take no further argument by ${whose}`,
        effect: "calls of it cannot name a session",
      });
    }
    return findings;
  }
}

const SHOWN_NAMES = 5;

function listOf(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).join(", ");
  const more = names.length - SHOWN_NAMES;
  const tools = names.length === 1 ? "its tool" : "its tools";
  return `${tools} ${shown}${more > 0 ? ` and ${more} more` : ""}`;
}
