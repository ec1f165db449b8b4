/**
 * Memo, seen by a client of the SDK's second generation: what it keeps in the modern era it recalls in the
 * legacy one, in another connection to another process. Ends with status 0 if it does.
 *
 *     deno run -A examples/sdk_2/client.ts
 */

import { MemoryJar, withSession } from "@mcp-sessions/deno/client";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { deepEqual } from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = await Deno.makeTempDir();
const program = fileURLToPath(new URL("server.ts", import.meta.url));
const store = `file:${join(folder, "memos.jsonl")}`;
const args = ["run", "-qA", program, "--store", store];
const jar = new MemoryJar();

/** Calls a tool by a connection of its own; `auto` finds out that the server speaks the modern era. */
async function call(era: "auto" | "legacy", name: string, args_: Record<string, unknown> = {}) {
  const connect = () => new StdioClientTransport({ command: Deno.execPath(), args });
  const client = new Client({ name: "example", version: "1.0.0" }, {
    versionNegotiation: { mode: era },
  });
  await client.connect(withSession(connect, { jar, server: "memo" }));
  const { content } = await client.callTool({ name, arguments: args_ });
  console.log(`MCP ${client.getNegotiatedProtocolVersion()}, ${name}:`, content);
  await client.close();
  return content;
}

deepEqual(await call("auto", "recall"), [{ type: "text", text: "Nothing is kept" }]);
await call("auto", "keep", { text: "milk" });
deepEqual(await call("legacy", "recall"), [{ type: "text", text: "milk" }]);
console.log("One session, in both eras.");
await Deno.remove(folder, { recursive: true });
