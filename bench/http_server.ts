/**
 * The servers that `http.ts` measures the session servers against, each in a process of its own:
 *
 *     http_server.ts raw         no MCP: reads the body, answers with a fixed text
 *     http_server.ts stateful    the SDK's transport with its Mcp-Session-Id
 *     http_server.ts stateless   the SDK's transport as it is documented for no sessions
 *     http_server.ts bare        the stateless transport of this project, behind its listener
 *
 * The three with MCP have the tool of `http_tool.ts`.
 *
 * @module
 */

import { readFlags } from "../servers/base/serve/flags.ts";
import { startHttpServer } from "../servers/base/http/http_server.ts";
import { McpServer, toolResult, type Transport } from "../servers/base/mod.ts";
import { WebStandardStreamableHTTPServerTransport as SdkTransport } from "../servers/base/http/sdk_http.ts";
import { MemoryStore } from "../store/mod.ts";
import { INPUT, OUTPUT, storeNothing } from "./http_tool.ts";

const PATH = "/mcp";

function create(): McpServer {
  const server = new McpServer({ name: "bench", version: "1.0.0" });
  server.registerTool(
    "hashcheck_store",
    { inputSchema: INPUT, outputSchema: OUTPUT },
    storeNothing,
  );
  return server;
}

function open(handler: (request: Request) => Promise<Response>) {
  const { addr } = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  return { url: `http://127.0.0.1:${addr.port}${PATH}` };
}

function raw() {
  const text = JSON.stringify({ jsonrpc: "2.0", id: 1, result: toolResult("Stored", {}) });
  const headers = { "content-type": "application/json" };
  return open(async (request) => {
    await request.bytes();
    return new Response(text, { headers });
  });
}

function stateful() {
  const sessions = new Map<string, SdkTransport>();
  return open(async (request) => {
    const id = request.headers.get("mcp-session-id");
    const known = id === null ? undefined : sessions.get(id);
    if (known !== undefined) return await known.handleRequest(request);
    const transport = new SdkTransport({
      sessionIdGenerator: () => globalThis.crypto.randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    await create().connect(transport);
    return await transport.handleRequest(request);
  });
}

function stateless() {
  return open(async (request) => {
    const transport = new SdkTransport();
    await create().connect(transport);
    return await transport.handleRequest(request);
  });
}

function bare() {
  const flags = ["--transport", "streamable-http", "--port", "0"];
  const command = readFlags({ name: "bench", description: "" }, "", flags);
  if (command.kind !== "serve" || command.http === undefined) throw new Error("No HTTP settings");
  const connect = async (transport: Transport) => {
    const server = create();
    await server.connect(transport);
    return server;
  };
  const { error: onerror, warn } = console;
  return startHttpServer(command.http, { connect, store: new MemoryStore(), onerror, warn });
}

const kinds = { raw, stateful, stateless, bare };
const [kind = ""] = Deno.args;
const start = Object.entries(kinds).find(([name]) => name === kind)?.[1];
if (start === undefined) throw new TypeError(`There is no server of the kind "${kind}"`);
console.error(`${kind} listening on ${(await start()).url}`);
