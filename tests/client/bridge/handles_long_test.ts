/** The bridge before each server, for a model that names its sessions by handles. */

import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { BridgedServer, sessionOf } from "../../support/bridge/bridged_servers.ts";
import { BridgeHost, Folder } from "../../support/bridge/host.ts";
import { type Call, DEAD, failure, Model, NONE, remark } from "../../support/bridge/model.ts";
import { type ServerName, SERVERS, TRANSPORTS } from "../../support/servers/server.ts";

/** Calls of each server that keep and show state, and what is shown. */
const CALLS: Readonly<
  Record<ServerName, {
    keep: (text: string) => Call;
    show: Call;
    shown: (content: Record<string, unknown>) => unknown;
  }>
> = {
  session: {
    keep: (note) => ["session_probe", { note }],
    show: ["session_probe", {}],
    shown: ({ calls }) => calls,
  },
  session_required: {
    keep: (text) => ["echo", { text }],
    show: ["whoami", {}],
    shown: ({ tool_calls }) => tool_calls,
  },
  notebook: {
    keep: (text) => ["notebook_append", { text }],
    show: ["notebook_read", {}],
    shown: ({ count }) => count,
  },
  hashcheck: {
    keep: (text) => ["hashcheck_store", { key: text, text }],
    show: ["hashcheck_list", {}],
    shown: ({ count }) => count,
  },
};

for (const server of SERVERS) {
  for (const way of TRANSPORTS) {
    const { keep, show, shown } = CALLS[server];
    /** What each `show` adds to the server's count. */
    const step = server === "session" || server === "session_required" ? 1 : 0;

    Deno.test(`bridge: a model makes, uses, lists and ends sessions by handles (${server}, ${way})`, async () => {
      await using folder = await Folder.create();
      await using behind = await BridgedServer.start(server, way, folder);
      let one: string;
      let two: string;
      let before: unknown;
      {
        await using host = await BridgeHost.connect(folder, behind.args);
        const model = new Model(host);
        one = await model.create("the first");
        two = await model.create();
        assertNotEquals(one, two);
        const kept = await model.call(keep("in one"), one);
        assertEquals([kept.isError, kept.content.length, kept._meta], [undefined, 1, undefined]);
        for (const text of ["b", "c"]) await model.call(keep(text), two);
        const [inOne, inTwo] = [await model.call(show, one), await model.call(show, two)];
        assertEquals(
          Number(shown(inTwo.structuredContent)) - Number(shown(inOne.structuredContent)),
          1,
        );
        assertEquals(await model.list(), [one, two]);
        before = shown((await model.call(show, one)).structuredContent);
        await host.stop("SIGKILL");
      }
      // A process for each call, as in some frameworks.
      for (let life = 1; life <= 2; life++) {
        await using host = await BridgeHost.connect(folder, behind.args);
        const result = await new Model(host).call(show, one);
        assertEquals(shown(result.structuredContent), Number(before) + life * step);
        assertEquals(await host.endInput(), 0);
      }
      await using host = await BridgeHost.connect(folder, behind.args);
      const model = new Model(host);
      assertEquals((await host.tool("session_end", { session: one })).structuredContent, {
        session: one,
        ended: true,
      });
      assertEquals(await model.list(), [two]);
      assertMatch(failure(await host.tool("session_end", { session: one })), DEAD);
      assertMatch(failure(await host.tool("session_end", { session: "none" })), DEAD);
      const ids = await behind.sessions();
      for (
        const dead of [one, "sess-" + "0".repeat(32), "none", "no such handle", "x".repeat(300)]
      ) {
        assertMatch(failure(await model.call(show, dead)), DEAD);
      }
      assertEquals(await behind.sessions(), ids, "a dead handle has made a session");
      assertEquals(ids, [two]);
    });

    Deno.test(`bridge: a call without a handle tells the model how to go on (${server}, ${way})`, async () => {
      await using folder = await Folder.create();
      await using behind = await BridgedServer.start(server, way, folder);
      await using host = await BridgeHost.connect(folder, behind.args);
      const model = new Model(host);
      if (server !== "session") {
        for (const session of [undefined, "", null]) {
          const [tool, args] = keep("x");
          assertMatch(failure(await host.tool(tool, { ...args, session })), NONE);
        }
        assertEquals(await behind.sessions(), []);
        return;
      }
      const result = await model.call(keep("x"));
      const handle = sessionOf(result);
      assertMatch(remark(result), new RegExp(`new one: ${handle}\\..*"session"`));
      assertEquals(await model.list(), [handle]);
      const next = await model.call(show, handle);
      assertEquals([sessionOf(next), next.structuredContent.calls], [handle, 2]);
      assertEquals(next.content.length, 1);
    });
  }
}
