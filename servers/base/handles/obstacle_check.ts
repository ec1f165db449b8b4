/**
 * Obstacle check: whether handles can be added to all tools of a server, before it serves.
 *
 * @module
 */

import { HandleCatalog } from "../../../handles/tool_catalog.ts";
import type { ConnectableServer } from "../connectable_server.ts";
import type { Transport } from "../sdk.ts";
import { ToolDiscovery } from "./tool_discovery.ts";

/** Why handles cannot be added to a server's tools; `undefined` if they can. Closes the server. */
export async function findObstacle(server: ConnectableServer): Promise<string | undefined> {
  const catalog = new HandleCatalog();
  const discovery = new ToolDiscovery(
    (request) => transport.onmessage?.(request),
    (tools) => catalog.replace(tools),
  );
  const transport: Transport = {
    start: () => Promise.resolve(),
    send: (message) => {
      if (!("method" in message)) discovery.takeResponse(message);
      return Promise.resolve();
    },
    close: () => Promise.resolve(transport.onclose?.()),
  };
  await server.connect(transport);
  try {
    await discovery.discovered(undefined);
    return catalog.findings.find(({ isObstacle }) => isObstacle)?.why;
  } finally {
    await server.close();
  }
}
