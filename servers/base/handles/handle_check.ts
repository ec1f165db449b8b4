/**
 * Asking a server for its tools before it serves: whether handles can be added to all of them.
 *
 * @module
 */

import { HandleCatalog } from "../../../handles/catalog.ts";
import type { JSONRPCMessage, McpServer, Transport } from "../sdk.ts";
import { ToolSurvey } from "./tool_survey.ts";

/** Why handles cannot be added to this server's tools, if they cannot. Closes the server. */
export async function findObstacle(server: McpServer): Promise<string | undefined> {
  const catalog = new HandleCatalog();
  const transport = new SurveyTransport((tools) => catalog.replace(tools));
  await server.connect(transport);
  try {
    await transport.survey.done(undefined);
    return catalog.findings.find(({ isObstacle }) => isObstacle)?.why;
  } finally {
    await server.close();
  }
}

/** A transport with nobody on it but ourselves. */
class SurveyTransport implements Transport {
  readonly survey: ToolSurvey;
  onclose?: (() => void) | undefined;
  onmessage?: Transport["onmessage"];

  constructor(learn: (tools: readonly unknown[]) => void) {
    this.survey = new ToolSurvey((request) => this.onmessage?.(request), learn);
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (!("method" in message)) this.survey.settle(message);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.onclose?.();
    return Promise.resolve();
  }
}
