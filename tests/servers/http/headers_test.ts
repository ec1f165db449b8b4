/** Which version of MCP a request is of, by its body and headers, and what types it has and takes. */

import { assertEquals, assertMatch } from "@std/assert";
import { INITIALIZE, messagesOf, opened, post, startServer } from "../../support/servers/server.ts";

const MODERN = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
const LEGACY = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"];

for (const flags of [[], ["--stateful"]]) {
  const name = ["HTTP", ...flags].join(" ");

  Deno.test(`${name}: a version that is not served is refused under the request's id`, async () => {
    await using server = await startServer({ server: "notebook", transport: "http", flags });
    const session = await opened(server.url);
    const send = async (message: object, version: string, headers = session) => {
      const body = JSON.stringify({ jsonrpc: "2.0", ...message });
      const response = await post(server.url, body, {
        ...headers,
        "mcp-protocol-version": version,
      });
      return { status: response.status, body: await response.text() };
    };
    for (
      const requested of ["1999-01-01", "2026-07-28", "2025-11-2", "2025-11-25, 2025-06-18", ""]
    ) {
      for (const id of [0, "x"]) {
        const messages = [
          { id, method: "ping" },
          { id, method: "tools/call", params: { name: "notebook_read" } },
          { id, method: "initialize", params: INITIALIZE },
        ];
        for (const message of messages) {
          const { status, body } = await send(message, requested);
          const { error, ...rest } = JSON.parse(body);
          assertEquals([status, rest], [400, { jsonrpc: "2.0", id }], requested);
          assertEquals([error.code, error.data], [-32022, { supported: LEGACY, requested }]);
        }
      }
      const noId = [{ method: "notifications/initialized" }, { id: 7, result: {} }];
      for (const message of noId) {
        const { status, body } = await send(message, requested);
        assertEquals([status, JSON.parse(body).id, JSON.parse(body).error.code], [
          400,
          null,
          -32022,
        ]);
      }
    }
    // Who has no transport session yet is told of the version first.
    assertEquals(JSON.parse((await send({ id: 1, method: "ping" }, "x", {})).body).id, 1);
    for (const method of flags.length > 0 ? ["GET", "DELETE"] : []) {
      const headers = { ...session, accept: "text/event-stream", "mcp-protocol-version": "x" };
      const response = await fetch(server.url, { method, headers });
      const { id, error } = await response.json();
      assertEquals([response.status, id, error.code], [400, null, -32022], method);
    }
    for (const version of LEGACY) {
      assertEquals((await send({ id: 1, method: "ping" }, version)).status, 200, version);
    }
  });

  Deno.test(`${name}: a request of a later era is -32601, and one that names an older goes on`, async () => {
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

  Deno.test(`${name}: reads headers as HTTP does`, async () => {
    await using server = await startServer({ server: "notebook", transport: "http", flags });
    const session = await opened(server.url);
    const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    const cases: [headers: Record<string, string>, status: number][] = [
      [{ accept: "*/*" }, 200],
      [{ accept: "text/html, */*;q=0.1" }, 200],
      [{ accept: "application/*, text/*" }, 200],
      [{ accept: "Application/JSON , Text/Event-Stream" }, 200],
      [{ accept: "text/event-stream;q=0.9,application/json; charset=utf-8;q=1.0" }, 200],
      [{ accept: "application/json; text/event-stream" }, 200],
      [{ accept: "*/*;q=0, application/json, text/event-stream" }, 200],
      [{ accept: "application/json, text/event-stream;q=0" }, 406],
      [{ accept: "*/*, text/event-stream; q=0.000" }, 406],
      [{ accept: "application/*;q=0, */*" }, 406],
      [{ accept: "application/jsonx, text/event-streams" }, 406],
      [{ accept: "text/html" }, 406],
      [{ accept: "" }, 406],
      [{ "content-type": "APPLICATION/JSON" }, 200],
      [{ "content-type": "application/json;charset=UTF-8" }, 200],
      [{ "content-type": "application/json ; x=y" }, 200],
      [{ "content-type": "application/json-seq" }, 415],
      [{ "content-type": "" }, 415],
    ];
    for (const [headers, status] of cases) {
      const response = await post(server.url, ping, { ...session, ...headers });
      const text = await response.text();
      assertEquals(response.status, status, `${JSON.stringify(headers)} ${text}`);
    }
  });
}

Deno.test("stdio: a request of a later era is -32601, and the server goes on", async () => {
  await using server = await startServer({ server: "notebook", transport: "stdio" });
  const requests: [method: string, params?: object][] = [
    ["server/discover", { _meta: MODERN }],
    ["server/discover"],
    ["tools/list", { _meta: MODERN }],
    ["tools/call", { name: "notebook_read", _meta: MODERN }],
  ];
  for (const [method, params] of requests) {
    assertEquals((await server.request(method, params)).error?.code, -32601, method);
  }
  // What asks for no answer gets none.
  await server.notify("notifications/initialized", { _meta: MODERN });
  await server.initialize();
  const _meta = { "io.modelcontextprotocol/protocolVersion": "2025-11-25", "mcp/session": null };
  assertEquals((await server.result("tools/list", { _meta })).tools.length, 4);
});
