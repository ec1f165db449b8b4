/** Both eras on one process over stdio. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  INITIALIZE,
  startServer,
  type StdioServer,
  type WireCookie,
} from "../../support/servers/server.ts";
import {
  envelope,
  EXTENSION,
  MODERN_VERSION,
  modernRequest,
} from "../../support/servers/modern_wire.ts";

const VERSION_KEY = "io.modelcontextprotocol/protocolVersion";

function start(...flags: string[]): Promise<StdioServer> {
  return startServer({ server: "notebook", transport: "stdio", flags });
}

/** Calls a tool in the session that a cookie names, as a client of either era. */
async function note(server: StdioServer, cookie: unknown, isModern: boolean): Promise<unknown> {
  const _meta = isModern ? envelope({ [EXTENSION]: cookie }) : { "mcp/session": cookie };
  const params = { name: "notebook_append", arguments: { text: "x" }, _meta };
  return (await server.result("tools/call", params)).structuredContent.note_number;
}

async function create(server: StdioServer, isModern: boolean): Promise<WireCookie> {
  return await server.create(isModern ? { _meta: envelope() } : {});
}

for (const order of [["modern", "legacy"], ["legacy", "modern"]] as const) {
  Deno.test(`EraLayer on stdio: ${order.join(", then ")}, on one process and in one session`, async () => {
    await using server = await start();
    let cookie: WireCookie | undefined;
    const notes: unknown[] = [];
    for (const era of [...order, ...order]) {
      const isModern = era === "modern";
      if (isModern) {
        const found = await server.result("server/discover", { _meta: envelope() });
        assertEquals(found._meta?.["io.modelcontextprotocol/serverInfo"] !== undefined, true);
      } else assertEquals((await server.initialize()).serverInfo.name, "notebook");
      cookie ??= await create(server, isModern);
      notes.push(await note(server, cookie, isModern));
      const { tools } = await server.result("tools/list", isModern ? { _meta: envelope() } : {});
      assertEquals(tools.length > 0, true);
    }
    assertEquals(notes, [1, 2, 3, 4]);
  });
}

Deno.test("EraLayer on stdio: envelope faults are errors with the request's id, and the server goes on", async () => {
  await using server = await start();
  const { [VERSION_KEY]: _, ...withoutVersion } = envelope();
  const cases: [method: string, meta: object | undefined, code: number, message: RegExp][] = [
    ["server/discover", undefined, -32602, /protocolVersion.*must be a string: it is undefined/],
    ["server/discover", withoutVersion, -32602, /protocolVersion/],
    ["tools/list", envelope({ [VERSION_KEY]: 7 }), -32602, /must be a string: it is number/],
    ["tools/list", { [VERSION_KEY]: MODERN_VERSION }, -32602, /clientCapabilities/],
    [
      "tools/list",
      envelope({ "io.modelcontextprotocol/clientCapabilities": [] }),
      -32602,
      /must be an object: it is an array/,
    ],
    ["tools/list", envelope({ "io.modelcontextprotocol/logLevel": "loud" }), -32602, /logLevel/],
    ["tools/list", envelope({ "io.modelcontextprotocol/clientInfo": "x" }), -32602, /clientInfo/],
    ["tools/list", envelope({ [VERSION_KEY]: "2099-01-01" }), -32022, /Unsupported protocol/],
    ["ping", envelope(), -32601, /ping is no method of 2026-07-28/],
    ["initialize", envelope(), -32601, /initialize is no method/],
  ];
  for (const [method, _meta, code, message] of cases) {
    // `request` waits for the response of its own id.
    const { error } = await server.request(method, _meta && { _meta });
    assertEquals(error?.code, code, method);
    assertMatch(error?.message ?? "", message);
  }
  const { error } = await server.request("server/discover", {
    _meta: envelope({ [VERSION_KEY]: "2099-01-01" }),
  });
  assertEquals(error?.data, { supported: [MODERN_VERSION], requested: "2099-01-01" });
  assertEquals((await server.result("server/discover", { _meta: envelope() })).tools, undefined);
});

Deno.test("EraLayer on stdio: --era legacy answers modern requests with -32601, from which clients fall back", async () => {
  await using server = await start("--era", "legacy");
  for (const method of ["server/discover", "tools/list", "subscriptions/listen"]) {
    const { error } = await server.request(method, { _meta: envelope() });
    assertEquals(error?.code, -32601, method);
    assertMatch(error?.message ?? "", /speaks only versions of MCP that begin with initialize/);
  }
  await server.initialize();
  assertEquals(await note(server, await create(server, false), false), 1);
});

Deno.test("EraLayer on stdio: --era modern refuses initialize with -32022, and other legacy requests with -32602", async () => {
  await using server = await start("--era", "modern");
  const { error } = await server.request("initialize", INITIALIZE);
  assertEquals([error?.code, error?.data], [
    -32022,
    { supported: [MODERN_VERSION], requested: INITIALIZE.protocolVersion },
  ]);
  assertEquals((await server.request("tools/list")).error?.code, -32602);
  const _meta = {
    ...envelope(),
    "io.modelcontextprotocol/protocolVersion": INITIALIZE.protocolVersion,
  };
  assertEquals((await server.request("tools/list", { _meta })).error, error);
  assertEquals(await note(server, await create(server, true), true), 1);
});

Deno.test("EraLayer on stdio: a call by a name that is no text is answered", async () => {
  await using server = await start();
  // Texts cannot be made of these.
  for (const name of [{ toString: 1 }, [{ toString: 1 }], null, 7]) {
    const params = { name, _meta: envelope() };
    const { result, error } = await server.request("tools/call", params);
    assertEquals(result?.isError ?? error?.code === -32602, true);
  }
});

Deno.test("EraLayer on stdio: --era modern refuses an initialize without a version, and goes on", async () => {
  await using server = await start("--era", "modern");
  for (const protocolVersion of [{ toString: 1 }, undefined, 7]) {
    const { error } = await server.request("initialize", { ...INITIALIZE, protocolVersion });
    assertEquals(error?.code, -32602);
    assertMatch(error?.message ?? "", /params\.protocolVersion must be a string/);
  }
  await server.result("server/discover", { _meta: envelope() });
});

Deno.test("EraLayer on stdio: modern requests wait for no initialize that was cancelled", async () => {
  await using server = await start();
  const initialize = { jsonrpc: "2.0", id: "gone", method: "initialize", params: INITIALIZE };
  const cancelled = {
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId: "gone" },
  };
  const discover = server.expect("found");
  const asked = JSON.parse(modernRequest("server/discover", {}, "found"));
  // In one piece, so that the cancellation comes before the answer.
  const messages = [initialize, cancelled, asked];
  await server.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
  assertEquals((await discover).error, undefined);
});
