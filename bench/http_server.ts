/**
 * The servers that `http.ts` measures the session servers against, each in a process of its own:
 *
 *     http_server.ts raw         no MCP: reads the body, answers with a fixed text
 *     http_server.ts stateful    the SDK's transport with its Mcp-Session-Id
 *     http_server.ts stateless   the SDK's transport as it is documented for no sessions
 *     http_server.ts bare        the stateless transport of this project, behind its listener
 *
 * The three with MCP have one tool that does what `hashcheck_store` does, but for the sessions: same
 * arguments, same hash, same shape of the response and, in place of the cookie, as many bytes. Deno
 * writes a response of more than 512 bytes, head and body, in two pieces, a good part of a call's cost.
 *
 * @module
 */

import { crypto } from "@std/crypto";
import { z } from "zod";
import { readFlags } from "../servers/base/serve/flags.ts";
import { startHttpServer } from "../servers/base/http/http_server.ts";
import { McpServer, toolResult, type Transport } from "../servers/base/mod.ts";
import { WebStandardStreamableHTTPServerTransport as SdkTransport } from "../servers/base/http/sdk_http.ts";

const PATH = "/mcp";
const NO_SESSION = `sess-${"0".repeat(32)}`;
const AS_LONG_AS_A_COOKIE = { "bench/filling": "x".repeat(183) };
const encoder = new TextEncoder();

function create(): McpServer {
  const server = new McpServer({ name: "bench", version: "1.0.0" });
  server.registerTool("hashcheck_store", {
    inputSchema: { key: z.string(), text: z.string() },
    outputSchema: {
      action: z.literal("store"),
      key: z.string(),
      algorithm: z.literal("sha256"),
      hash: z.string().regex(/^[0-9a-f]{64}$/),
      session_id: z.string(),
    },
  }, ({ key, text }) => {
    const digest = crypto.subtle.digestSync("SHA-256", encoder.encode(text));
    const hash = new Uint8Array(digest).toHex();
    const stored = toolResult(`Stored sha256 ${hash} under ${JSON.stringify(key)}.`, {
      action: "store",
      key,
      algorithm: "sha256",
      hash,
      session_id: NO_SESSION,
    });
    return { ...stored, _meta: AS_LONG_AS_A_COOKIE };
  });
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
  return startHttpServer(command.http, { connect, onerror: console.error, warn: console.warn });
}

const kinds = { raw, stateful, stateless, bare };
const [kind = ""] = Deno.args;
const start = Object.entries(kinds).find(([name]) => name === kind)?.[1];
if (start === undefined) throw new TypeError(`There is no server of the kind "${kind}"`);
console.error(`${kind} listening on ${(await start()).url}`);
