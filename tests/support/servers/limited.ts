/** Servers with limits of their own: `tests/fixtures/limited.ts` describes its tools. */

import { type HttpServer, startServer } from "./server.ts";

export const LIMITED = new URL("../../fixtures/limited.ts", import.meta.url);

/** Starts a limited server over HTTP. */
export function startLimited(
  limits: Record<string, number>,
  flags: string[] = [],
): Promise<HttpServer> {
  const args = [JSON.stringify(limits)];
  return startServer({ server: LIMITED, transport: "http", args, flags });
}

/** Lets the calls of `hold` go on. */
export async function release({ process }: HttpServer): Promise<void> {
  const writer = process.stdin.getWriter();
  await writer.write(new Uint8Array(1));
  writer.releaseLock();
}
