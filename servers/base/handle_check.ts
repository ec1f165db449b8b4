/**
 * Asking a server for its tools before it serves: whether handles can be added to them.
 *
 * @module
 */

import { member } from "../../protocol.ts";
import { clashIn } from "./handle_tools.ts";
import {
  type JSONRPCMessage,
  type McpServer,
  SUPPORTED_PROTOCOL_VERSIONS,
  type Transport,
} from "./sdk.ts";

/** Why handles cannot be added to this server's tools, if they cannot. Closes the server. */
export async function findClash(server: McpServer): Promise<string | undefined> {
  const questions = new Questions();
  await server.connect(questions);
  try {
    await questions.ask("initialize", {
      protocolVersion: SUPPORTED_PROTOCOL_VERSIONS[0],
      capabilities: {},
      clientInfo: { name: "handles", version: "1" },
    });
    let cursor: unknown;
    do {
      const page = await questions.ask("tools/list", cursor === undefined ? {} : { cursor });
      const tools = member(page, "tools");
      const clash = clashIn(Array.isArray(tools) ? tools : []);
      if (clash !== undefined) return clash;
      cursor = member(page, "nextCursor");
    } while (cursor !== undefined);
    return undefined;
  } finally {
    await server.close();
  }
}

/** A transport with nobody on it but ourselves. */
class Questions implements Transport {
  readonly #waiting = new Map<unknown, (result: unknown) => void>();
  #lastId = 0;
  onclose?: (() => void) | undefined;
  onmessage?: Transport["onmessage"];

  start(): Promise<void> {
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (!("method" in message)) this.#waiting.get(message.id)?.(member(message, "result"));
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.onclose?.();
    return Promise.resolve();
  }

  /** The result of a request; `undefined` if it was refused. */
  ask(method: string, params: Record<string, unknown>): Promise<unknown> {
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, resolve);
    this.onmessage?.({ jsonrpc: "2.0", id, method, params });
    return promise;
  }
}
