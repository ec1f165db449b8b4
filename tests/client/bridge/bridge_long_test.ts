/** The bridge before each server: conversations over kills. */

import { assertEquals, assertNotEquals } from "@std/assert";
import { sessionOf, withBehind } from "../../support/bridge/bridged_servers.ts";
import { BridgeHost, conversation } from "../../support/bridge/host.ts";
import { type ServerName, SERVERS, TRANSPORTS } from "../../support/servers/server.ts";

type Keeps = (host: BridgeHost, text: string, meta: unknown) => Promise<string>;
type Shows = (host: BridgeHost, meta: unknown) => Promise<[state: unknown, session: string]>;

/** Calls of each server that keep and show state. */
const CALLS: Readonly<Record<ServerName, { keep: Keeps; show: Shows }>> = {
  session: {
    keep: async (host, note, meta) =>
      sessionOf(await host.tool("session_probe", { action: "status", note }, meta)),
    show: async (host, meta) => {
      const result = await host.tool("session_probe", {}, meta);
      return [result.structuredContent.calls, sessionOf(result)];
    },
  },
  session_required: {
    keep: async (host, text, meta) => {
      assertEquals((await host.tool("echo", { text }, meta)).content[0]?.text, text);
      return sessionOf(await host.tool("whoami", {}, meta));
    },
    show: async (host, meta) => {
      const result = await host.tool("whoami", {}, meta);
      return [result.structuredContent.tool_calls, sessionOf(result)];
    },
  },
  notebook: {
    keep: async (host, text, meta) => sessionOf(await host.tool("notebook_append", { text }, meta)),
    show: async (host, meta) => {
      const result = await host.tool("notebook_read", {}, meta);
      return [result.content[0]?.text, sessionOf(result)];
    },
  },
  hashcheck: {
    keep: async (host, text, meta) =>
      sessionOf(await host.tool("hashcheck_store", { key: "key", text }, meta)),
    show: async (host, meta) => {
      const result = await host.tool("hashcheck_list", {}, meta);
      return [result.structuredContent.entries, sessionOf(result)];
    },
  },
};

for (const server of SERVERS) {
  for (const way of TRANSPORTS) {
    const { keep, show } = CALLS[server];
    withBehind("a conversation keeps its session over kill -9", server, way, async (it, folder) => {
      const a = conversation("a");
      const b = conversation("b");
      let session: string;
      {
        await using host = await BridgeHost.connect(folder, it.args);
        session = await keep(host, "one", a);
        assertNotEquals(await keep(host, "two", b), session);
        await it.kill();
        await it.startAgain();
        await host.reconnected();
        assertEquals((await show(host, a))[1], session);
        await host.stop("SIGKILL");
      }
      await using host = await BridgeHost.connect(folder, it.args);
      const [ofA, inA] = await show(host, a);
      const [ofB, inB] = await show(host, b);
      assertEquals(inA, session);
      assertNotEquals(inB, session);
      if (server === "notebook") assertEquals([ofA, ofB], ["1. one", "1. two"]);
      if (server === "hashcheck") assertNotEquals(ofA, ofB);
      assertEquals((await it.sessions()).length, 2);
      assertEquals(await host.endInput(), 0);
      assertEquals((await it.sessions()).length, 2);
    });
  }
}
