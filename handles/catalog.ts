/**
 * What is known of a server's own tools: which argument can name a call's session, and which tools
 * can take it.
 *
 * @module
 */

import { isObject, member } from "../protocol.ts";
import { canTakeProperty, mayDeclare, withProperty } from "./schema.ts";
import { HANDLE_TOOL, type HandleArgument, isHandleTool } from "./tools.ts";

const TAKEN = { type: "string", description: `Session handle, from ${HANDLE_TOOL.create}` };
const NOT_NEEDED = { type: "string", description: "Handle of another session; not needed here" };

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
    const property = isBound ? NOT_NEEDED : TAKEN;
    return { ...tool, inputSchema: withProperty(schema, this.#argument, property) };
  }

  /** What is not as it would be elsewhere, each in a sentence without its end. */
  get findings(): readonly string[] {
    const findings: string[] = [];
    for (const [name, schema] of this.#schemas) {
      if (isHandleTool(name)) findings.push(`the server has a tool ${name} of its own`);
      else if (mayDeclare(schema, "session")) {
        findings.push(`its tool ${name} has an argument "session" of its own`);
      }
      if (!canTakeProperty(schema, this.#argument)) {
        findings.push(`the schema of its tool ${name} can take no further property`);
      }
    }
    return findings;
  }
}
