/**
 * Memo: a server written with the second generation of the SDK. Clients of both eras of MCP reach the same
 * session. docs/library.md shows it.
 *
 *     deno run -A examples/sdk_2/server.ts      to try it, run client.ts beside it
 */

import { McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import { currentSession, serve } from "@mcp-sessions/deno/serve";

function create(): McpServer {
  const server = new McpServer({ name: "memo", version: "1.0.0" });
  server.registerTool("keep", { inputSchema: z.object({ text: z.string() }) }, async ({ text }) => {
    await currentSession().set("text", text);
    return { content: [{ type: "text", text: "Kept" }] };
  });
  server.registerTool("recall", {}, async () => {
    const text = await currentSession().get("text") ?? "Nothing is kept";
    return { content: [{ type: "text", text: `${text}` }] };
  });
  return server;
}

await serve({ name: "memo", description: "Keeps a text", policy: "required", create });
