/** A raw client over stdio of a server with limits. */

import { assertEquals } from "@std/assert";
import { LIMITED } from "./limited.ts";
import { RawProcess } from "./raw_process.ts";
import { INITIALIZE } from "./wire.ts";

/** Starts the server, and initializes it. */
export async function start(): Promise<RawProcess> {
  const server = new RawProcess([LIMITED.href, "{}", "--store", "memory:"]);
  await server.send({ id: "initialize", method: "initialize", params: INITIALIZE }, {
    method: "notifications/initialized",
  });
  assertEquals((await server.next()).id, "initialize");
  return server;
}

/** A request that calls a tool. */
export function call(id: number, name: string, args: object, _meta: object = {}): object {
  return { id, method: "tools/call", params: { name, arguments: args, _meta } };
}
