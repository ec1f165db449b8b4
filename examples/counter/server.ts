/**
 * Counter: the smallest server with sessions, over stdio. It counts the calls of each session, in a file
 * beside it, as a host may start it in any folder. README shows it.
 *
 *     deno run -A examples/counter/server.ts      to try it, run client.ts beside it
 */

import { currentSession, McpServer, openStore, sessionLayer } from "@mcp-sessions/deno";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";

const server = new McpServer({ name: "counter", version: "1.0.0" });
server.registerTool("count", {}, async () => ({
  content: [{ type: "text", text: `Call ${await currentSession().count()} of this session` }],
}));
const store = await openStore(`file:${import.meta.dirname}/calls.jsonl`, { namespace: "counter" });
const options = { store, policy: "auto", local: true } as const;
await server.connect(sessionLayer(new StdioServerTransport(), options));
