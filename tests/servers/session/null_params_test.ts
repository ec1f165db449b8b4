/** `null` is the same as absent, where a member may be absent (sections 3 and 7). */

import { assert, assertEquals } from "@std/assert";
import { senderOf } from "../../support/servers/callers.ts";
import { startServer, type TransportName } from "../../support/servers/server.ts";

const CONNECTIONS: [name: string, transport: TransportName, flags: string[]][] = [
  ["stdio", "stdio", []],
  ["HTTP", "http", []],
  ["HTTP --stateful", "http", ["--stateful"]],
];

for (const [name, transport, flags] of CONNECTIONS) {
  Deno.test(`null over ${name}: is the same as absent, where a member may be absent`, async () => {
    await using server = await startServer({ server: "session", transport, flags });
    const send = await senderOf(server);
    const result = async (method: string, params: Record<string, unknown> | null) => {
      const { result, error } = await send(method, params);
      assert(result, `${method} ${JSON.stringify(params)}: ${JSON.stringify(error)}`);
      return result;
    };
    const calls = [
      { arguments: { note: null } },
      { arguments: { action: null, note: null } },
      { arguments: null },
      { arguments: null, _meta: null },
      { _meta: { progressToken: null } },
    ];
    for (const call of calls) {
      const params = { name: "session_probe", ...call };
      const { isError, structuredContent: { action, note } } = await result("tools/call", params);
      assertEquals([isError, action, note], [undefined, "status", "none"], JSON.stringify(call));
    }
    for (const params of [null, { cursor: null }, { cursor: null, _meta: null }]) {
      const tool = (await result("tools/list", params)).tools.at(-1);
      const { properties } = tool?.inputSchema as Record<string, Record<string, unknown>>;
      assertEquals(properties?.note, {
        anyOf: [{ type: "string", minLength: 0 }, { type: "null" }],
        description: "A remark that comes back with the answer",
      });
      await result("session/list", params);
    }
  });
}
