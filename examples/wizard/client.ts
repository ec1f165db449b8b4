/**
 * Wizard, answered by a client of each era. In the modern one the server ends between two questions:
 * the next process goes on, as all that it needs is in the call and in the store. Ends with status 0 if
 * both tables are booked.
 *
 *     deno run -A examples/wizard/client.ts
 */

import { withSession } from "@mcp-sessions/deno/client";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { deepEqual } from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = await Deno.makeTempDir();
const program = fileURLToPath(new URL("server.ts", import.meta.url));
const store = `file:${join(folder, "tables.jsonl")}`;
const args = ["run", "-qA", program, "--store", store];

const ANSWERS: Record<string, string> = { "For which day?": "Friday", "For how many?": "4" };

for (const era of ["legacy", { pin: "2026-07-28" }] as const) {
  let server: StdioClientTransport;
  const client = new Client({ name: "guest", version: "1.0.0" }, {
    versionNegotiation: { mode: era },
    capabilities: { elicitation: { form: {} } },
  });
  client.setRequestHandler("elicitation/create", async ({ params }) => {
    const answer = ANSWERS[params.message]!;
    console.log(`  ${params.message} ${answer}`);
    if (era !== "legacy" && answer === "Friday") {
      await server.close();
      console.log("  (the server has ended; another will go on)");
    }
    return { action: "accept", content: { answer } };
  });
  const connect = () => server = new StdioClientTransport({ command: Deno.execPath(), args });
  await client.connect(withSession(connect));
  console.log(`MCP ${client.getNegotiatedProtocolVersion()}:`);
  const { content } = await client.callTool({ name: "book" });
  console.log(" ", content);
  const { structuredContent } = await client.callTool({ name: "booking" });
  deepEqual(structuredContent, { table: { day: "Friday", guests: "4" } });
  await client.close();
}
console.log("Both are booked, each in its own session.");
await Deno.remove(folder, { recursive: true });
