/**
 * `stats`: how many sessions there are, whose, how old, until when and how large.
 *
 * @module
 */

import { countOf, sizeOf } from "../../runtime/quantities.ts";
import { openInspector } from "../open.ts";
import type { Command } from "./command_line.ts";
import { withPrincipal } from "./owners.ts";
import type { Report, Rows } from "./report.ts";
import { createdAt, ownerOf, type ServedSession, walk } from "./sessions.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Upper bounds of times, with what people call them. */
const SPANS = [
  ["hour", HOUR_MS],
  ["day", DAY_MS],
  ["week", 7 * DAY_MS],
  ["month", 30 * DAY_MS],
  ["longer", Infinity],
] as const;

/** The most owners that are named. */
const MOST_OWNERS = 10;

class Sum {
  sessions = 0;
  bytes = 0;
  toolCalls = 0;

  add({ record, bytes }: ServedSession) {
    this.sessions++;
    this.bytes += bytes;
    this.toolCalls += record.toolCalls;
  }
}

export async function stats({ url, filter }: Command & { kind: "stats" }): Promise<Report> {
  await using inspector = await openInspector(url);
  const meant = await withPrincipal(inspector, filter);
  if ("shown" in meant) return meant;
  const now = Date.now();
  const [total, largest] = [new Sum(), { bytes: 0 }];
  const [servers, owners] = [new Map<string, Sum>(), new Map<string | null, Sum>()];
  const [ages, expiries] = [new Map<string, Sum>(), new Map<string, Sum>()];
  for await (const session of walk(inspector, meant)) {
    const { record, namespace, bytes } = session;
    const created = createdAt(record);
    for (
      const sum of [
        total,
        servers.getOrInsertComputed(namespace, () => new Sum()),
        owners.getOrInsertComputed(record.owner, () => new Sum()),
        ages.getOrInsertComputed(
          spanOf(created === undefined ? undefined : now - created),
          () => new Sum(),
        ),
        expiries.getOrInsertComputed(spanOf(record.expiresAt - now), () => new Sum()),
      ]
    ) sum.add(session);
    largest.bytes = Math.max(largest.bytes, bytes);
  }
  const top = [...owners].sort(([, a], [, b]) => b.sessions - a.sessions).slice(0, MOST_OWNERS);
  const spans = (sums: ReadonlyMap<string, Sum>) =>
    [...SPANS.map(([name]) => name), "unknown"].filter((name) => sums.has(name))
      .map((name) => [name, sums.get(name)!] as const);
  return {
    json: {
      ...total,
      largest: largest.bytes,
      owners: owners.size,
      byServer: jsonOf("server", servers),
      byOwner: jsonOf("owner", top),
      byAge: jsonOf("upTo", spans(ages)),
      byExpiry: jsonOf("upTo", spans(expiries)),
    },
    shown: total.sessions === 0 ? ["There are no such sessions."] : [
      table("SERVER", servers),
      `${countOf(owners.size, "owner")}; the largest state has ` +
      `${sizeOf(largest.bytes)}.`,
      "",
      table("OWNER", top.map(([owner, sum]) => [ownerOf(owner), sum] as const)),
      "",
      table("AGE UP TO A", spans(ages)),
      "",
      table("EXPIRES WITHIN A", spans(expiries)),
    ],
  };
}

function spanOf(ms: number | undefined): string {
  if (ms === undefined) return "unknown";
  return SPANS.find(([, most]) => ms <= most)![0];
}

function jsonOf(name: string, sums: Iterable<readonly [string | null, Sum]>) {
  return Array.from(sums, ([value, sum]) => ({ [name]: value, ...sum }));
}

function table(name: string, sums: Iterable<readonly [string, Sum]>): Rows {
  return [
    [name, "SESSIONS", "CALLS", "SIZE"],
    ...Array.from(sums, ([value, { sessions, toolCalls, bytes }]) => [
      value,
      String(sessions),
      String(toolCalls),
      sizeOf(bytes),
    ]),
  ];
}
