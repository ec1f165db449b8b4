/**
 * Hono on Deno: the session layer on a route of a Hono app, beside routes of its own. Users have bearer
 * tokens, so that nobody reaches another's session.
 *
 *     deno run -A examples/hono/server.ts      to try it, run client.ts beside it
 */

import {
  type Authenticator,
  currentSession,
  httpHandler,
  McpServer,
  sessionLayer,
  StatelessHttpTransport,
} from "@mcp-sessions/deno/server";
import { openStore } from "@mcp-sessions/deno/store";
import { Hono } from "hono";

const [port = "8765", url = "file:counter.jsonl"] = Deno.args;
const USERS: Readonly<Record<string, string>> = {
  "secret-of-alice": "alice",
  "secret-of-bob": "bob",
};

const server = new McpServer({ name: "counter", version: "1.0.0" });
server.registerTool("count", {}, async () => ({
  content: [{ type: "text", text: `Call ${await currentSession().count()} of this session` }],
}));
const store = await openStore(url, { namespace: "counter" });
const transport = new StatelessHttpTransport();
await server.connect(sessionLayer(transport, { store, policy: "required" }));

/** Replace it by a look into your users, or by the check of a JSON Web Token (docs/library.md). */
const authenticate: Authenticator = ({ headers }) => {
  const token = headers.get("authorization")?.replace(/^Bearer /, "") ?? "";
  const user = USERS[token];
  return user === undefined ? undefined : { token, clientId: user, scopes: [] };
};

const app = new Hono();
app.get("/", (c) => c.text("There is a counter at /mcp"));
app.all("/mcp", (c) => handler(c.req.raw));
const { addr } = Deno.serve(
  { hostname: "127.0.0.1", port: Number(port), onListen() {} },
  app.fetch,
);
const handler = httpHandler(transport, { hosts: [`127.0.0.1:${addr.port}`], authenticate });
console.log(`Listening on http://127.0.0.1:${addr.port}/mcp`);
