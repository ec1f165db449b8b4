/**
 * Gatekeeper: no tool runs without a session. A client must send `session/create` first, and then its
 * cookie with every call.
 *
 *     deno run -A servers/session_required.ts
 *
 * @module
 */

import { z } from "zod";
import { currentSession, McpServer, serve, toolResult, VERSION } from "./base/serve/mod.ts";

function create(): McpServer {
  const server = new McpServer({ name: "session-required", version: VERSION }, {
    instructions:
      "Both tools need a session, which the client makes. Call echo to see that calls " +
      "get through, and whoami to see which session they come in.",
  });

  server.registerTool("echo", {
    title: "Echo",
    description: "Gives back the text, unchanged.",
    inputSchema: { text: z.string().describe("What to give back") },
    annotations: {
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    },
  }, ({ text }) => {
    // Uses the session: the call counts whatever becomes of it.
    currentSession();
    return { content: [{ type: "text", text }] };
  });

  server.registerTool("whoami", {
    title: "Who am I",
    description: "Tells the session of this call, and how many calls it has served.",
    outputSchema: {
      session_id: z.string(),
      tool_calls: z.number().int().describe("Tool calls of this session, this one included"),
      data: z.record(z.string(), z.string()).describe("What the session's cookie shows"),
    },
    annotations: {
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: false,
      openWorldHint: false,
    },
  }, async () => {
    const session = currentSession();
    const tool_calls = await session.count();
    const who = { session_id: session.id, tool_calls, data: session.cookie.data };
    return toolResult(`session ${session.id}, call ${tool_calls}`, who);
  });

  return server;
}

if (import.meta.main) {
  await serve({
    name: "session-required",
    description: "refuses every tool call that has no session",
    policy: "required",
    // A call needs a session that the client has made itself.
    bind: "none",
    handles: "never",
    create,
  });
}
