/**
 * Session probe: shows, ends or replaces the session of a call. A call without a session gets one, so
 * any MCP client can try it.
 *
 *     deno run -A servers/session.ts
 *
 * @module
 */

import { z } from "zod";
import { currentSession, McpServer, serve, toolResult, VERSION } from "./base/serve/mod.ts";

function create(): McpServer {
  const server = new McpServer({ name: "experimental-mcp-sessions", version: VERSION }, {
    instructions: "Call session_probe to see which session this conversation has and how many " +
      "calls it has served. Use action=revoke to end it, and action=new to go on as a fresh one.",
  });

  server.registerTool("session_probe", {
    title: "Session probe",
    description: "Shows the current session, ends it, or replaces it with a fresh one.",
    inputSchema: {
      action: z.enum(["status", "revoke", "new"]).nullable().default("status").describe(
        "status: show the session; revoke: end it; new: replace it with a fresh one",
      ),
      // min(0) keeps the schema from `type: ["string", "null"]`, which some clients do not take.
      note: z.string().min(0).nullish().describe("A remark that comes back with the answer"),
    },
    outputSchema: {
      action: z.enum(["status", "revoke", "new"]),
      session: z.object({
        id: z.string(),
        expiry: z.string(),
        data: z.record(z.string(), z.string()),
      }).optional().describe("The session's cookie, as it is after the call"),
      calls: z.number().int().optional().describe("Tool calls of this session, this one included"),
      note: z.string().optional(),
      revoked: z.literal(true).optional(),
      session_id: z.string().optional().describe("The id of the session that was ended"),
    },
    // A hint is per tool, so its worst call decides: revoke loses the session with its state.
    annotations: {
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: false,
      openWorldHint: false,
    },
  }, async ({ action: asked, note }) => {
    const session = currentSession();
    const action = asked ?? "status";
    if (action === "revoke") {
      const session_id = session.id;
      await session.revoke();
      return toolResult(`session revoked: ${session_id}`, { action, revoked: true, session_id });
    }
    if (action === "new") await session.replace({ title: "rotated-session", reason: "tool/new" });
    const calls = await session.count();
    const shown = { action, session: session.cookie, calls, note: note || "none" };
    return toolResult(`${action}: id=${session.id} calls=${calls} note=${shown.note}`, shown);
  });

  return server;
}

if (import.meta.main) {
  await serve({
    name: "experimental-mcp-sessions",
    description: "shows, ends and replaces the session of the call",
    policy: "auto",
    create,
  });
}
