/**
 * `ls`: a page of sessions.
 *
 * @module
 */

import { openInspector } from "../open.ts";
import { compareUtf8 } from "../utf8_order.ts";
import type { Command } from "./command_line.ts";
import { withPrincipal } from "./owners.ts";
import type { Report } from "./report.ts";
import { type ServedSession, sessionJson, sessionsOf, sessionTable, walk } from "./sessions.ts";

type Compare = (a: ServedSession, b: ServedSession) => number;

const ORDERS: Readonly<Record<string, Compare>> = {
  age: (a, b) => compareUtf8(a.record.stateId, b.record.stateId),
  expires: (a, b) => a.record.expiresAt - b.record.expiresAt,
  calls: (a, b) => b.record.toolCalls - a.record.toolCalls,
  bytes: (a, b) => b.bytes - a.bytes,
  owner: (a, b) => compareUtf8(a.record.owner ?? "", b.record.owner ?? ""),
  title: (a, b) => compareUtf8(titleOf(a), titleOf(b)),
};

export async function list({ url, filter, order }: Command & { kind: "ls" }): Promise<Report> {
  const { title = "", sort = "age", reverse, limit = 50, page = 1 } = order;
  await using inspector = await openInspector(url);
  const meant = await withPrincipal(inspector, filter);
  if ("shown" in meant) return meant;
  const found: ServedSession[] = [];
  const wanted = title.toLowerCase();
  for await (const session of walk(inspector, meant)) {
    if (titleOf(session).toLowerCase().includes(wanted)) found.push(session);
  }
  found.sort(ORDERS[sort]);
  if (reverse) found.reverse();
  const first = (page - 1) * limit;
  const shown = found.slice(first, first + limit);
  return {
    json: { total: found.length, page, limit, sessions: shown.map(sessionJson) },
    shown: shown.length === 0
      ? [
        found.length === 0
          ? "There are no such sessions."
          : `There are ${sessionsOf(found.length)}.`,
      ]
      : [
        sessionTable(shown),
        ...shown.length === found.length ? [] : [
          `${first + 1} to ${first + shown.length} of ${
            sessionsOf(found.length)
          }; --page has others`,
        ],
      ],
  };
}

function titleOf({ record }: ServedSession): string {
  return record.data["title"] ?? "";
}
