/** Requests that the HTTP transport refuses. */

import { assertEquals, assertMatch } from "@std/assert";
import { RawConnection } from "../../support/servers/raw_http.ts";
import { post, startServer } from "../../support/servers/server.ts";

Deno.test("RequestReader: refuses requests that are not MCP with a status and a reason", async () => {
  await using server = await startServer({ server: "session_required", transport: "http" });
  const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  const accept = "application/json, text/event-stream";
  const { origin } = new URL(server.url);
  const cases: [send: () => Promise<Response>, status: number][] = [
    [() => fetch(server.url, { headers: { accept } }), 405],
    [() => fetch(server.url, { method: "DELETE" }), 405],
    [() => fetch(server.url, { method: "PUT", body: ping }), 405],
    [() => fetch(server.url, { method: "OPTIONS" }), 405],
    [() => fetch(`${origin}/`, { method: "POST", body: ping }), 404],
    [() => fetch(`${origin}/mcp/x`, { method: "POST", body: ping }), 404],
    [() => post(server.url, ping, { origin: "http://evil.example" }), 403],
    [() => post(server.url, ping, { origin: "null" }), 403],
    [() => post(server.url, ping, { origin }), 200],
    [() => post(server.url, '{"jsonrpc":"2.0","method":"notifications/initialized"}'), 202],
    [() => post(server.url, '{"jsonrpc":"2.0","id":1,"result":{}}'), 202],
  ];
  for (const [index, [send, status]] of cases.entries()) {
    const response = await send();
    const body = await response.text();
    assertEquals(response.status, status, `case ${index}: ${body}`);
    if (status === 405) assertEquals(response.headers.get("allow"), "POST");
    if (status >= 400) assertMatch(JSON.parse(body).error.message, /\w/);
  }
});

Deno.test("RequestReader: refuses a body that is cut off, without a stack trace", async () => {
  const server = await startServer({ server: "session_required", transport: "http" });
  {
    using connection = await RawConnection.open(server.url);
    await connection.post('{"jsonrpc"', { "content-length": "100" });
    await connection.endInput();
    await connection.rest();
  }
  await server.initialize();
  assertEquals(await server.stop(), 0);
  assertEquals(server.stderr, []);
});
