/**
 * The three tools for handles, by which a model looks after its sessions (section 11 of the contract).
 *
 * @module
 */

/** The argument for the handle; `session_handle` where a tool has a `session` of its own. */
export type HandleArgument = "session" | "session_handle";

export const HANDLE_TOOL = {
  create: "session_create",
  list: "session_list",
  end: "session_end",
} as const;

export function isHandleTool(name: unknown): boolean {
  return Object.values<unknown>(HANDLE_TOOL).includes(name);
}

export function howToGetOne(argument: HandleArgument): string {
  return `call the tool ${HANDLE_TOOL.create}, and pass the handle that it gives as the argument ` +
    `"${argument}"`;
}

const HANDLE = { type: "string", description: "The session's handle" };
const EXPIRY = { type: "string", description: "When it ends if it is not used" };
const SESSION = {
  type: "object",
  properties: { session: HANDLE, title: { type: "string" }, expiry: EXPIRY },
  required: ["session"],
};

const UNKNOWN_RETENTION =
  "How long a session is kept without use is the server's choice: the result says until when, if " +
  "the server does.";

/** The tools as `tools/list` shows them. `retention` tells how long a session is kept without use. */
export function handleTools(
  argument: HandleArgument,
  retention = UNKNOWN_RETENTION,
): readonly object[] {
  return [
    {
      name: HANDLE_TOOL.create,
      title: "Create a session",
      description:
        "Makes a new, empty session and gives its handle. Pass the handle as the argument " +
        `"${argument}" of every call that is to use the session: what tools keep belongs to it. ` +
        retention,
      inputSchema: {
        type: "object",
        properties: {
          title: { type: "string", description: "What the session is for, to recognise it by" },
        },
      },
      outputSchema: SESSION,
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
          sessions: { type: "array", items: SESSION },
          has_more: { type: "boolean", description: "Are there more than are listed?" },
        },
        required: ["sessions", "has_more"],
      },
      annotations: { readOnlyHint: true, destructiveHint: false, openWorldHint: false },
    },
    {
      name: HANDLE_TOOL.end,
      title: "End a session",
      description: "Ends a session for good, with all that tools keep in it.",
      inputSchema: { type: "object", properties: { session: HANDLE }, required: ["session"] },
      outputSchema: {
        type: "object",
        properties: { session: HANDLE, ended: { type: "boolean" } },
        required: ["session", "ended"],
      },
      annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: false },
    },
  ];
}
