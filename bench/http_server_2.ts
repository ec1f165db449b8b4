/**
 * The peer of `http.ts` in the modern era: the SDK's second generation, by its `createMcpHandler`, with
 * the tool of `http_server.ts`.
 *
 * To be run with `--no-lock`: the package is for benches alone, and must not be in `deno.lock`.
 *
 * @module
 */

import { z } from "zod";
import { INPUT, OUTPUT, storeNothing } from "./http_tool.ts";

const version = "2.4.0";
const { createMcpHandler, McpServer } = await import(`npm:@modelcontextprotocol/server@${version}`);

function create() {
  const server = new McpServer({ name: "bench", version: "1.0.0" });
  server.registerTool("hashcheck_store", {
    inputSchema: z.object(INPUT),
    outputSchema: z.object(OUTPUT),
  }, storeNothing);
  return server;
}

const { fetch } = createMcpHandler(create);
const { addr } = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  (request) => fetch(request),
);
console.error(`createMcpHandler listening on http://127.0.0.1:${addr.port}/mcp`);
