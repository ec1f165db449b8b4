/** Servers with limits of their own: `tests/fixtures/limited.ts` describes its tools. */

import { RawProcess } from "./raw_process.ts";
import { type HttpServer, startServer } from "./server.ts";

export const LIMITED = new URL("../../fixtures/limited.ts", import.meta.url);

export function startLimited(
  limits: Record<string, number>,
  flags: string[] = [],
): Promise<HttpServer> {
  const args = [JSON.stringify(limits)];
  return startServer({ server: LIMITED, transport: "http", args, flags });
}

/** Starts and initializes a limited server on stdio, which may be left unread. */
export async function startLimitedRaw(): Promise<RawProcess> {
  const server = new RawProcess([LIMITED.href, "{}", "--store", "memory:"]);
  await server.initialize();
  return server;
}

/** The resident memory of a limited server, in bytes. */
export async function memoryOf(server: HttpServer): Promise<number> {
  return Number((await server.toolResult("memory")).content[0]?.text);
}

/** Lets the calls of `hold` go on. */
export async function release({ process }: HttpServer): Promise<void> {
  const writer = process.stdin.getWriter();
  await writer.write(new Uint8Array(1));
  writer.releaseLock();
}
