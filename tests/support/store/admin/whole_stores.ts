/** Whole stores: filled with all that a session can have, and read to be compared. */

import {
  INTERNAL_OWNER,
  openInspector,
  openStore,
  type SessionRecord,
} from "../../../../store/mod.ts";
import { increment, put, record } from "../stores.ts";

const HOUR_MS = 60 * 60 * 1000;
const now = Date.now();

/** The sessions of a filled store, which begin at this time. */
export const CREATED = Date.UTC(2026, 0, 1);

/** The record of one of a filled store's sessions. Ids are such as must not be shown. */
export function filledRecord(index: number): SessionRecord {
  const hex = index.toString(16).padStart(20, "0");
  return record(`sess-secret-${hex}`, {
    stateId: `${(CREATED + index).toString(16).padStart(12, "0")}${hex}`,
    owner: [null, "alice", `owner ${index % 7}`][index % 3]!,
    alias: index % 4 === 0 ? `secret alias ${index}` : null,
    expiresAt: now + HOUR_MS * (1 + index),
    ttlMs: HOUR_MS + index,
    endsAt: index % 5 === 0 ? now + HOUR_MS * (2 + index) : null,
    data: {
      title: `Title ${index} 買い物`,
      reason: "tests",
      createdAt: new Date(CREATED + index * HOUR_MS).toISOString(),
    },
  });
}

/** Fills a store with sessions of two servers, half of them with states, and a server's own record. */
export async function fillStore(url: string, count: number): Promise<void> {
  for (const [namespace, first] of [["one", 0], ["two", 1]] as const) {
    await using store = await openStore(url, { namespace, warn: () => {} });
    for (let from = first; from < count; from += 500) {
      const indexes = Array.from({ length: 250 }, (_, i) => from + 2 * i).filter((i) => i < count);
      await Promise.all(indexes.map(async (index) => {
        const { id } = await store.create(filledRecord(index));
        for (let calls = index % 4; calls > 0; calls--) await increment(store, id);
        if (index % 10 === 2) {
          await put(store, id, ["key", index], ["é\0", { a: [null, "\u{1f600}"] }], ["", ""]);
        }
      }));
    }
    await store.create(record("sess-own", {
      owner: INTERNAL_OWNER,
      alias: "request-state-key",
      expiresAt: Number.MAX_SAFE_INTEGER,
      data: { key: "0123" },
    }));
  }
}

/** All that is in a store, in one order: what two stores have alike after a copy. */
export async function allOf(url: string): Promise<unknown[]> {
  await using inspector = await openInspector(url);
  const all: unknown[] = [];
  for (const { namespace, sessions: count } of await inspector.servers()) {
    for (const owner of [undefined, INTERNAL_OWNER]) {
      const sessions = await inspector.sessions({ namespace, owner, limit: 1_000_000 });
      all.push([namespace, owner ?? count, sessions.length]);
      for (const session of sessions) {
        const { stateId } = session.record;
        const state = session.bytes === 0
          ? []
          : await inspector.entries({ namespace, stateId, limit: 1_000_000 });
        all.push([session, state]);
      }
    }
  }
  return all;
}
