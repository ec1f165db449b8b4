/**
 * `servers`: the servers with sessions in a store.
 *
 * @module
 */

import { sizeOf } from "../../runtime/quantities.ts";
import { openInspector } from "../open.ts";
import type { Command } from "./command_line.ts";
import type { Report } from "./report.ts";

export async function servers({ url }: Command & { kind: "servers" }): Promise<Report> {
  await using inspector = await openInspector(url);
  const found = await inspector.servers();
  const rows = found.map(({ namespace, sessions, bytes }) => [
    namespace,
    String(sessions),
    bytes === undefined ? "-" : sizeOf(bytes),
  ]);
  return {
    json: found.map(({ namespace, sessions, bytes = null }) => ({
      server: namespace,
      sessions,
      bytes,
    })),
    shown: rows.length === 0
      ? ["There are no sessions."]
      : [[["SERVER", "SESSIONS", "SIZE"], ...rows]],
  };
}
