/** A server that handles cannot be added to: for a tool's name, or with `?argument` for an argument. */

import { z } from "zod";
import { answer, McpServer, serve } from "../../servers/base/mod.ts";

function create(): McpServer {
  const server = new McpServer({ name: "clashing", version: "1.0.0" });
  const name = new URL(import.meta.url).search === "?argument" ? "seance" : "session_end";
  server.registerTool("innocent", {}, () => answer("", {}));
  server.registerTool(name, { inputSchema: { session: z.string() } }, () => answer("", {}));
  return server;
}

if (import.meta.main) {
  await serve({ name: "clashing", description: "a fixture", policy: "optional", create });
}
