/** Notifications and requests of the server behind, for clients of both eras. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  INITIALIZE,
  type Server,
  startServer,
  type StdioServer,
  TRANSPORTS,
  type WireMessage,
} from "../../support/servers/server.ts";
import { envelope, modernHeaders, modernRequest } from "../../support/servers/modern_wire.ts";
import { messagesOf, post } from "../../support/servers/wire.ts";

const CHANGING = new URL("../../fixtures/changing.ts", import.meta.url);

/** Calls a tool as a modern client: its notifications, and at last its response. */
async function exchange(server: Server, name: string, meta = {}): Promise<WireMessage[]> {
  const params = { name, arguments: {}, _meta: envelope(meta) };
  if (!("url" in server)) return await server.exchange("tools/call", params);
  const headers = modernHeaders("tools/call", name);
  return await messagesOf(
    await post(`${server.url}`, modernRequest("tools/call", params), headers),
  );
}

/** What the messages of an exchange tell of levels and progress. */
function told(messages: readonly WireMessage[]): unknown[] {
  return messages.slice(0, -1).map(({ params }) => {
    const { data, progressToken } = Object(params);
    return data ?? progressToken;
  });
}

for (const transport of TRANSPORTS) {
  Deno.test(`EraLayer over ${transport}: log messages of a modern call from its logLevel on, and none without`, async () => {
    await using server = await startServer({ server: CHANGING, transport });
    const key = "io.modelcontextprotocol/logLevel";
    for (
      const [meta, levels] of [
        [{}, []],
        [{ [key]: "debug" }, ["debug", "warning", "error"]],
        [{ [key]: "warning" }, ["warning", "error"]],
        [{ [key]: "emergency" }, []],
      ] as const
    ) assertEquals<unknown>(told(await exchange(server, "log", meta)), levels);
  });

  Deno.test(`EraLayer over ${transport}: progress of a modern call under its own token`, async () => {
    await using server = await startServer({ server: CHANGING, transport });
    assertEquals(told(await exchange(server, "progress", { progressToken: "mine" })), ["mine"]);
  });

  Deno.test(`EraLayer over ${transport}: a request of a tool to a modern client is an error that names ask()`, async () => {
    await using server = await startServer({ server: CHANGING, transport });
    const [reply, ...others] = await exchange(server, "send_request");
    assertEquals([others, reply?.result?.isError], [[], true]);
    assertMatch(
      reply?.result?.content[0]?.text ?? "",
      /takes no requests: a tool asks it by ask\(\)/,
    );
  });

  Deno.test(`EraLayer over ${transport}: changes come to a modern client by no call`, async () => {
    await using server = await startServer({ server: CHANGING, transport });
    assertEquals((await exchange(server, "change_within")).length, 1);
  });
}

/** Calls a tool as a legacy client. */
async function legacyTold(server: StdioServer, name: string): Promise<unknown[]> {
  const messages = await server.exchange("tools/call", { name, arguments: { kind: "tools" } });
  return messages.slice(0, -1).map(({ method, params }) => Object(params).data ?? method);
}

const ALL_LOGS = ["debug", "warning", "error", "of no request"];
const CHANGE = ["notifications/tools/list_changed"];

Deno.test("EraLayer on stdio: a legacy client gets all notifications, with and without initialize", async () => {
  await using server = await startServer({ server: CHANGING, transport: "stdio" });
  for (const isInitialized of [false, true]) {
    if (isInitialized) await server.initialize();
    assertEquals(await legacyTold(server, "log"), ALL_LOGS);
    assertEquals(await legacyTold(server, "change"), CHANGE);
    assertEquals(await legacyTold(server, "change_within"), CHANGE);
  }
});

Deno.test("EraLayer on stdio: a client that discovers first and initializes then gets all notifications from then on", async () => {
  await using server = await startServer({ server: CHANGING, transport: "stdio" });
  await server.result("server/discover", { _meta: envelope() });
  await exchange(server, "change_within");
  assertEquals(server.notifications, []);
  await server.initialize();
  assertEquals(await legacyTold(server, "log"), ALL_LOGS);
  assertEquals(await legacyTold(server, "change"), CHANGE);
  // A modern request beside it still gets none of them.
  assertEquals(told(await exchange(server, "log")), ["of no request"]);
});

/** The capabilities that a server has from its client. */
async function capabilities(server: Server, isModern: boolean): Promise<unknown> {
  const params = {
    name: "client",
    arguments: {},
    ...(isModern && { _meta: envelope({}, MODERN) }),
  };
  return (await server.result("tools/call", params)).structuredContent.capabilities;
}

const MODERN = { sampling: {} };
const LEGACY = { roots: { listChanged: true } };

Deno.test("EraLayer on stdio: the capabilities of a legacy client stay its own, in both orders of the eras", async () => {
  for (const order of [["legacy", "modern"], ["modern", "legacy"]]) {
    await using server = await startServer({ server: CHANGING, transport: "stdio" });
    for (const era of order) {
      if (era === "legacy") {
        await server.result("initialize", { ...INITIALIZE, capabilities: LEGACY });
        await server.notify("notifications/initialized");
      } else {
        await server.result("server/discover", { _meta: envelope({}, MODERN) });
        // The server's initialize is its layer's own, in the name of nobody.
        if (order[0] === "modern") assertEquals(await capabilities(server, true), {});
      }
    }
    assertEquals(await capabilities(server, false), LEGACY);
  }
});
