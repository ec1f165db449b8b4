/** Hosts of either era in front of all servers of either. */

import { HOST_ERAS, SERVER_ERAS, useThroughBridge } from "../../../support/bridge/eras.ts";

for (const server of ["hashcheck", "session"] as const) {
  for (const hostEra of HOST_ERAS) {
    for (const serverEra of SERVER_ERAS) {
      for (const way of ["stdio", "http"] as const) {
        Deno.test(
          `bridge: a ${hostEra} host uses ${server} with --era ${serverEra} over ${way}`,
          () => useThroughBridge(server, hostEra, serverEra, way),
        );
      }
    }
  }
}
