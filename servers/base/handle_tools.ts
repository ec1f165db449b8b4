/**
 * The tools that handles are made and ended with, and what they and dead handles answer the model.
 *
 * @module
 */

import { isObject, member } from "../../protocol.ts";

/** The argument that names a call's session. */
export const HANDLE_ARGUMENT = "session";

/** The tools by which a model looks after its sessions. */
export const HANDLE_TOOL = {
  create: "session_create",
  list: "session_list",
  end: "session_end",
} as const;

const HANDLE = { type: "string", description: "The session's handle" };
const EXPIRY = { type: "string", description: "When it ends if it is not used" };

/** The tools as `tools/list` shows them. */
export const HANDLE_TOOLS: readonly object[] = [
  {
    name: HANDLE_TOOL.create,
    title: "Create a session",
    description:
      "Makes a new, empty session and gives its handle. Pass the handle as the argument " +
      `"${HANDLE_ARGUMENT}" of every call that is to use the session: what tools keep belongs to it.`,
    inputSchema: {
      type: "object",
      properties: {
        title: { type: "string", description: "What the session is for, to recognise it by" },
      },
    },
    outputSchema: {
      type: "object",
      properties: { session: HANDLE, title: { type: "string" }, expiry: EXPIRY },
      required: ["session", "title", "expiry"],
    },
    annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
  },
  {
    name: HANDLE_TOOL.list,
    title: "List sessions",
    description: "Lists the sessions that there are, oldest first, each with its handle.",
    inputSchema: { type: "object", properties: {} },
    outputSchema: {
      type: "object",
      properties: {
        sessions: {
          type: "array",
          items: {
            type: "object",
            properties: { session: HANDLE, title: { type: "string" }, expiry: EXPIRY },
            required: ["session", "title", "expiry"],
          },
        },
        has_more: { type: "boolean", description: "Are there more than are listed?" },
      },
      required: ["sessions", "has_more"],
    },
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
  {
    name: HANDLE_TOOL.end,
    title: "End a session",
    description: "Ends a session for good, with all that tools keep in it.",
    inputSchema: {
      type: "object",
      properties: { session: HANDLE },
      required: ["session"],
    },
    outputSchema: {
      type: "object",
      properties: { session: HANDLE, ended: { type: "boolean" } },
      required: ["session", "ended"],
    },
    annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: false },
  },
];

const ARGUMENT = {
  type: "string",
  description:
    `The handle of the session that the call uses, from ${HANDLE_TOOL.create}. What the ` +
    "tool keeps belongs to that session, so pass the same handle again to go on with it.",
};

/** Tells a model that knows no session how to get one. */
export const HOW_TO_GET_ONE =
  `call the tool ${HANDLE_TOOL.create}, and pass the handle that it gives as the argument ` +
  `"${HANDLE_ARGUMENT}"`;

/** Why handles cannot be added to these tools, if they cannot. */
export function clashIn(tools: readonly unknown[]): string | undefined {
  const names: readonly unknown[] = Object.values(HANDLE_TOOL);
  for (const tool of tools) {
    const name = member(tool, "name");
    if (names.includes(name)) return `the server has a tool ${name} of its own`;
    const properties = member(member(tool, "inputSchema"), "properties");
    if (member(properties, HANDLE_ARGUMENT) !== undefined) {
      return `its tool ${name} has an argument "${HANDLE_ARGUMENT}" of its own`;
    }
  }
  return undefined;
}

/** A tool as it is shown once its calls may name a session. */
export function withArgument(tool: unknown): unknown {
  const schema = member(tool, "inputSchema");
  if (!isObject(tool) || !isObject(schema)) return tool;
  const properties = isObject(schema.properties) ? schema.properties : {};
  return {
    ...tool,
    inputSchema: { ...schema, properties: { ...properties, [HANDLE_ARGUMENT]: ARGUMENT } },
  };
}

/** A result that tells the model what it did wrong, and what to do next. */
export function failed(text: string): Record<string, unknown> {
  return { content: [{ type: "text", text }], isError: true };
}

/** The result of a call whose handle leads to no session. */
export function deadHandle(): Record<string, unknown> {
  return failed(
    "There is no session with this handle: it may have expired or been ended. Nothing was done. To " +
      `go on with an empty session, ${HOW_TO_GET_ONE}.`,
  );
}

/** The result of a call whose session ended while the tool ran. */
export function endedMeanwhile(): Record<string, unknown> {
  return failed(
    "The session ended while the tool ran, and later changes were not kept. See what the tool has " +
      `done before calling it again; for an empty session, ${HOW_TO_GET_ONE}.`,
  );
}

/** The result of `session_create`, from that of `session/create`. */
export function created(result: unknown): Record<string, unknown> {
  const session = shown(result);
  const text = `Session ${session.session} (${session.title}) is made. Pass its handle as the ` +
    `argument "${HANDLE_ARGUMENT}" of every call that is to use it.`;
  return { content: [{ type: "text", text }], structuredContent: session };
}

/** The result of `session_list`, from that of `session/list`. */
export function listed(result: unknown): Record<string, unknown> {
  const cookies = member(result, "sessions");
  // Those of conversations have no handle that another conversation should come to.
  const sessions = Array.isArray(cookies) ? cookies.filter((it) => !isBound(it)).map(shown) : [];
  const has_more = member(result, "nextCursor") !== undefined;
  const lines = sessions.map(({ session, title, expiry }) => `${session} ${title}, ends ${expiry}`);
  if (sessions.length === 0) {
    lines.push(
      "There is none that can be listed here; a handle that you have is still good. To get one, " +
        `${HOW_TO_GET_ONE}.`,
    );
  }
  if (has_more) lines.push("There are more.");
  return {
    content: [{ type: "text", text: lines.join("\n") }],
    structuredContent: { sessions, has_more },
  };
}

/** The result of `session_end`, from that of `session/delete`. */
export function ended(session: string, result: unknown): Record<string, unknown> {
  if (member(result, "deleted") !== true) return deadHandle();
  const meta = member(result, "_meta");
  return {
    content: [{ type: "text", text: `Session ${session} has ended.` }],
    structuredContent: { session, ended: true },
    ...(isObject(meta) && { _meta: meta }),
  };
}

/** Does a session belong to a conversation, a name or an environment, by which it is found? */
function isBound(cookie: unknown): boolean {
  const reason = member(member(cookie, "data"), "reason");
  return typeof reason === "string" && reason.startsWith("host/");
}

/** A session as models see it. */
function shown(cookie: unknown) {
  return {
    session: member(cookie, "id"),
    title: member(member(cookie, "data"), "title"),
    expiry: member(cookie, "expiry"),
  };
}
