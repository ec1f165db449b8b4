/**
 * Board: notes that agents share when they share a session. `branch` copies it for an agent that goes on
 * from here alone, `lock` gives it a new id, which nobody has but the caller.
 *
 *     deno run -A examples/orchestrator/server.ts      to try it, run client.ts beside it
 */

import { currentSession, McpServer, serve, toolResult } from "@mcp-sessions/deno/serve";
import { z } from "zod";

function create(): McpServer {
  const server = new McpServer({ name: "board", version: "1.0.0" });

  server.registerTool("note", { inputSchema: { text: z.string() } }, async ({ text }) => {
    const notes = await currentSession().update(["notes"], (state) => {
      const notes = [...z.array(z.string()).parse(state.get("notes") ?? []), text];
      return { value: notes, set: [["notes", notes]] };
    });
    return toolResult("Noted", { notes });
  });

  server.registerTool("read", {}, async () => {
    return toolResult("The board", { notes: await currentSession().get("notes") ?? [] });
  });

  server.registerTool("branch", { inputSchema: { title: z.string() } }, async ({ title }) => {
    const cookie = await currentSession().fork({ title, reason: "tool/branch" });
    return toolResult("A copy, which opens by its cookie", { cookie });
  });

  server.registerTool("lock", {}, async () => {
    await currentSession().regenerate();
    return toolResult("The old cookie opens nothing any more", {});
  });

  return server;
}

await serve({
  name: "board",
  description: "a board of notes for each session",
  policy: "required",
  create,
});
