/** Programs written with the SDK's second generation, in the version that is tested. */

import { blockWith } from "../house/pages.ts";

export const SDK_2 = "npm:@modelcontextprotocol/server@2.4.0";

/** The program of the page, in the version that is tested. */
export const MEMO = blockWith("docs/library.md", "npm:@modelcontextprotocol/server")
  .replace("npm:@modelcontextprotocol/server@^2.4.0", SDK_2);
/** The program of README, its server and its transport of the second generation. */
export const COUNTER = blockWith("README.md", "new StdioServerTransport()")
  .replace("McpServer, ", "")
  .replace(
    /^import .* from "@modelcontextprotocol.*$/m,
    (_) =>
      `import { McpServer } from "${SDK_2}";\n` +
      `import { StdioServerTransport } from "${SDK_2}/stdio";`,
  );

/** A server whose tools use what only the second generation has. */
export const ASKING = `
import { inputRequired, McpServer } from "${SDK_2}";
import { currentSession } from "@mcp-sessions/deno/server";
import { serve } from "@mcp-sessions/deno/serve";

const question = {
  message: "Which colour?",
  requestedSchema: { type: "object", properties: { colour: { type: "string" } } },
} as const;

function create(): McpServer {
  const server = new McpServer({ name: "asking", version: "1.0.0" }, {
    capabilities: { logging: {} },
    supportedProtocolVersions: ["2026-07-28", "2025-11-25"],
  });
  server.registerTool("ask", {}, async (ctx) => {
    const { colour } = ctx.mcpReq.inputResponses ?? {};
    if (colour === undefined) {
      return inputRequired({ inputRequests: { colour: inputRequired.elicit(question) } });
    }
    await currentSession().set("colour", "asked");
    return { content: [{ type: "text", text: JSON.stringify(colour) }] };
  });
  server.registerTool("push", {}, async () => {
    const { action } = await server.server.elicitInput(question);
    return { content: [{ type: "text", text: action }] };
  });
  server.registerTool("see", {}, async (ctx) => {
    await ctx.mcpReq.log("info", "seeing");
    return { content: [{ type: "text", text: JSON.stringify(ctx.mcpReq.envelope ?? null) }] };
  });
  return server;
}

await serve({ name: "asking", description: "Asks", policy: "auto", handles: "always", create });
`;
