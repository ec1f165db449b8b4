/**
 * What is known of a server's own tools: which argument can name a call's session, and which tools
 * can take it.
 *
 * @module
 */

import { isObject, member } from "../runtime/json.ts";
import { canTakeProperty, mayDeclare, onlyInvites, withProperty } from "./schema.ts";
import { HANDLE_TOOL, type HandleArgument } from "./tools.ts";

const NEEDED = { type: "string", description: `Session handle, from ${HANDLE_TOOL.create}` };
const NOT_NEEDED = { type: "string", description: "Handle of another session; not needed here" };

/** What is in the way of handles, and what comes of it where that is put up with. */
export interface HandleFinding {
  readonly why: string;
  readonly effect: string;
  /** Whether it is not put up with where handles are to be offered always. */
  readonly isObstacle: boolean;
}

/** What a tool's schema says, found out once for as long as it stays the same. */
interface CatalogedTool {
  readonly schemaText: string | undefined;
  readonly declaresSession: boolean;
  /** Whether it does so only by taking arguments of any name. */
  readonly isLoose: boolean;
  readonly takes: Readonly<Record<HandleArgument, boolean>>;
}

/** The tools of one server, as far as they have been seen. */
export class HandleCatalog {
  #tools = new Map<string, CatalogedTool>();
  #argument: HandleArgument = "session";

  /** Takes every tool that the server has, in place of those that were known. */
  replace(tools: readonly unknown[]): void {
    const names = new Set(tools.map((tool) => member(tool, "name")));
    for (const name of this.#tools.keys()) if (!names.has(name)) this.#tools.delete(name);
    this.add(tools);
  }

  /** Takes tools that the server has shown to somebody. */
  add(tools: readonly unknown[]): void {
    for (const tool of tools) {
      const name = member(tool, "name");
      if (typeof name === "string") this.#note(name, member(tool, "inputSchema"));
    }
    const declared = this.#tools.values().some(({ declaresSession }) => declaresSession);
    this.#argument = declared ? "session_handle" : "session";
  }

  /** The argument that names a call's session, the same for every tool of the server. */
  get argument(): HandleArgument {
    return this.#argument;
  }

  /** The server's own tool that has the name of one of the three, for which there are no handles. */
  get clash(): string | undefined {
    return Object.values(HANDLE_TOOL).find((name) => this.#tools.has(name));
  }

  /** Whether calls of this tool can name a session; `undefined` for a tool that is not known. */
  takes(name: unknown): boolean | undefined {
    return typeof name === "string" ? this.#tools.get(name)?.takes[this.#argument] : undefined;
  }

  /** A tool that has been seen, as it is shown. `isBound` tells that its calls have a session without a handle. */
  shown(tool: unknown, isBound: boolean): unknown {
    const schema = member(tool, "inputSchema");
    if (!isObject(tool) || !isObject(schema) || !this.takes(tool.name)) return tool;
    const property = isBound ? NOT_NEEDED : NEEDED;
    return { ...tool, inputSchema: withProperty(schema, this.#argument, property) };
  }

  /** What is in the way of handles, at most once of each kind. */
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
      const [tools, whose] = [listOf(closed), closed.length === 1 ? "its schema" : "their schemas"];
      findings.push({
        why: `${tools} can take no further argument by ${whose}`,
        effect: `calls of ${closed.length === 1 ? "it" : "them"} cannot name a session`,
        isObstacle: true,
      });
    }
    return findings;
  }

  #note(name: string, schema: unknown): void {
    const schemaText = JSON.stringify(schema);
    if (this.#tools.has(name) && this.#tools.get(name)?.schemaText === schemaText) return;
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
}

const SHOWN_NAMES = 5;

function listOf(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).join(", ");
  const more = names.length - SHOWN_NAMES;
  const tools = names.length === 1 ? "its tool" : "its tools";
  return `${tools} ${shown}${more > 0 ? ` and ${more} more` : ""}`;
}
