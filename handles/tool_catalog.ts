/**
 * Handle catalog: which argument names a call's session at a server, and which of its tools take it.
 *
 * @module
 */

import { isObject, member } from "../runtime/json.ts";
import { canTakeProperty, mayDeclare, onlyInvites, withProperty } from "./argument_schema.ts";
import { HANDLE_TOOL, type HandleArgument } from "./session_tools.ts";

const NEEDED = { type: "string", description: `Session handle, from ${HANDLE_TOOL.create}` };
const NOT_NEEDED = { type: "string", description: "Handle of another session; not needed here" };

/** A property of tools that limits handles, and its effect. */
export interface HandleFinding {
  readonly why: string;
  readonly effect: string;
  /** Whether handles cannot be offered `always`. */
  readonly isObstacle: boolean;
}

/** Properties of a tool's schema, computed once for as long as the schema stays the same. */
interface CatalogedTool {
  readonly schemaText: string | undefined;
  readonly declaresSession: boolean;
  /** Whether that is only as it takes arguments of any name. */
  readonly isLoose: boolean;
  readonly takes: Readonly<Record<HandleArgument, boolean>>;
}

export class HandleCatalog {
  #tools = new Map<string, CatalogedTool>();
  #argument: HandleArgument = "session";

  replace(tools: readonly unknown[]): void {
    const names = new Set(tools.map((tool) => member(tool, "name")));
    for (const name of this.#tools.keys()) if (!names.has(name)) this.#tools.delete(name);
    this.add(tools);
  }

  /** Adds tools that the server has listed for some caller. */
  add(tools: readonly unknown[]): void {
    for (const tool of tools) {
      const [name, schema] = [member(tool, "name"), member(tool, "inputSchema")];
      if (typeof name !== "string") continue;
      const schemaText = JSON.stringify(schema);
      if (this.#tools.has(name) && this.#tools.get(name)?.schemaText === schemaText) continue;
      this.#tools.set(name, {
        schemaText,
        declaresSession: mayDeclare(schema, "session"),
        isLoose: onlyInvites(schema, "session"),
        takes: {
          session: canTakeProperty(schema, "session"),
          session_handle: canTakeProperty(schema, "session_handle"),
        },
      });
    }
    const declared = this.#tools.values().some(({ declaresSession }) => declaresSession);
    this.#argument = declared ? "session_handle" : "session";
  }

  /** The argument for the handle, the same for every tool of the server. */
  get argument(): HandleArgument {
    return this.#argument;
  }

  /** A tool of the server's own with the name of one of the three: it excludes handles. */
  get clash(): string | undefined {
    return Object.values(HANDLE_TOOL).find((name) => this.#tools.has(name));
  }

  /** Whether this tool takes a handle; `undefined` for an unknown tool. */
  takes(name: unknown): boolean | undefined {
    return typeof name === "string" ? this.#tools.get(name)?.takes[this.#argument] : undefined;
  }

  /** A known tool as it is listed. `isBound`: its calls have a session without a handle. */
  shown(tool: unknown, isBound: boolean): unknown {
    const schema = member(tool, "inputSchema");
    if (!isObject(tool) || !isObject(schema) || !this.takes(tool.name)) return tool;
    const property = isBound ? NOT_NEEDED : NEEDED;
    return { ...tool, inputSchema: withProperty(schema, this.#argument, property) };
  }

  /** The findings on all known tools, one of each kind at most. */
  get findings(): readonly HandleFinding[] {
    const names = [...this.#tools.keys()];
    const clash = this.clash;
    if (clash !== undefined) {
      return [{
        why: `the server has a tool ${clash} of its own`,
        effect: "handles are not offered",
        isObstacle: true,
      }];
    }
    const findings: HandleFinding[] = [];
    const effect = 'the argument that names a session is "session_handle"';
    const open = names.filter((name) => this.#tools.get(name)?.declaresSession);
    const declaring = open.filter((name) => !this.#tools.get(name)?.isLoose);
    if (declaring.length > 0) {
      const [have, their] = declaring.length === 1 ? ["has", "its"] : ["have", "their"];
      const why = `${listOf(declaring)} ${have} an argument "session" of ${their} own`;
      findings.push({ why, effect, isObstacle: true });
    } else if (open.length > 0) {
      const why = `${listOf(open)} ${open.length === 1 ? "takes" : "take"} arguments of any name`;
      findings.push({ why, effect, isObstacle: false });
    }
    const closed = names.filter((name) => this.takes(name) === false);
    if (closed.length > 0) {
      const [tools, schema] = [
        listOf(closed),
        closed.length === 1 ? "its schema" : "their schemas",
      ];
      findings.push({
        why: `${tools} can take no further argument by ${schema}`,
        effect: `calls of ${closed.length === 1 ? "it" : "them"} cannot name a session`,
        isObstacle: true,
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
