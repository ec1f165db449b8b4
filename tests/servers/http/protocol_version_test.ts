/** Protocol versions over HTTP: the header `MCP-Protocol-Version`, and requests of a later era. */

import { assertEquals, assertMatch } from "@std/assert";
import { checkProtocolVersion } from "../../../servers/base/http/protocol_version.ts";
import { INITIALIZE, messagesOf, opened, post, startServer } from "../../support/servers/server.ts";

const MODERN = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
const LEGACY = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"];

Deno.test("checkProtocolVersion(): refuses an unknown version under the id of the request", async () => {
  const headers = (version: string) => new Headers({ "mcp-protocol-version": version });
  for (const version of LEGACY) assertEquals(checkProtocolVersion(headers(version)), undefined);
  assertEquals(checkProtocolVersion(new Headers()), undefined);
  const request = { jsonrpc: "2.0", id: "x", method: "ping" } as const;
  const notification = { jsonrpc: "2.0", method: "notifications/initialized" } as const;
  const response = { jsonrpc: "2.0", id: 7, result: {} } as const;
  const none = undefined;
  const cases = [[request, "x"], [notification, null], [response, null], [none, null]] as const;
  for (const [message, expected] of cases) {
    const refusal = checkProtocolVersion(headers("1999-01-01"), message);
    const { id, error } = await refusal?.json();
    assertEquals([refusal?.status, id, error.code], [400, expected, -32022]);
  }
});

for (const flags of [[], ["--stateful"]]) {
  const name = ["http", ...flags].join(" ");

  Deno.test(`MCP-Protocol-Version over ${name}: an unknown version is refused under the request's id`, async () => {
    await using server = await startServer({ server: "notebook", transport: "http", flags });
    const session = await opened(server.url);
    const send = async (message: object, version: string, headers = session) => {
      const body = JSON.stringify({ jsonrpc: "2.0", ...message });
      const all = { ...headers, "mcp-protocol-version": version };
      const response = await post(server.url, body, all);
      return { status: response.status, body: await response.json() };
    };
    for (const requested of ["2026-07-28", "2025-11-2", "2025-11-25, 2025-06-18", ""]) {
      for (const id of [0, "x"]) {
        const messages = [
          { id, method: "ping" },
          { id, method: "tools/call", params: { name: "notebook_read" } },
          { id, method: "initialize", params: INITIALIZE },
        ];
        for (const message of messages) {
          const { status, body } = await send(message, requested);
          const { error, ...rest } = body;
          assertEquals([status, rest], [400, { jsonrpc: "2.0", id }], requested);
          assertEquals([error.code, error.data], [-32022, { supported: LEGACY, requested }]);
        }
      }
    }
    // The version is checked before the transport session.
    assertEquals((await send({ id: 1, method: "ping" }, "x", {})).body.id, 1);
    for (const method of flags.length > 0 ? ["GET", "DELETE"] : []) {
      const headers = { ...session, accept: "text/event-stream", "mcp-protocol-version": "x" };
      const response = await fetch(server.url, { method, headers });
      const { id, error } = await response.json();
      assertEquals([response.status, id, error.code], [400, null, -32022], method);
    }
  });

  Deno.test(`MCP-Protocol-Version over ${name}: a request of a later era is -32601, whatever the header`, async () => {
    await using server = await startServer({ server: "notebook", transport: "http", flags });
    const requests: [method: string, params?: object][] = [
      ["server/discover", { _meta: MODERN }],
      ["server/discover"],
      ["tools/list", { _meta: MODERN }],
      ["tools/call", { name: "notebook_read", _meta: MODERN }],
      ["tools/list", { _meta: { "io.modelcontextprotocol/protocolVersion": 7 } }],
    ];
    for (const [method, params] of requests) {
      const body = JSON.stringify({ jsonrpc: "2.0", id: "d", method, params });
      for (const version of [undefined, "2026-07-28", "2025-11-25"]) {
        const headers = version === undefined ? {} : { "mcp-protocol-version": version };
        const response = await post(server.url, body, headers);
        const { id, error } = await response.json();
        assertEquals([response.status, id, error.code], [400, "d", -32601], `${method} ${version}`);
        assertMatch(error.message, /initialize \(2025-11-25, /);
      }
    }
    const session = await opened(server.url);
    const _meta = { "io.modelcontextprotocol/protocolVersion": "2025-11-25", "mcp/session": null };
    const older = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping", params: { _meta } });
    const response = await post(server.url, older, session);
    assertEquals(response.status, 200);
    assertEquals((await messagesOf(response))[0]?.error, undefined);
    const batch = await post(server.url, `[${older.replace("2025-11-25", "2026-07-28")}]`);
    assertEquals([batch.status, (await batch.json()).error.code], [400, -32600]);
  });
}
