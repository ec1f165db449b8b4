/** Hosts of either era in front of notebooks of either: the other servers are in the long test. */

import { assertEquals } from "@std/assert";
import { BridgedServer } from "../../../support/bridge/bridged_servers.ts";
import { conversation } from "../../../support/bridge/host.ts";
import { connect, HOST_ERAS, SERVER_ERAS, useThroughBridge } from "../../../support/bridge/eras.ts";

for (const hostEra of HOST_ERAS) {
  for (const serverEra of SERVER_ERAS) {
    for (const way of ["stdio", "http"] as const) {
      Deno.test(
        `bridge: a ${hostEra} host uses a server with --era ${serverEra} over ${way}`,
        () => useThroughBridge("notebook", hostEra, serverEra, way),
      );
    }
  }
}

for (const hostEra of HOST_ERAS) {
  for (const way of ["http", "stateful"] as const) {
    Deno.test(`bridge: a ${hostEra} host goes on with a server that is restarted in other eras (${way})`, async () => {
      await using server = await BridgedServer.start("notebook", way, "--era", "legacy");
      await using host = await connect(hostEra, server);
      const eras = ["modern", "legacy", "both", "legacy", "both", "modern"] as const;
      for (const [index, era] of [...eras, "legacy" as const].entries()) {
        const meta = conversation("c");
        const { structuredContent } = await host.tool("notebook_append", { text: "a" }, meta);
        assertEquals(structuredContent.note_number, index + 1, era);
        await server.kill();
        await server.startAgain("--era", era);
      }
    });
  }
}
