/**
 * Counter on `node:http`: the session layer behind an HTTP server of Node's, in Node and in Deno alike.
 *
 *     deno run -A examples/node_http/server.ts      to try it, run client.ts beside it
 *     node server.ts                                Node 22.18 or later, where the package is installed
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import process from "node:process";
import { pipeline } from "node:stream/promises";
import {
  currentSession,
  httpHandler,
  McpServer,
  sessionLayer,
  StatelessHttpTransport,
} from "@mcp-sessions/deno/server";
import { openStore } from "@mcp-sessions/deno/store";

const { PORT = "8765", STORE = "sqlite:counter.db" } = process.env;

const server = new McpServer({ name: "counter", version: "1.0.0" });
server.registerTool("count", {}, async () => ({
  content: [{ type: "text", text: `Call ${await currentSession().count()} of this session` }],
}));
const store = await openStore(STORE, { namespace: "counter" });
const transport = new StatelessHttpTransport();
await server.connect(sessionLayer(transport, { store, policy: "auto" }));

const http = createServer().listen(Number(PORT), "127.0.0.1");
await once(http, "listening");
const address = http.address();
const host = `127.0.0.1:${typeof address === "object" ? address?.port : PORT}`;
const handler = httpHandler(transport, { hosts: [host] });
http.on("request", (incoming, outgoing) => {
  // A client that goes away in the middle is no reason to stop.
  respond(incoming, outgoing).catch(() => outgoing.destroy());
});
console.log(`Listening on http://${host}/mcp`);

/** Node's request becomes one of the web's, and the web's response one of Node's. */
async function respond(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { method = "GET", headers, url = "/" } = incoming;
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  const init = {
    method,
    headers: Object.entries(headers).map(([name, value]) => [name, String(value)]),
    body: method === "POST" ? ReadableStream.from(incoming) : null,
    duplex: "half",
    signal: gone.signal,
  };
  const request = new Request(new URL(url, `http://${headers.host}`), init);
  const isHere = new URL(request.url).pathname === "/mcp";
  const response = isHere ? await handler(request) : new Response("Not found", { status: 404 });
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) outgoing.end();
  else await pipeline(response.body, outgoing);
}

process.once("SIGTERM", async () => {
  http.close();
  transport.stop();
  await server.close();
  await store.close();
});
