/** Protocol versions over HTTP: the header `MCP-Protocol-Version` of legacy messages. */

import { assertEquals } from "@std/assert";
import { checkProtocolVersion } from "../../../servers/base/http/protocol_version.ts";
import type { ServedEras } from "../../../servers/base/mod.ts";
import {
  INITIALIZE,
  messagesOf,
  opened,
  post,
  request,
  startServer,
  statusOf,
} from "../../support/servers/server.ts";

const LEGACY = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"];

Deno.test("checkProtocolVersion(): refuses an unknown version under the id of the request", async () => {
  const headers = (version: string) => new Headers({ "mcp-protocol-version": version });
  const request = { jsonrpc: "2.0", id: "x", method: "ping" } as const;
  const notification = { jsonrpc: "2.0", method: "notifications/initialized" } as const;
  const response = { jsonrpc: "2.0", id: 7, result: {} } as const;
  const messages = [[request, "x"], [notification, null], [response, null], [
    undefined,
    null,
  ]] as const;
  for (const eras of ["both", "legacy"] as const) {
    for (const [message, expected] of messages) {
      for (const version of LEGACY) {
        assertEquals(checkProtocolVersion(headers(version), eras, message), undefined);
      }
      assertEquals(checkProtocolVersion(new Headers(), eras, message), undefined);
      const refusal = checkProtocolVersion(headers("1999-01-01"), eras, message);
      const { id, error } = await refusal?.json();
      assertEquals([refusal?.status, id, error.code], [400, expected, -32022]);
    }
  }
  const isAccepted = (...[eras, message]: [ServedEras, typeof request | typeof notification]) =>
    checkProtocolVersion(headers("2026-07-28"), eras, message) === undefined;
  assertEquals(isAccepted("both", notification), true);
  assertEquals(isAccepted("modern", notification), true);
  assertEquals(isAccepted("legacy", notification), false);
  // The era layer refuses it, in the words of the era that is served.
  assertEquals(isAccepted("modern", request), true);
  assertEquals(isAccepted("both", request), false);
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

  Deno.test(`MCP-Protocol-Version over ${name}: a modern one is taken with a notification`, async () => {
    for (const [era, status] of [["both", 202], ["modern", 202], ["legacy", 400]] as const) {
      await using server = await startServer({
        server: "notebook",
        transport: "http",
        flags: [...flags, "--era", era],
      });
      const headers = { "mcp-protocol-version": "2026-07-28" };
      const message = JSON.stringify({
        jsonrpc: "2.0",
        method: "notifications/roots/list_changed",
      });
      assertEquals(await statusOf(server.url, message, headers), status, era);
    }
  });

  Deno.test(`--era modern over ${name}: a legacy request is refused in the words of the modern era`, async () => {
    const all = [...flags, "--era", "modern"];
    await using server = await startServer({ server: "notebook", transport: "http", flags: all });
    for (const version of [undefined, "2025-11-25", "2026-07-28", "1999-01-01"]) {
      const headers = version === undefined ? {} : { "mcp-protocol-version": version };
      const answerTo = async (method: string, params: object) => {
        const response = await post(server.url, request(method, params, "x"), headers);
        const { id, error } = await response.json();
        assertEquals([response.status, id], [400, "x"]);
        return [error.code, error.data?.supported];
      };
      assertEquals(await answerTo("initialize", INITIALIZE), [-32022, ["2026-07-28"]]);
      assertEquals(await answerTo("tools/list", {}), [-32602, undefined]);
    }
    for (const method of ["GET", "DELETE"]) {
      const response = await fetch(server.url, { method, headers: { "mcp-session-id": "x" } });
      await response.text();
      assertEquals([response.status, response.headers.get("allow")], [405, "POST"]);
    }
  });

  Deno.test(`MCP-Protocol-Version over ${name}: a body of a legacy version is a legacy one`, async () => {
    await using server = await startServer({ server: "notebook", transport: "http", flags });
    const session = await opened(server.url);
    const _meta = { "io.modelcontextprotocol/protocolVersion": "2025-11-25", "mcp/session": null };
    const older = request("ping", { _meta });
    const response = await post(server.url, older, session);
    assertEquals(response.status, 200);
    assertEquals((await messagesOf(response))[0]?.error, undefined);
    const batch = await post(server.url, `[${older.replace("2025-11-25", "2026-07-28")}]`);
    assertEquals([batch.status, (await batch.json()).error.code], [400, -32600]);
  });
}
