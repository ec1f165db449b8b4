/** Hosts of either era in front of servers of either, as a model behind them uses them. */

import { assertEquals, assertMatch } from "@std/assert";
import type { ServerName } from "../servers/server.ts";
import { BridgedServer } from "./bridged_servers.ts";
import { conversation } from "./host.ts";
import { CALLS, DEAD } from "./model.ts";
import { ModernHost } from "./modern_host.ts";
import type { WireResult } from "../servers/server.ts";

export const HOST_ERAS = ["legacy", "modern"] as const;
export const SERVER_ERAS = ["legacy", "both", "modern"] as const;

/** What the two kinds of hosts have in common. */
interface Caller extends AsyncDisposable {
  tool(name: string, args?: Record<string, unknown>, meta?: unknown): Promise<WireResult>;
}

/** Connects a host by a bridge of its own. */
export async function connect(
  era: (typeof HOST_ERAS)[number],
  server: BridgedServer,
): Promise<Caller> {
  if (era === "legacy") return await server.connect();
  const host = ModernHost.start(server.folder, server.args);
  const { supportedVersions, capabilities } = await host.result("server/discover");
  assertEquals(supportedVersions, ["2026-07-28"]);
  // Its sessions are the bridge's.
  assertEquals(JSON.stringify(capabilities).includes("session"), false);
  return host;
}

/**
 * Uses a server through a bridge: sessions by handles and by conversations, over a kill of the server,
 * and again at another bridge.
 */
export async function useThroughBridge(
  name: ServerName,
  hostEra: (typeof HOST_ERAS)[number],
  serverEra: (typeof SERVER_ERAS)[number],
  way: "stdio" | "http",
): Promise<void> {
  await using server = await BridgedServer.start(name, way, "--era", serverEra);
  const { keep, show, shown } = CALLS[name];
  const [tool, args] = show;
  const [keeping, kept] = keep("a");
  let handle: unknown;
  {
    await using host = await connect(hostEra, server);
    ({ session: handle } = (await host.tool("session_create", {})).structuredContent);
    await host.tool(keeping, { ...kept, session: handle });
    await host.tool(keeping, kept, conversation("c"));
    await server.kill();
    await server.startAgain();
    const own = await afterKill(() => host.tool(tool, { ...args, session: handle }));
    const dead = await host.tool(tool, { ...args, session: "sess-none" });
    assertEquals(dead.isError, true);
    assertMatch(dead.content[0]?.text ?? "", DEAD);
    const other = await host.tool(tool, args, conversation("c"));
    for (const { structuredContent } of [own, other]) {
      assertEquals(shown(structuredContent), name === "session" ? 2 : 1);
    }
  }
  // The next bridge has a host of the other era.
  await using host = await connect(hostEra === "legacy" ? "modern" : "legacy", server);
  const again = await host.tool(tool, { ...args, session: handle });
  assertEquals(shown(again.structuredContent), name === "session" ? 3 : 1);
}

/** The first result after a kill: a call in the pipe to a dead process has an unknown outcome. */
async function afterKill(call: () => Promise<WireResult>): Promise<WireResult> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!`${error}`.includes("outcome_unknown")) throw error;
    }
  }
}
