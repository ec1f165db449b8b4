/** The SDK's client as the host in front of the bridge. */

import { assertEquals } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { Client } from "../../client/sdk.ts";
import { StdioClientTransport } from "../../client/sdk_stdio.ts";
import { BridgedServer, POLICIES } from "../support/bridge/bridged_servers.ts";
import { BRIDGE } from "../support/bridge/host.ts";
import { DENO_ENV } from "../support/deno_dir.ts";
import { CLEAN_ENV } from "../support/environment.ts";

for (const way of ["stdio", "stateful"] as const) {
  const name = `bridge: an SDK client calls, is asked and reads through it (${way})`;
  // The SDK's stdio transport leaves the timer running that limits its close().
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false }, async () => {
    await using behind = await BridgedServer.start(POLICIES, way);
    const client = new Client({ name: "host", version: "1" }, {
      capabilities: { elicitation: {} },
    });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: "decline" }));
    const args = ["run", "-A", BRIDGE, "--per-process", ...behind.args];
    const env = { ...DENO_ENV, ...CLEAN_ENV, XDG_STATE_HOME: behind.folder.path };
    const transport = new StdioClientTransport({ command: Deno.execPath(), args, env });
    await client.connect(transport);
    const { content } = await client.callTool({ name: "ask" });
    assertEquals(content, [{ type: "text", text: "decline" }]);
    const { contents } = await client.readResource({ uri: "session://current" });
    assertEquals(contents[0], { uri: "session://current", text: "null" });
    await client.close();
  });
}
