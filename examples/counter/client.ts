/**
 * Counter, seen by a client: calls it, kills it with `kill -9`, calls the next one, and the session goes
 * on. Ends with status 0 if it did.
 *
 *     deno run -A examples/counter/client.ts
 */

import { MemoryJar, withSession } from "@mcp-sessions/deno/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { equal } from "node:assert/strict";
import { fileURLToPath } from "node:url";

const jar = new MemoryJar();

/** What a server of its own says to one call, before it is killed. */
async function call(): Promise<string> {
  const stdio = new StdioClientTransport({
    command: Deno.execPath(),
    args: ["run", "-qA", fileURLToPath(new URL("server.ts", import.meta.url))],
  });
  const client = new Client({ name: "example", version: "1.0.0" });
  await client.connect(withSession(() => stdio, { jar, server: "counter" }));
  const { content } = await client.callTool({ name: "count" });
  Deno.kill(stdio.pid, "SIGKILL");
  await client.close();
  console.log(`The server says "${content[0].text}", and is killed.`);
  return content[0].text;
}

equal(await call(), "Call 1 of this session");
equal(await call(), "Call 2 of this session");
console.log("The session has outlived the server's process.");
for (const file of ["calls.jsonl", "calls.jsonl.lock"]) {
  await Deno.remove(new URL(file, import.meta.url));
}
