/**
 * Orchestrator: agents that work in one session at once, and one in a copy of it. Each has a connection,
 * here even a server process, of its own; what makes them share is the cookie that they are handed. Ends
 * with status 0 if all went so.
 *
 *     deno run -A examples/orchestrator/client.ts
 */

import { type HeldCookie, MemoryJar, withSession } from "@mcp-sessions/deno/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { deepEqual, equal } from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = await Deno.makeTempDir();
const program = fileURLToPath(new URL("server.ts", import.meta.url));
const store = `file:${join(folder, "board.jsonl")}`;
const args = ["run", "-qA", program, "--store", store];

/** An agent that goes on in the session of this cookie, or in a new one. */
async function startAgent(name: string, cookie?: HeldCookie) {
  const jar = new MemoryJar();
  if (cookie) await jar.set({ server: "board", profile: "default" }, cookie);
  const events: string[] = [];
  const transport = withSession(
    () => new StdioClientTransport({ command: Deno.execPath(), args }),
    { jar, server: "board", onsession: ({ type }) => events.push(type) },
  );
  const client = new Client({ name, version: "1.0.0" });
  await client.connect(transport);
  const call = async (tool: string, args = {}) =>
    (await client.callTool({ name: tool, arguments: args })).structuredContent;
  return {
    events,
    call,
    note: (text: string) => call("note", { text: `${name}: ${text}` }),
    notes: async (): Promise<string[]> => (await call("read")).notes,
    cookie: () => transport.cookie,
    close: () => client.close(),
  };
}

const orchestrator = await startAgent("orchestrator");
await orchestrator.note("where to go in May?");

const cookie = orchestrator.cookie();
const workers = await Promise.all([startAgent("trains", cookie), startAgent("hotels", cookie)]);
await Promise.all(workers.map((worker) => worker.note("looked it up")));
equal((await orchestrator.notes()).length, 3);
console.log("Two subagents wrote into the orchestrator's session at once:");
console.log(await orchestrator.notes());

const { cookie: copy } = await orchestrator.call("branch", { title: "Second opinion" });
const critic = await startAgent("critic", copy);
await critic.note("why not stay at home?");
equal((await critic.notes()).length, 4);
equal((await orchestrator.notes()).length, 3);
console.log("A third read all of it in a fork, and its own note stays there.");

await orchestrator.call("lock");
equal((await orchestrator.notes()).length, 3);
const [trains] = workers;
deepEqual(await trains.notes(), []);
deepEqual(trains.events, ["resumed", "lost", "created"]);
console.log("The orchestrator took a new id: the subagents' cookie opens nothing any more.");

await Promise.all([orchestrator, ...workers, critic].map((agent) => agent.close()));
await Deno.remove(folder, { recursive: true });
