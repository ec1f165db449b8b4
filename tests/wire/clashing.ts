/**
 * A server with tools that are in the way of handles: `?name`, `?argument`, `?closed`, or that are not:
 * `?many` has 500, `?loose` takes arguments of any name, and `?telling` sends a notification whenever they are listed.
 */

// @ts-types="@modelcontextprotocol/sdk/types"
import { ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { answer, findSession, McpServer, serve } from "../../servers/base/mod.ts";

const kind = new URL(import.meta.url).search.slice(1);

function create(): McpServer {
  const server = new McpServer({ name: "clashing", version: "1.0.0" });
  const shown = (args: object) =>
    answer("", { args, id: findSession()?.id ?? null, via: findSession()?.via ?? null });
  if (kind === "many") {
    for (let i = 0; i < 500; i++) {
      server.registerTool(`tool_${i}`, { description: "A tool" }, () => shown({}));
    }
    return server;
  }
  server.registerTool("innocent", { inputSchema: { text: z.string().optional() } }, shown);
  if (kind === "name") {
    server.registerTool("session_end", { inputSchema: { session: z.string() } }, shown);
  }
  if (kind === "argument") {
    server.registerTool("seance", { inputSchema: { session: z.string() } }, shown);
  }
  if (kind === "loose") {
    server.registerTool("loose", { inputSchema: z.looseObject({}) }, shown);
  }
  if (kind === "telling") {
    server.registerTool("strict", { inputSchema: z.strictObject({}) }, shown);
    const tools = [{ name: "strict", inputSchema: { type: "object" as const } }];
    server.server.registerCapabilities({ logging: {} });
    server.server.setRequestHandler(ListToolsRequestSchema, async (_, { sendNotification }) => {
      const params = { level: "info" as const, data: "listed" };
      await sendNotification({ method: "notifications/message", params });
      return { tools };
    });
  }
  if (kind === "closed") {
    server.registerTool("record", { inputSchema: z.looseObject({}) }, shown);
    const inputSchema = { type: "object" as const, maxProperties: 1 };
    const tools = [{ name: "innocent", inputSchema: { type: "object" as const } }, {
      name: "record",
      inputSchema,
    }];
    server.server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));
  }
  return server;
}

if (import.meta.main) {
  await serve({ name: "clashing", description: "a fixture", policy: "optional", create });
}
