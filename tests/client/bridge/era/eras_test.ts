/** Hosts of either era in front of notebooks of either: the other servers are in the long test. */

import { HOST_ERAS, SERVER_ERAS, useThroughBridge } from "../../../support/bridge/eras.ts";

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
