/**
 * Obstacle check: whether handles can be added to all tools of a server, before it serves.
 *
 * @module
 */

import { HandleCatalog } from "../../../handles/catalog.ts";
import type { JSONRPCMessage, McpServer, Transport } from "../sdk.ts";
import { ToolDiscovery } from "./tool_discovery.ts";

/** Why handles cannot be added to a server's tools; `undefined` if they can. Closes the server. */
export async function findObstacle(server: McpServer): Promise<string | undefined> {
  const catalog = new HandleCatalog();
  const transport = new DiscoveryTransport((tools) => catalog.replace(tools));
  await server.connect(transport);
  try {
    await transport.discovery.discovered(undefined);
    return catalog.findings.find(({ isObstacle }) => isObstacle)?.why;
  } finally {
    await server.close();
  }
}

/** A transport with a tool discovery as its only caller. */
class DiscoveryTransport implements Transport {
  readonly discovery: ToolDiscovery;
  onclose?: (() => void) | undefined;
  onmessage?: Transport["onmessage"];

  constructor(learn: (tools: readonly unknown[]) => void) {
    this.discovery = new ToolDiscovery((request) => this.onmessage?.(request), learn);
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (!("method" in message)) this.discovery.takeResponse(message);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.onclose?.();
    return Promise.resolve();
  }
}
