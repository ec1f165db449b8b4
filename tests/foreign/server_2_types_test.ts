/** The types of servers and transports of both generations of the SDK, in a project of their own. */

import { assert, assertStringIncludes } from "@std/assert";
import { outsideProject } from "../house/outside_project.ts";
import { blockWith } from "../house/pages.ts";
import { type Output, output } from "../support/output.ts";
import { MEMO, SDK_2 } from "./server_2_programs.ts";

/** Uses that pass the check, and some that must not. */
const TYPES = `
import { InMemoryTransport, McpServer as Server2, type Transport as Transport2 } from "${SDK_2}";
import { StdioServerTransport as Stdio2 } from "${SDK_2}/stdio";
import { McpServer as Server1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport as Stdio1 } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { Transport as Transport1 } from "@modelcontextprotocol/sdk/shared/transport.js";
import { McpServer, MemoryStore, sessionLayer, StatelessHttpTransport } from "@mcp-sessions/deno";
import { type ConnectableServer, serve } from "@mcp-sessions/deno/serve";

const info = { name: "types", version: "1.0.0" };
const servers = [new Server2(info), new Server1(info), new McpServer(info)];
const [inMemory] = InMemoryTransport.createLinkedPair();
const transports = [new Stdio1(), new Stdio2(), inMemory, new StatelessHttpTransport()];
const store = new MemoryStore();
for (const transport of transports) {
  const layer = sessionLayer(transport, { store, era: "modern", handles: "auto" });
  await new Server2(info).connect(layer);
  await new Server1(info).connect(layer);
  await new McpServer(info).connect(layer);
  const one: Transport1 = layer;
  const two: Transport2 = layer;
  for (const server of servers satisfies ConnectableServer[]) await server.connect(one ?? two);
}
const definition = { name: "types", description: "Types", policy: "auto" } as const;
await serve({ ...definition, create: () => new Server2(info) });
await serve({ ...definition, create: () => new Server1(info) });
await serve({ ...definition, create: () => new McpServer(info) });

// @ts-expect-error: a promise of a server is no server.
await serve({ ...definition, create: () => Promise.resolve(new Server2(info)) });
// @ts-expect-error: the protocol's part alone.
await serve({ ...definition, create: () => new Server2(info).server });
// @ts-expect-error: a transport is no server.
await serve({ ...definition, create: () => inMemory });
const done = () => Promise.resolve();
// @ts-expect-error: it connects to something else.
await serve({ ...definition, create: () => ({ connect: (_: URL) => done(), close: done, server: {} }) });
// @ts-expect-error: a server is no transport.
sessionLayer(new Server2(info), { store });
// @ts-expect-error: there is no such era.
sessionLayer(inMemory, { store, era: "new" });
`;

function check(cwd: string, files: string[]): Promise<Output> {
  const env = { NO_COLOR: "1" };
  return output(Deno.execPath(), { args: ["check", "--quiet", ...files], cwd, env });
}

Deno.test("Server 2: its types and those of SDK 1 are accepted, and what is neither is not", async () => {
  for (const exactOptionalPropertyTypes of [false, true]) {
    await using project = await outsideProject({ "types.ts": TYPES, "memo.ts": MEMO }, {
      compilerOptions: { exactOptionalPropertyTypes },
    });
    const { success, stderr } = await check(project.path, ["types.ts", "memo.ts"]);
    assert(success, stderr);
  }
});

Deno.test("Server 2: a project with SDK 1 alone is checked without it", async () => {
  const program = blockWith("README.md", "new StdioServerTransport()");
  await using project = await outsideProject({ "counter.ts": program });
  const { success, stderr } = await check(project.path, ["counter.ts"]);
  assert(success, stderr);
  const lock = await Deno.readTextFile(`${project.path}/deno.lock`);
  assertStringIncludes(lock, "@modelcontextprotocol/sdk@");
  assert(!lock.includes("@modelcontextprotocol/server@"), lock);
});
