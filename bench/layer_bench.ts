/**
 * Cost of the session layer for a `tools/call`: the same server behind the same HTTP transport, 32
 * calls at once and no socket; without sessions, with sessions in memory, and with a session in a file
 * that every call counts or writes.
 */

import { METHOD } from "../protocol/methods.ts";
import { currentSession, McpServer, sessionLayer } from "../servers/base/mod.ts";
import { StatelessHttpTransport } from "../servers/base/http/stateless_transport.ts";
import { openStore, type SessionStore } from "../store/mod.ts";

const AT_ONCE = 32;

function createServer(): McpServer {
  const server = new McpServer({ name: "bench", version: "1.0.0" });
  const done = { content: [{ type: "text" as const, text: "done" }] };
  server.registerTool("bare", {}, () => done);
  server.registerTool("count", {}, async () => {
    await currentSession().count();
    return done;
  });
  let number = 0;
  server.registerTool("write", {}, async () => {
    await currentSession().set("number", number++);
    return done;
  });
  return server;
}

async function caller(tool: string, store?: SessionStore): Promise<() => Promise<void>> {
  const transport = new StatelessHttpTransport();
  await createServer().connect(store ? sessionLayer(transport, { store }) : transport);
  const send = async (method: string, params: object) => {
    const response = await transport.fetch(
      new Request("http://localhost/mcp", {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      }),
    );
    const { result, error } = await response.json();
    if (error !== undefined || result.isError) throw new Error(JSON.stringify(error ?? result));
    return result;
  };
  const _meta = store && (await send(METHOD.create, {}))._meta;
  return async () => {
    const call = () => send("tools/call", { name: tool, ...(_meta && { _meta }) });
    await Promise.all(Array.from({ length: AT_ONCE }, call));
  };
}

const folder = Deno.makeTempDirSync();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const open = (url: string) => openStore(url, { namespace: "bench" });
const file = await open(`file:${folder}/sessions.jsonl`);

const bare = await caller("bare");
const memory = await caller("count", await open("memory:"));
const counted = await caller("count", file);
const written = await caller("write", file);

const group = `${AT_ONCE} calls at once`;
Deno.bench({ name: "no sessions", group, baseline: true, fn: bare });
Deno.bench({ name: "memory, counted", group, fn: memory });
Deno.bench({ name: "file, counted", group, fn: counted });
Deno.bench({ name: "file, written and synced", group, fn: written });
